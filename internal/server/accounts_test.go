package server

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/sigv4"
)

const (
	owner     = "700001145864652591"
	elsewhere = "210987654321"
)

// addUser makes a user, with an inline policy unless document is "", and returns
// what signs his requests to S3.
func (r *running) addUser(accountID, name, document string) sigv4.Signer {
	r.t.Helper()
	ctx := context.Background()
	if _, err := r.directory.CreateUser(ctx, directory.User{AccountID: accountID, Path: "/", Name: name}); err != nil {
		r.t.Fatal(err)
	}
	if document != "" {
		e := directory.Entity{AccountID: accountID, Kind: directory.KindUser, Name: name}
		if err := r.directory.PutInlinePolicy(ctx, e, "p", document); err != nil {
			r.t.Fatal(err)
		}
	}
	key, secret, err := r.directory.CreateAccessKey(ctx, accountID, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return sigv4.Signer{AccessKeyID: key.ID, SecretAccessKey: secret, Region: "us-east-1", Service: "s3"}
}

// TestAnotherAccount sends requests of another account's users for a bucket of
// one user, and for one whose policy lets one of them in: it takes both sides
// ("Cross-account policy evaluation logic", IAM User Guide).
func TestAnotherAccount(t *testing.T) {
	r := start(t, Config{AccountID: owner})
	if _, err := r.directory.CreateAccount(t.Context(), directory.Account{ID: elsewhere}); err != nil {
		t.Fatal(err)
	}
	everything := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	r.addUser(owner, "mmustermann", "")
	eve := r.addUser(elsewhere, "eve", everything)
	nobody := r.addUser(elsewhere, "nobody", "")

	single := strings.NewReplacer("BUCKET", "examplebucket", "USER", "arn:aws:iam::"+owner+":user/mmustermann").Replace(`{
 "Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"AWS":"USER"},"Action":"s3:*","Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"]},
 {"Effect":"Deny","NotPrincipal":{"AWS":"USER"},"Action":"s3:*","Resource":["arn:aws:s3:::BUCKET","arn:aws:s3:::BUCKET/*"]}]}`)
	shared := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::shared-bucket/*",
 "Principal":{"AWS":["arn:aws:iam::` + elsewhere + `:user/eve","arn:aws:iam::` + elsewhere + `:user/nobody"]}}]}`
	for bucket, policy := range map[string]string{"examplebucket": single, "shared-bucket": shared} {
		r.must(http.StatusOK, "PUT", "/"+bucket, "")
		r.must(http.StatusOK, "PUT", "/"+bucket+"/x", "data")
		r.must(http.StatusNoContent, "PUT", "/"+bucket+"?policy", policy)
	}

	for _, c := range []struct {
		name   string
		signer sigv4.Signer // the zero Signer is anonymous
		method string
		path   string
		status int
	}{
		{"read", eve, "GET", "/examplebucket/x", 403},
		{"write", eve, "PUT", "/examplebucket/y", 403},
		{"delete", eve, "DELETE", "/examplebucket/x", 403},
		{"list", eve, "GET", "/examplebucket?list-type=2", 403},
		{"read the policy", eve, "GET", "/examplebucket?policy", 403},
		{"replace the policy", eve, "PUT", "/examplebucket?policy", 403},
		{"remove the policy", eve, "DELETE", "/examplebucket?policy", 403},
		{"remove the bucket", eve, "DELETE", "/examplebucket", 403},
		{"anonymous", sigv4.Signer{}, "GET", "/examplebucket/x", 403},
		{"let in by both sides", eve, "GET", "/shared-bucket/x", 200},
		{"more than the bucket's side", eve, "PUT", "/shared-bucket/x", 403},
		{"let in by the bucket alone", nobody, "GET", "/shared-bucket/x", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := http.NewRequest(c.method, r.Endpoint()+c.path, strings.NewReader(single))
			if err != nil {
				t.Fatal(err)
			}
			if c.signer != (sigv4.Signer{}) {
				c.signer.Sign(q, sigv4.UnsignedPayload, time.Now())
			}
			status, body := r.do(q)
			if status != c.status {
				t.Fatalf("%d, want %d: %s", status, c.status, body)
			}
			if status == http.StatusForbidden && !strings.Contains(body, "<Message>Access Denied</Message>") {
				t.Errorf("another account was told why: %s", body)
			}
		})
	}
	if policy := r.must(http.StatusOK, "GET", "/examplebucket?policy", ""); policy != single {
		t.Errorf("the policy was changed to %s", policy)
	}
}
