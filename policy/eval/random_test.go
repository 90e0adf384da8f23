package eval

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// The generators draw from few values, so that statements match often and the
// rules of combination are what is tested.

var (
	someActions    = []string{"s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:PutBucketPolicy", "s3:ListAllMyBuckets", "sts:AssumeRole"}
	actionPatterns = []string{"*", "s3:*", "s3:Get*", "S3:getobject", "s3:PutObject", "s3:*Bucket*", "s3:???Object", "sts:AssumeRole", "s3:ListAllMyBuckets"}
	someResources  = []string{"*", "arn:aws:s3:::b", "arn:aws:s3:::b/a", "arn:aws:s3:::b/a/x", "arn:aws:s3:::b/David/x", "arn:aws:s3:::bb/a", "arn:aws:iam::111111111111:role/r"}
	resources      = []string{"*", "arn:aws:s3:::*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b*", "arn:aws:s3:::b/a", "arn:aws:s3:::b/a/*",
		"arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${aws:PrincipalTag/t, 'a'}*", "arn:*:s3:*:*:b/?", "arn:aws:iam::1*:role/r", "arn:aws:s3:::${absent}"}
	principalNames = []string{"*", "111111111111", "arn:aws:iam::222222222222:root", "arn:aws:iam::111111111111:user/David", "arn:aws:iam::111111111111:role/app",
		"arn:aws:sts::111111111111:assumed-role/app/s1", "arn:aws:sts::111111111111:federated-user/fred", "AIDADAVIDAAAAAAAAAAAA", "arn:aws:iam::222222222222:user/stranger"}
	operators = []string{"StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringEqualsIfExists", "StringNotEqualsIfExists",
		"ForAllValues:StringEquals", "ForAnyValue:StringLike", "ForAllValues:StringNotLike", "ForAnyValue:StringNotEquals", "Null"}
	conditionKeys   = []string{"s3:prefix", "aws:username", "S3:Prefix", "aws:TagKeys", "aws:PrincipalTag/t", "absent", "aws:PrincipalArn"}
	conditionValues = []string{"", "a", "A", "a*", "David", "${aws:username}", "?", "${*}", "${absent, 'a'}",
		"arn:aws:iam::111111111111:role/app", "arn:aws:iam::*"}
)

func drawDocument(t *rapid.T, kind PolicyType) map[string]any {
	doc := map[string]any{"Statement": rapid.SliceOfN(rapid.Custom(func(t *rapid.T) map[string]any { return drawStatement(t, kind) }), 1, 4).Draw(t, "statements")}
	if rapid.IntRange(0, 3).Draw(t, "versioned") > 0 {
		doc["Version"] = rapid.SampledFrom([]string{"2012-10-17", "2012-10-17", "2008-10-17"}).Draw(t, "version")
	}
	return doc
}

func drawStatement(t *rapid.T, kind PolicyType) map[string]any {
	s := map[string]any{"Effect": rapid.SampledFrom([]string{"Allow", "Allow", "Deny"}).Draw(t, "effect")}
	list := func(name string, from []string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(from), 1, 3).Draw(t, name)
	}
	s[rapid.SampledFrom([]string{"Action", "Action", "NotAction"}).Draw(t, "a")] = list("actions", actionPatterns)
	if kind != Trust {
		s[rapid.SampledFrom([]string{"Resource", "Resource", "NotResource"}).Draw(t, "r")] = list("resources", resources)
	}
	switch kind {
	case Resource, Trust:
		element := "Principal"
		if kind == Resource && s["Effect"] == "Deny" && rapid.Bool().Draw(t, "not") {
			element = "NotPrincipal"
		}
		s[element] = map[string]any{"AWS": list("principals", principalNames), "Service": "logging.s3.amazonaws.com"}
	case ResourceControl:
		s["Principal"] = "*"
	}
	if rapid.Bool().Draw(t, "conditional") {
		operator := rapid.SampledFrom(operators).Draw(t, "operator")
		values := list("values", conditionValues)
		if operator == "Null" {
			values = list("nulls", []string{"true", "false"})
		}
		s["Condition"] = map[string]any{operator: map[string]any{rapid.SampledFrom(conditionKeys).Draw(t, "key"): values}}
	}
	return s
}

