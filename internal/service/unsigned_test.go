package service_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/service"
)

// TestWebIdentity sends documents without signatures: the token that stands in
// one is its credential, and without one nobody is told anything.
func TestWebIdentity(t *testing.T) {
	read := func(r *service.Request) (string, error) {
		body, err := io.ReadAll(r.Body)
		return string(body), err
	}
	identified := service.Define(service.Spec[string]{
		Name: "AssumeRoleWithWebIdentity", Parse: read,
		Identity: func(token string) service.WebIdentity { return service.WebIdentity{Token: token, RoleARN: "r"} },
		Needs: func(r *service.Request, _ string) ([]service.Need, error) {
			return []service.Need{{Action: "sts:AssumeRoleWithWebIdentity", Resource: r.Caller.ARN}}, nil
		},
		Serve: func(_ context.Context, r *service.Request, _ string) (*service.Response, error) {
			return &service.Response{Data: []byte("for " + r.Caller.ARN)}, nil
		},
	})
	plain := service.Define(service.Spec[string]{
		Name: "GetCallerIdentity", Parse: read, Unconditional: true,
		Serve: func(context.Context, *service.Request, string) (*service.Response, error) {
			return &service.Response{Data: []byte("anybody")}, nil
		},
	})
	for _, c := range []struct {
		name      string
		operation service.Operation
		limit     int64
		body      string
		denied    bool
		want      string // in the answer
	}{
		{"a good token", identified, 100, "good", false, "for arn:aws:iam::1:oidc-provider/p"},
		{"whom nobody trusts", identified, 100, "good", true, "AccessDenied: no sts:AssumeRoleWithWebIdentity"},
		{"a bad token", identified, 100, "bad", false, "InvalidToken: not good for r"},
		{"too long", identified, 3, "good", false, "RequestEntityTooLarge"},
		{"an operation that asks for a signature", plain, 100, "good", false, "MissingAuthenticationToken"},
		{"a service that does", identified, 0, "good", false, "MissingAuthenticationToken"},
	} {
		b := newBench(identified, func(o *service.Options) {
			o.Documents = []service.DocumentService{
				documents{protocol: protocol{"sts", c.operation}}, documents{protocol: protocol{"sts", c.operation}, unsigned: c.limit},
			}
		})
		b.authority.denied = map[string]bool{"sts:AssumeRoleWithWebIdentity": c.denied}
		_, got := b.send(httptest.NewRequest("POST", "http://h/sts", strings.NewReader(c.body)))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
		if c.denied && !strings.Contains(b.log.String(), "arn:aws:iam::1:oidc-provider/p:app:alice") {
			t.Errorf("%s: the log does not say who it was: %s", c.name, &b.log)
		}
	}

	// Beside a signature, the token still says who the caller is.
	b := newBench(identified, nil)
	if _, got := b.send(signed("sts", "eu-central-1", "POST", "good")); got != "for arn:aws:iam::1:oidc-provider/p" {
		t.Errorf("with a signature: %s", got)
	}
}
