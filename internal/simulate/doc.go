// Package simulate decides requests that nobody made, as IAM's policy
// simulator does: it compiles the documents that a simulation brings, asks
// policy/eval, and says in the simulator's own shapes which statements decided
// and which condition keys were missing ("SimulateCustomPolicy",
// "SimulatePrincipalPolicy", IAM API Reference).
//
// It is no way to authorize anything: it believes whatever it is told about the
// caller, the resource and the context. Real requests are decided by
// internal/access.
package simulate