type fataler interface{ Fatalf(string, ...any) }

func compileDocument(t fataler, doc any, kind PolicyType) *Policy {
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatalf("%v", err)
	}
	parsed, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p, err := Compile(parsed, Options{Type: kind})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return p
}

func drawPolicy(t *rapid.T, kind PolicyType) *Policy {
	return compileDocument(t, drawDocument(t, kind), kind)
}

func drawList(t *rapid.T, kind PolicyType, most int) []*Policy {
	var list []*Policy
	for range rapid.IntRange(0, most).Draw(t, "policies") {
		list = append(list, drawPolicy(t, kind))
	}
	return list
}

func drawPolicies(t *rapid.T) *Policies {
	often := func(name string) bool { return rapid.IntRange(0, 2).Draw(t, name) > 0 }
	p := &Policies{Identity: drawList(t, Identity, 3)}
	if !often("no boundary") {
		p.Boundary = drawPolicy(t, PermissionsBoundary)
	}
	if !often("no session") {
		p.HasSession = true
		p.Session = drawList(t, Session, 2)
	}
	if often("resource") {
		p.Resource = drawPolicy(t, rapid.SampledFrom([]PolicyType{Resource, Resource, Trust}).Draw(t, "kind"))
	}
	if !often("no scp") {
		p.ServiceControl = [][]*Policy{drawList(t, ServiceControl, 2), drawList(t, ServiceControl, 2)}
	}
	if !often("no rcp") {
		p.ResourceControl = [][]*Policy{drawList(t, ResourceControl, 2)}
	}
	p.RestrictPublicBuckets = !often("not restricted")
	return p
}

func drawRequest(t *rapid.T, people []*evaltest.Principal) *Request {
	who := people[rapid.IntRange(0, len(people)-1).Draw(t, "who")]
	r := &Request{
		Principal: principalOf(who), Action: rapid.SampledFrom(someActions).Draw(t, "action"), Resource: rapid.SampledFrom(someResources).Draw(t, "resource"),
		ResourceAccount: rapid.SampledFrom([]string{"111111111111", "111111111111", "222222222222", ""}).Draw(t, "owner"), Context: &condition.Context{},
	}
	if r.Resource == "*" {
		r.Action = rapid.SampledFrom([]string{"s3:ListAllMyBuckets", "s3:CreateJob"}).Draw(t, "wide action")
	}
	evaltest.SetKeys(r.Context, who.Keys)
	if rapid.Bool().Draw(t, "has prefix") {
		r.Context.SetString("s3:prefix", rapid.SampledFrom([]string{"", "a", "ab", "David", "*"}).Draw(t, "prefix"))
	}
	if rapid.Bool().Draw(t, "has tags") {
		r.Context.SetStrings("aws:TagKeys", rapid.SliceOfN(rapid.SampledFrom([]string{"a", "A", "David"}), 0, 2).Draw(t, "tags"))
	}
	if rapid.Bool().Draw(t, "tagged") {
		r.Context.SetString("aws:PrincipalTag/t", rapid.SampledFrom([]string{"", "a", "*"}).Draw(t, "tag"))
	}
	return r
}

// Decide agrees with the plain reading of the rules, and Explain with Decide.
func TestAgreesWithPlainReading(t *testing.T) {
	people := somebody(t)
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicies(t)
		for range 20 {
			r := drawRequest(t, people)
			d := Decide(r, p)
			if plain := plainDecide(r, p); plain != d.Effect {
				t.Fatalf("%s on %s by %s: Decide %s by the %s, plain reading %s\n%s", r.Action, r.Resource, r.Principal.ARN, d.Effect, d.Reason, plain, show(p))
			}
			explained, trace := Explain(r, p)
			if explained != d {
				t.Fatalf("Explain decides %+v, Decide %+v", explained, d)
			}
			if err := agrees(d, trace); err != nil {
				t.Fatalf("%v", err)
			}
		}
	})
}

