package eval

import (
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// Any document that compiles decides any request, and says why.
func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}}`), "s3:GetObject", "arn:aws:s3:::b/David/x", "David")
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","NotAction":["s3:Get*"],"NotResource":"*","Condition":{"ForAnyValue:StringLikeIfExists":{"k":["a*"]}}}]}`), "s3:PutObject", "*", "a")
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["111111111111","*"]},"Action":"s3:*","Resource":"arn:aws:s3:::*","Condition":{"ArnLike":{"k":"arn:*:*:*:*:${k}"}}}}`), "s3:GetObject", "arn:aws:s3:::b", "x")
	f.Fuzz(func(t *testing.T, document []byte, action, resource, value string) {
		doc, err := policy.Parse(document)
		if err != nil {
			return
		}
		r := &Request{
			Principal: Principal{Type: User, ARN: "arn:aws:iam::111111111111:user/David", AccountID: "111111111111"},
			Action:    action, Resource: resource, Context: &condition.Context{},
		}
		r.Context.SetString("aws:username", value)
		r.Context.SetString("k", value)
		for kind := Identity; kind <= ResourceControl; kind++ {
			p, err := Compile(doc, Options{Type: kind})
			if err != nil {
				continue
			}
			policies := &Policies{Identity: []*Policy{p}}
			if kind == Resource || kind == Trust {
				policies = &Policies{Resource: p}
			}
			d := Decide(r, policies)
			explained, trace := Explain(r, policies)
			if explained != d {
				t.Fatalf("Explain decides %+v, Decide %+v", explained, d)
			}
			if err := agrees(d, trace); err != nil {
				t.Fatal(err)
			}
			if d.Allowed() == (d.Because(action) != "") {
				t.Fatalf("%s because %q", d.Effect, d.Because(action))
			}
			if !utf8Same(action, resource, value) {
				continue // the plain reading has no bytes that are no characters
			}
			if plain := plainDecide(r, policies); plain != d.Effect {
				t.Fatalf("%s on %s: Decide %s, plain reading %s", action, resource, d.Effect, plain)
			}
		}
	})
}

func utf8Same(texts ...string) bool {
	for _, s := range texts {
		if strings.ToValidUTF8(s, "") != s {
			return false
		}
	}
	return true
}

// choices draws from bytes, so that fuzzing changes what is drawn; when they
// are used up it draws the first of everything.
type choices struct{ bytes []byte }

func (c *choices) IntN(n int) int {
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

// What fuzzing draws decides as the plain reading of the rules.
func FuzzPlainReading(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"))
	f.Add([]byte(strings.Repeat("\x07\x01\x2f\x0b", 60)))
	f.Add([]byte(strings.Repeat("\x11\x05\x02\x1d\x03\x00\x29", 60)))
	people := somebody(f)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		random := &evaltest.Random{Source: &choices{bytes}, Principals: people}
		set := random.Set()
		p, err := compiledSet(set)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := compareOnce(random.Case(set), p); err != nil {
				t.Fatal(err)
			}
		}
	})
}
