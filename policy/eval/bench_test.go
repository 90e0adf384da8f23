package eval

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
)

func mustCompile(t testing.TB, text string, kind PolicyType) *Policy {
	doc, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(doc, Options{Type: kind})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// homeFolders is the group policy of the home folders.
func homeFolders(t testing.TB) *Policies {
	text, err := os.ReadFile("testdata/decisions/home-folders.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "policy group identity\n")
	document, _, _ := strings.Cut(rest, "\n\n")
	return &Policies{Identity: []*Policy{mustCompile(t, document, Identity)}}
}

func requestOf(action, resource string, keys ...string) *Request {
	c := &condition.Context{}
	for _, k := range append([]string{
		"aws:PrincipalArn=arn:aws:iam::111111111111:user/David", "aws:PrincipalAccount=111111111111", "aws:userid=AIDADAVIDAAAAAAAAAAAA",
		"aws:PrincipalType=User", "aws:SecureTransport:bool=true", "aws:SourceIp:ip=203.0.113.7", "aws:CurrentTime:time=2026-01-01T00:00:00Z", "aws:username=David",
	}, keys...) {
		setKey(c, k)
	}
	return &Request{
		Principal: Principal{Type: User, ARN: "arn:aws:iam::111111111111:user/David", AccountID: "111111111111"},
		Action:    action, Resource: resource, ResourceAccount: "111111111111", Context: c,
	}
}

var homeFolderRequests = []struct {
	name    string
	request *Request
	allowed bool
}{
	{"GetObject/allowed", requestOf("s3:GetObject", "arn:aws:s3:::my-company/home/David/report.pdf"), true},
	{"GetObject/denied", requestOf("s3:GetObject", "arn:aws:s3:::my-company/home/Adele/report.pdf"), false},
	{"ListBucket/allowed", requestOf("s3:ListBucket", "arn:aws:s3:::my-company", "s3:prefix=home/David/", "s3:delimiter=/"), true},
	{"ListBucket/denied", requestOf("s3:ListBucket", "arn:aws:s3:::my-company", "s3:prefix=home/Adele/", "s3:delimiter=/"), false},
}

// Decide allocates nothing, whatever it decides.
func TestDecideAllocatesNothing(t *testing.T) {
	p := homeFolders(t)
	for _, of := range homeFolderRequests {
		if got := Decide(of.request, p).Allowed(); got != of.allowed {
			t.Errorf("%s: %v", of.name, got)
		}
		if n := testing.AllocsPerRun(10, func() { Decide(of.request, p) }); n != 0 {
			t.Errorf("%s allocates %v times", of.name, n)
		}
	}
}

// grantsOf returns ACLs of an object that the last of n grants opens to everyone.
func grantsOf(n int) *AccessControl {
	object := &acl.List{Owner: "canonicalone"}
	for range n - 1 {
		object.Grants = append(object.Grants, acl.Grant{Grantee: "canonicaltwo", Permission: acl.Read})
	}
	object.Grants = append(object.Grants, acl.Grant{Grantee: acl.AllUsers, Permission: acl.Read})
	return &AccessControl{Bucket: acl.Private("canonicalone"), Object: object}
}

func anonymousGet() *Request {
	return &Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k", ResourceAccount: "111111111111", Context: &condition.Context{}}
}

// Nor does a decision by an access control list, of all the grants that one has.
func TestGrantsAllocateNothing(t *testing.T) {
	r, p := anonymousGet(), &Policies{ACLs: grantsOf(acl.MaxGrants)}
	if d := Decide(r, p); d.Reason != AccessControlList || d.Statement != acl.MaxGrants-1 {
		t.Errorf("%+v", d)
	}
	if n := testing.AllocsPerRun(10, func() { Decide(r, p) }); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkGrants(b *testing.B) {
	r := anonymousGet()
	for _, n := range []int{2, acl.MaxGrants} {
		p := &Policies{ACLs: grantsOf(n)}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(r, p)
			}
		})
	}
}

func BenchmarkHomeFolders(b *testing.B) {
	p := homeFolders(b)
	for _, of := range homeFolderRequests {
		b.Run(of.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(of.request, p)
			}
		})
	}
}

