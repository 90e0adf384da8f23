package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/edit"
	"github.com/keywright/keywright/policy/eval"
)

// narrowing are the codes whose fix allows less than before. Every other fix
// leaves every decision as it was.
var narrowing = []policy.Code{forAllValuesSingle, stringLikeARN, invalidARNServiceCase, FolderWithoutSlash}

// A fix never lets anybody in, and changes nothing but where it says so.
func TestFixesGrantNothing(t *testing.T) {
	fixed := map[policy.Code]int{}
	rapid.Check(t, func(t *rapid.T) {
		requests := make([]eval.Request, 40)
		for i := range requests {
			requests[i] = drawRequest(t)
		}
		for range 10 {
			fixAll(t, []byte(drawPolicy(t)), requests, fixed)
		}
	})
	for _, e := range Codes() {
		if slices.ContainsFunc(e.Examples, func(x Example) bool { return x.Fixed != "" }) && e.IssueCode != "" && fixed[e.Code] == 0 {
			t.Errorf("no policy was fixed for %s", e.Code)
		}
	}
	t.Log(fixed)
}

// fixAll makes each fix of a policy, and decides requests before and after it.
func fixAll(t *rapid.T, source []byte, requests []eval.Request, fixed map[policy.Code]int) {
	doc, findings := Validate(source, Identity, Options{})
	if doc == nil {
		t.Fatalf("%s: %s", source, list(findings))
	}
	before, err := eval.Compile(doc, eval.Options{Type: Identity})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	for i := range findings {
		f := &findings[i]
		if f.Fix == nil {
			continue
		}
		text, err := edit.Apply(source, f.Fix.Edits...)
		if err != nil {
			t.Fatalf("%s at %s: %v", f.Code, f.Position, err)
		}
		doc, err := policy.Parse(text)
		if err != nil {
			t.Fatalf("%s at %s: %v\n%s", f.Code, f.Position, err, text)
		}
		after, err := eval.Compile(doc, eval.Options{Type: Identity})
		if err != nil {
			t.Fatalf("%s at %s: %v\n%s", f.Code, f.Position, err, text)
		}
		fixed[f.Code]++
		compare(t, f, source, text, before, after, requests)
	}
}

var allowAll = mustCompile(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func mustCompile(document string) *eval.Policy {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		panic(err)
	}
	p, err := eval.Compile(doc, eval.Options{Type: Identity})
	if err != nil {
		panic(err)
	}
	return p
}

// compare decides requests with a policy before and after its fix, alone and
// beside a policy that allows everything, so that its denials count.
func compare(t *rapid.T, f *Finding, source, text []byte, before, after *eval.Policy, requests []eval.Request) {
	for i := range requests {
		for _, beside := range [][]*eval.Policy{nil, {allowAll}} {
			was := eval.Decide(&requests[i], &eval.Policies{Identity: append(slices.Clone(beside), before)}).Allowed()
			is := eval.Decide(&requests[i], &eval.Policies{Identity: append(slices.Clone(beside), after)}).Allowed()
			if is && !was || is != was && !slices.Contains(narrowing, f.Code) {
				t.Fatalf("%s at %s: %s on %s was allowed: %v, and is: %v\n%s\n%s", f.Code, f.Position, requests[i].Action, requests[i].Resource, was, is, source, text)
			}
		}
	}
}

func some(t *rapid.T, name string, most int, of ...string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(of), 1, most).Draw(t, name), ",")
}

func drawPolicy(t *rapid.T) string {
	version := rapid.SampledFrom([]string{`"Version":"2012-10-17",`, `"Version":"2008-10-17",`, ``}).Draw(t, "version")
	var statements []string
	for range rapid.IntRange(1, 3).Draw(t, "statements") {
		statements = append(statements, drawStatement(t))
	}
	if rapid.IntRange(0, 3).Draw(t, "again") == 0 {
		statements = append(statements, strings.Replace(statements[0], `"s3:`, `"S3:`, 1))
	}
	return "{" + version + `"Statement":[` + strings.Join(statements, ",\n") + "]}"
}

