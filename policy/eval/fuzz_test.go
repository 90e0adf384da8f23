package eval

import (
	"encoding/json"
	"net/netip"
	"strconv"
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
		for kind := Identity; kind <= KeyPolicy; kind++ {
			p, err := Compile(doc, Options{Type: kind})
			if err != nil {
				continue
			}
			policies := &Policies{Identity: []*Policy{p}}
			if kind == Resource || kind == Trust || kind == KeyPolicy {
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

// What fuzzing draws decides as the plain reading of the rules.
func FuzzPlainReading(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"))
	f.Add([]byte(strings.Repeat("\x07\x01\x2f\x0b", 60)))
	f.Add([]byte(strings.Repeat("\x11\x05\x02\x1d\x03\x00\x29", 60)))
	people := somebody(f)
	f.Fuzz(func(t *testing.T, bytes []byte) {
		random := &evaltest.Random{Source: (*evaltest.Bytes)(&bytes), Principals: people}
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

// Any condition that compiles holds when the plain reading of it holds, for a
// key that is absent, of one text, of several, or of another type.
func FuzzCondition(f *testing.F) {
	f.Add("ForAnyValue:StringLikeIfExists", "${aws:username}*", "${absent, 'b'}", "x", uint8(1))
	f.Add("DateNotEquals", "2026-01-01T00:00", "2026-01", "1700000000", uint8(0))
	f.Add("IpAddress", "::ffff:1.2.3.4/100", "10.0.0.0/8", "1.2.3.4", uint8(0))
	f.Add("NumericLessThanEquals", "1e1", "10.50", "9007199254740993", uint8(3))
	f.Add("ForAllValues:ArnNotLike", "arn:aws:iam::*:user/*", "${k}", "arn:aws:iam::1:user/David", uint8(2))
	f.Add("BoolIfExists", "TRUE", "${k}", "false", uint8(4))
	f.Add("Null", "true", "false", "", uint8(5))
	f.Fuzz(func(t *testing.T, operator, first, second, have string, kind uint8) {
		if !utf8Same(operator, first, second, have) || len(first)+len(second)+len(have) > 1000 {
			return
		}
		if strings.Contains(operator, "Numeric") && strings.ContainsAny(first+second+have, ".eE") && len(first+second+have) > 24 {
			return // of long fractions, floating point has not all the digits
		}
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": map[string]any{
			"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": map[string]any{operator: map[string]any{"k": []string{first, second}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := policy.Parse(text)
		if err != nil {
			return
		}
		p, err := Compile(doc, Options{Type: Identity})
		if err != nil {
			return
		}
		r := &Request{Principal: Principal{Type: User, AccountID: "111111111111"}, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/a", Context: &condition.Context{}}
		r.Context.SetString("aws:username", "David")
		setKind(r.Context, have, kind)
		policies := &Policies{Identity: []*Policy{p}}
		if d, plain := Decide(r, policies), plainDecide(r, policies); d.Effect != plain {
			t.Fatalf("%s with %q, kind %d: Decide %s, plain reading %s", text, have, kind%7, d.Effect, plain)
		}
	})
}

// setKind sets the key k, as a type that the text can be read as.
func setKind(c *condition.Context, have string, kind uint8) {
	switch kind % 7 {
	case 1:
		c.SetStrings("k", []string{have})
	case 2:
		c.SetStrings("k", strings.Split(have, ","))
	case 3:
		n, _ := strconv.ParseInt(have, 10, 64)
		c.SetInt("k", n)
	case 4:
		c.SetBool("k", have == "true")
	case 5:
	case 6:
		a, err := netip.ParseAddr(have)
		if err != nil {
			a = netip.IPv6Loopback()
		}
		c.SetIP("k", a)
	default:
		c.SetString("k", have)
	}
}
