// Package kms is the key service: it speaks the JSON protocol of AWS KMS, keeps
// nothing itself and decides nothing. Its keys are the directory's, symmetric
// ones only; who may use one is decided by the key's policy together with those
// of IAM. Operations on other kinds of keys, key stores and grants are refused by
// their names.
//
// It also says what any use of a key brings to its decision, and what it is bound
// to, for S3, which uses keys for its callers.
package kms