func drawStatement(t *rapid.T) string {
	elements := []string{
		`"Effect":` + some(t, "effect", 1, `"Allow"`, `"Deny"`),
		some(t, "action", 1, `"Action"`, `"NotAction"`) + ":[" + some(t, "actions", 4, `"s3:*"`, `"s3:Get*"`, `"s3:GetObject"`, `"S3:getobject"`, `"s3:?etObject"`, `"s3:Get?bject"`, `"s3:*Object"`, `"s3:PutObject"`) + "]",
		some(t, "resource", 1, `"Resource"`, `"NotResource"`) + ":[" + some(t, "resources", 4, `"*"`, `"arn:aws:s3:::b/*"`, `"arn:aws:s3:::b/?"`, `"arn:aws:s3:::b/a"`, `"arn:aws:s3:::b/${aws:username}"`, `"arn:aws:s3:*:*:b/a*"`, `"arn:aws:S3:::b/a"`, `"arn:aws:s3:::b*"`) + "]",
	}
	if rapid.Bool().Draw(t, "sid") {
		elements = append([]string{`"Sid":""`}, elements...)
	}
	if rapid.Bool().Draw(t, "conditional") {
		var operators []string
		seen := map[string]bool{}
		for range rapid.IntRange(0, 2).Draw(t, "operators") {
			o := rapid.SampledFrom([]string{
				`"StringLikeIfExists":{"aws:PrincipalTag/t":["*","a"]}`, `"ForAllValues:StringLike":{"aws:TagKeys":"*"}`,
				`"ForAllValues:StringEquals":{"aws:PrincipalTag/t":["a","b"]}`, `"ForAllValues:StringNotEquals":{"aws:PrincipalTag/t":["a",""]}`,
				`"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a"}`, `"ForAllValues:StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/a"}`, `"StringNotLike":{"aws:PrincipalArn":["arn:aws:iam::1*","arn:*:*:*:*:user/*"]}`,
				`"StringLikeIfExists":{"aws:SourceArn":"arn:aws:s3:::*"}`,
				`"NumericLessThan":{"s3:max-keys":["1",5,"10"]}`, `"NumericGreaterThanEquals":{"s3:max-keys":[2,3]}`, `"NumericEquals":{"s3:max-keys":["2",3]}`,
				`"IpAddress":{"aws:SourceIp":["10.1.2.3/8"]}`, `"NotIpAddress":{"aws:SourceIp":["10.1.2.3/8","fe80::1/10"]}`,
				`"StringEquals":{}`, `"Bool":{"aws:SecureTransport":[true,"true"]}`,
			}).Draw(t, "operator")
			if name, _, _ := strings.Cut(o, `":{`); !seen[name] {
				seen[name] = true
				operators = append(operators, o)
			}
		}
		elements = append(elements, `"Condition":{`+strings.Join(operators, ",")+"}")
	}
	return "{" + strings.Join(elements, ", ") + "}"
}

func drawRequest(t *rapid.T) eval.Request {
	name := rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "name")
	principal := fmt.Sprintf("arn:aws:iam::111111111111:user/%s", name)
	c := &condition.Context{}
	c.SetString("aws:PrincipalArn", principal)
	c.SetString("aws:username", name)
	if v := rapid.SampledFrom([]string{"absent", "", "a", "c"}).Draw(t, "tag"); v != "absent" {
		c.SetString("aws:PrincipalTag/t", v)
	}
	if v := rapid.SampledFrom([]string{"absent", "arn:aws:s3:::b", "arn:aws:s3:::b:c", "none"}).Draw(t, "source"); v != "absent" {
		c.SetString("aws:SourceArn", v)
	}
	if v := rapid.IntRange(-1, 11).Draw(t, "keys"); v >= 0 {
		c.SetInt("s3:max-keys", int64(v))
	}
	if rapid.Bool().Draw(t, "tags") {
		c.SetStrings("aws:TagKeys", rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", ""}), 0, 2).Draw(t, "tagKeys"))
	}
	if v := rapid.SampledFrom([]string{"absent", "10.9.9.9", "11.0.0.1", "fe80::2"}).Draw(t, "address"); v != "absent" {
		c.SetIP("aws:SourceIp", netip.MustParseAddr(v))
	}
	if rapid.Bool().Draw(t, "tls") {
		c.SetBool("aws:SecureTransport", rapid.Bool().Draw(t, "secure"))
	}
	return eval.Request{
		Principal: eval.Principal{Type: eval.User, ARN: principal, AccountID: "111111111111", UniqueID: "AIDAAAAAAAAAAAAAAAAAA"},
		Action:    rapid.SampledFrom([]string{"s3:GetObject", "s3:PutObject", "s3:GetObjects", "s3:DeleteObject", "s3:ListBucket", "s3:XetObject"}).Draw(t, "action"),
		Resource:  rapid.SampledFrom([]string{"arn:aws:s3:::b", "arn:aws:s3:::b/a", "arn:aws:s3:::b/b", "arn:aws:s3:::b/ab", "arn:aws:s3:::b/", "arn:aws:s3:::c/a"}).Draw(t, "resource"),
		Context:   c,
	}
}
