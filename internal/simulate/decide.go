package simulate

import "github.com/keywright/keywright/policy/eval"

// Decide decides a request that nobody made, for the commands that answer from
// files. It allocates nothing unless the context does.
func Decide(r *eval.Request, p *eval.Policies) eval.Decision { return eval.Decide(r, p) }

// Explain decides a request that nobody made, and says how each statement of
// its policies met it.
func Explain(r *eval.Request, p *eval.Policies) (eval.Decision, *eval.Trace) {
	return eval.Explain(r, p)
}
