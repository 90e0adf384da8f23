package oidc

import (
	"strings"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/keywright/keywright/facts"
)

// Claim is a claim as policies test it: a condition key, without the provider's
// name and the colon in front.
type Claim struct {
	Key       string
	Values    []string
	Multi     bool // whether the key has many values
	InSession bool // whether requests of the session have the key too
}

// Claims returns the claims that a token brings to conditions, for a provider
// whose keys begin with name ("Available keys for AWS OIDC federation", IAM User
// Guide): the standard ones, and those that AWS lists for the provider.
func (t *Token) Claims(name string) []Claim {
	claims := []Claim{
		{Key: "aud", Values: []string{t.Audience}, InSession: true},
		{Key: "sub", Values: []string{t.Subject}, InSession: true},
	}
	claims = append(claims, Claim{Key: "oaud", Values: t.Audiences, Multi: len(t.Audiences) > 1})
	if len(t.Methods) > 0 {
		claims = append(claims, Claim{Key: "amr", Values: t.Methods, Multi: true, InSession: true})
	}
	if t.Email != "" {
		claims = append(claims, Claim{Key: "email", Values: []string{t.Email}})
	}
	if !strings.Contains(name, ".") {
		return claims // a host "aws" or "sts" is no provider that AWS knows: their keys are not for tokens to say
	}
	standard := len(claims)
	for _, k := range facts.Keys() {
		key, ok := strings.CutPrefix(k.Name, name+":")
		if !ok || k.IsPrefix() || hasClaim(claims[:standard], key) {
			continue
		}
		if value, ok := t.scalar(key); ok {
			claims = append(claims, Claim{Key: key, Values: []string{value}})
		}
	}
	return claims
}

func hasClaim(claims []Claim, key string) bool {
	for _, c := range claims {
		if c.Key == key {
			return true
		}
	}
	return key == "amr" || key == "email"
}

// scalar returns the text of a claim that is a string, a number or a boolean.
// Slashes lead to a claim inside of others.
func (t *Token) scalar(path string) (string, bool) {
	claims := t.claims
	for {
		name, rest, inner := strings.Cut(path, "/")
		raw, ok := claims[name]
		if !ok {
			return "", false
		}
		if !inner {
			return scalarText(raw)
		}
		claims, path = nil, rest
		if json.Unmarshal(raw, &claims) != nil {
			return "", false
		}
	}
}

func scalarText(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, text != ""
	}
	if s := string(raw); s == "true" || s == "false" || s != "" && strings.Trim(s, "-0123456789") == "" {
		return s, true
	}
	return "", false
}