func show(p *Policies) string {
	s := ""
	add := func(list ...*Policy) {
		for _, of := range list {
			if of != nil {
				s += fmt.Sprintf("%s: %s\n", of.Type(), of.Document().Bytes())
			}
		}
	}
	add(p.Identity...)
	add(p.Boundary, p.Resource)
	add(p.Session...)
	for _, level := range append(p.ServiceControl, p.ResourceControl...) {
		add(level...)
	}
	return s
}

// extend returns a policy with one more statement.
func extend(t *rapid.T, p *Policy, effect string) *Policy {
	var doc map[string]any
	if err := json.Unmarshal(p.Document().Bytes(), &doc); err != nil {
		t.Fatalf("%v", err)
	}
	s := drawStatement(t, p.Type())
	if _, not := s["NotPrincipal"]; not && effect == "Allow" {
		s["Principal"] = s["NotPrincipal"]
		delete(s, "NotPrincipal")
	}
	s["Effect"] = effect
	doc["Statement"] = append(doc["Statement"].([]any), s)
	return compileDocument(t, doc, p.Type())
}

// Adding a Deny never adds access; adding an Allow never removes any.
func TestMonotonic(t *testing.T) {
	people := somebody(t)
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicies(t)
		p.RestrictPublicBuckets = false // an Allow that makes a policy public does remove access
		effect := rapid.SampledFrom([]string{"Allow", "Deny"}).Draw(t, "added")
		q := *p
		switch {
		case p.Resource != nil && rapid.Bool().Draw(t, "to resource"):
			q.Resource = extend(t, p.Resource, effect)
		case p.Boundary != nil:
			q.Boundary = extend(t, p.Boundary, effect)
		case len(p.Identity) > 0:
			q.Identity = append(slices.Clone(p.Identity[1:]), extend(t, p.Identity[0], effect))
		}
		for range 20 {
			r := drawRequest(t, people)
			before, after := Decide(r, p).Allowed(), Decide(r, &q).Allowed()
			if effect == "Deny" && after && !before || effect == "Allow" && before && !after {
				t.Fatalf("adding %s: allowed %v, then %v for %+v\n%s----\n%s", effect, before, after, r.Principal, show(p), show(&q))
			}
		}
	})
}

// The order of statements and of policies does not matter.
func TestOrderDoesNotMatter(t *testing.T) {
	people := somebody(t)
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicies(t)
		q := *p
		q.Identity = nil
		for _, of := range p.Identity {
			var doc map[string]any
			if err := json.Unmarshal(of.Document().Bytes(), &doc); err != nil {
				t.Fatalf("%v", err)
			}
			slices.Reverse(doc["Statement"].([]any))
			q.Identity = slices.Insert(q.Identity, 0, compileDocument(t, doc, Identity))
		}
		for range 10 {
			r := drawRequest(t, people)
			if a, b := Decide(r, p), Decide(r, &q); a.Effect != b.Effect || a.Reason != b.Reason {
				t.Fatalf("%+v became %+v\n%s", a, b, show(p))
			}
		}
	})
}

func FuzzDecide(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}}`), "s3:GetObject", "arn:aws:s3:::b/David/x")
	f.Add([]byte(`{"Statement":[{"Effect":"Deny","NotAction":["s3:Get*"],"NotResource":"*","Condition":{"ForAnyValue:StringLikeIfExists":{"k":["a*"]}}}]}`), "s3:PutObject", "*")
	f.Fuzz(func(t *testing.T, document []byte, action, resource string) {
		doc, err := policy.Parse(document)
		if err != nil {
			return
		}
		r := &Request{Principal: Principal{Type: User, ARN: "arn:aws:iam::111111111111:user/David", AccountID: "111111111111"}, Action: action, Resource: resource}
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
		}
	})
}
