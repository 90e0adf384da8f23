// Package lifecycle knows S3 Lifecycle: the document that a bucket's owner puts,
// when a rule of it applies to a version or an upload, and how rules are carried
// out ("Managing the lifecycle of objects", Amazon S3 User Guide).
//
// It moves nothing between classes of storage, of which there is one, and takes
// no requests: what it removes, the owner of the bucket has asked for in advance.
package lifecycle
