// Package s3 knows the S3 protocol: how a request names an operation, a bucket
// and a key, what each operation needs, what it does to the directory and the
// object store, and how it answers.
//
// It does not know who a caller is and decides nothing: an operation says what
// it needs, and internal/service runs it when that was allowed. Every operation
// of S3 that is not in its table, every parameter and every header that asks
// for something it does not do, is refused, never taken for something else.
package s3
