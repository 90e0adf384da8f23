// Package iam serves AWS Identity and Access Management: users, groups, roles,
// policies and access keys of the caller's account ("IAM API Reference"). It
// knows the operations' parameters, what each needs, and IAM's words for what
// goes wrong; where the identities are kept and which limits hold is the
// directory's knowledge.
//
// It decides nothing: an operation says what the caller must be allowed to do,
// and is served only after others have decided that he is.
package iam