// large is a policy of n statements that differ in their resources, or in
// their actions.
func large(n int, by string) string {
	var b strings.Builder
	b.WriteString(`{"Version":"2012-10-17","Statement":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		resource, action := fmt.Sprintf("arn:aws:s3:::bucket-%04d/*", i), "s3:GetObject"
		switch by {
		case "action":
			resource, action = "arn:aws:s3:::bucket/*", fmt.Sprintf("s3:Action%04d", i)
		case "prefix":
			resource = fmt.Sprintf("arn:aws:s3:::bucket/team-%04d/${aws:username}/*", i)
		}
		fmt.Fprintf(&b, `{"Sid":"s%d","Effect":"Allow","Action":["%s","s3:Put*"],"Resource":"%s","Condition":{"StringEquals":{"aws:username":["David","Adele"]},"Bool":{"aws:SecureTransport":"true"}}}`, i, action, resource)
	}
	b.WriteString("]}")
	return b.String()
}

func largeRequest(n int, by string, match bool) *Request {
	last := n - 1
	if !match {
		last = n
	}
	switch by {
	case "action":
		return requestOf(fmt.Sprintf("s3:Action%04d", last), "arn:aws:s3:::bucket/x")
	case "prefix":
		return requestOf("s3:GetObject", fmt.Sprintf("arn:aws:s3:::bucket/team-%04d/David/x", last))
	}
	return requestOf("s3:GetObject", fmt.Sprintf("arn:aws:s3:::bucket-%04d/x", last))
}

// What 1,000 statements cost beside 10, with the match last or no match.
func BenchmarkStatements(b *testing.B) {
	for _, by := range []string{"resource", "action", "prefix"} {
		for _, match := range []bool{true, false} {
			for _, n := range []int{10, 100, 1000} {
				p := &Policies{Identity: []*Policy{mustCompile(b, large(n, by), Identity)}}
				r := largeRequest(n, by, match)
				if Decide(r, p).Allowed() != match {
					b.Fatalf("%s %d: want %v", by, n, match)
				}
				b.Run(fmt.Sprintf("by-%s/match=%v/%d", by, match, n), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						Decide(r, p)
					}
				})
			}
		}
	}
}

func BenchmarkParseAndCompile(b *testing.B) {
	for _, by := range []string{"resource", "action"} {
		text := large(1000, by)
		b.Run("1000-by-"+by, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustCompile(b, text, Identity)
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	p := homeFolders(b)
	b.ReportAllocs()
	for b.Loop() {
		Explain(homeFolderRequests[0].request, p)
	}
}

// filled is a policy of the most bytes that a bucket policy may have, full of
// one item.
func filled(head, item, tail string) string {
	const most = 20480
	n := (most - len(head) - len(tail)) / (len(item) + 1)
	return head + item + strings.Repeat(","+item, n-1) + tail
}

// What the worst policies cost against the longest key that S3 has.
func BenchmarkHostile(b *testing.B) {
	const head = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":`
	resources := func(pattern string) string { return filled(head+"[", `"arn:aws:s3:::b/`+pattern+`"`, "]}}") }
	prefixes := func(pattern string) string {
		return filled(head+`"*","Condition":{"StringLike":{"s3:prefix":[`, `"`+pattern+`"`, "]}}}}")
	}
	letters := "abcdefghijklmnopqrstuvwxyz01234a"
	for _, of := range []struct{ name, text, document string }{
		{"stars", "a", resources(strings.Repeat("*a", 9000) + "b")},
		{"pieces", "a", prefixes("*aaab*")},
		{"long-piece", "a", resources("*" + strings.Repeat("a?", 256) + "b*")},
		{"long-piece-of-letters", letters, resources("*" + strings.Repeat("a?c?e?g?i?k?m?o?q?s?u?w?y?0?2?4?", 15) + "bb*")},
		{"segments", "a", resources("*" + strings.Repeat("aaaaaaa?", 60) + "b*")},
		{"short-piece", "a", prefixes("*a?b*")},
		{"short-piece-of-letters", letters, prefixes("*a?c?e?g?i?k?m?oo*")},
		{"wide-characters", "aé", prefixes("*a?b*")},
		{"variables", "a", resources("*" + strings.Repeat("${v:v}", 500) + "b*")},
		{"variable", "a", prefixes("*${v:v}b*")},
		{"long-values", "a", prefixes("*${v:long}?b*")},
		{"long-values-of-arns", "a", filled(head+`"*","Condition":{"ArnLike":{"v:arn":[`, `"arn:*:s3:::*${v:long}?b*"`, "]}}}}")},
	} {
		text := strings.Repeat(of.text, 1024/len(of.text))
		r := requestOf("s3:GetObject", "arn:aws:s3:::b/"+text, "s3:prefix="+text, "v:v=a",
			"v:long="+text[:640], "v:arn=arn:aws:s3:::b/"+text)
		p := &Policies{Identity: []*Policy{mustCompile(b, of.document, Identity)}}
		if Decide(r, p).Allowed() {
			b.Fatal(of.name)
		}
		b.Run(of.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Decide(r, p)
			}
		})
	}
}
