package lint

import "github.com/keywright/keywright/policy/eval"

// The types of policies that an API puts, for packages that may not import
// policy/eval.
const (
	Identity = eval.Identity
	Session  = eval.Session
	Bucket   = eval.Resource
	Trust    = eval.Trust
)
