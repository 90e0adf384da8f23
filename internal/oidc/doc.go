// Package oidc knows OpenID Connect as far as AWS STS takes part in it: ID
// tokens that prove who somebody is to an identity provider, and where the
// provider publishes the keys that they are signed with ("Create an OpenID
// Connect (OIDC) identity provider in IAM", IAM User Guide).
//
// It does not know which providers an account trusts, and asks nobody but the
// provider that it is given. What a token's holder may do is not its business.
package oidc
