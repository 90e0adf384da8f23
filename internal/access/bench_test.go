package access_test

import (
	"strconv"
	"testing"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/internal/sigv4"
	"github.com/keywright/keywright/policy/condition"
)

const sessionPolicy = `{"Version":"2012-10-17","Statement":[{"Sid":"List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::my-company",
	"Condition":{"StringLike":{"s3:prefix":["home/${aws:PrincipalTag/team}/*","shared/*"]}}},
	{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectTagging"],"Resource":["arn:aws:s3:::my-company/*"]}]}`

// BenchmarkAuthenticate is what it costs to know a caller.
func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	for name, signer := range map[string]sigv4.Signer{
		"user":             w.key(account, "David"),
		"role":             w.roleSession(nil),
		"role-with-policy": w.roleSession(func(s *session.Session) { s.Policy = sessionPolicy }),
		"role-with-managed-policies": w.roleSession(func(s *session.Session) {
			s.PolicyARNs = []string{"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess", "arn:aws:iam::aws:policy/AmazonS3FullAccess"}
		}),
	} {
		r, _, err := w.authenticate(signer)
		if err != nil {
			b.Fatal(err)
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := w.access.Authenticate(r, s, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAuthorize is what the needs of one request cost: the one of a
// GetObject, and those of a DeleteObjects of a thousand keys.
func BenchmarkAuthorize(b *testing.B) {
	w := newWorld(b)
	w.policy(directory.Entity{AccountID: account, Kind: directory.KindRole, Name: "Reader"}, allow("s3:*", "arn:aws:s3:::my-company/*", ""))
	r, c, err := w.authenticate(w.roleSession(nil))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1, 1000} {
		needs := make([]access.Need, n)
		for i := range needs {
			needs[i] = w.get("key-" + strconv.Itoa(i))
			needs[i].Context = func(c *condition.Context) { c.SetString("s3:authType", "REST-HEADER") }
		}
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				q := access.Query{Context: b.Context(), HTTP: r, Time: now, Caller: c}
				for i := range needs {
					q.Need = needs[i]
					if err := w.access.Authorize(&q); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkDeny is what a denial costs, with its encoded message.
func BenchmarkDeny(b *testing.B) {
	w := newWorld(b)
	r, c, err := w.authenticate(w.roleSession(nil))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		q := access.Query{Context: b.Context(), HTTP: r, Time: now, Caller: c, Need: w.get("key")}
		if err := w.access.Authorize(&q); err == nil {
			b.Fatal("allowed")
		}
	}
}
