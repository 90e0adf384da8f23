package accessfile

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// TestRequests reads the files of testdata/requests and lists who asks in each
// case, under which policies and with which condition keys.
func TestRequests(t *testing.T) {
	paths, err := filepath.Glob("testdata/requests/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Parse(a.Files[0].Name, a.Files[0].Data, opener(a))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		var b strings.Builder
		for _, c := range f.Cases {
			total++
			listCase(&b, c)
		}
		if diff := cmp.Diff(string(a.Files[len(a.Files)-1].Data), b.String()); diff != "" {
			t.Errorf("%s: want -, got +:\n%s", path, diff)
		}
	}
	if total < 20 {
		t.Errorf("%d requests, want 20 or more", total)
	}
}

func listCase(b *strings.Builder, c *Case) {
	p := c.Request.Principal
	fmt.Fprintf(b, "%s: %s is a %s\n", c.Name, c.Principal.Name, typeName(p.Type))
	var who []string
	for _, of := range [][2]string{{"ARN", p.ARN}, {"issuer", p.IssuerARN}, {"account", p.AccountID}, {"id", p.UniqueID}, {"canonical", p.CanonicalUserID}, {"service", p.ServiceName}} {
		if of[1] != "" {
			who = append(who, of[0]+" "+of[1])
		}
	}
	if len(who) > 0 {
		fmt.Fprintf(b, "  %s\n", strings.Join(who, ", "))
	}
	fmt.Fprintf(b, "  on account %s\n", c.Request.ResourceAccount)
	listPolicies(b, &c.Policies)
	var keys []string
	for _, k := range c.Request.Context.Keys() {
		if v, ok := c.Request.Context.Lookup(k); ok && !slices.ContainsFunc(keys, func(s string) bool { return strings.HasPrefix(s, k+"=") }) {
			keys = append(keys, k+"="+strings.Join(v.Strings(), ","))
		}
	}
	slices.Sort(keys)
	fmt.Fprintf(b, "  %s\n", strings.Join(keys, " "))
}

func listPolicies(b *strings.Builder, p *eval.Policies) {
	part := func(name string, levels ...[]*eval.Policy) {
		var all []string
		for _, level := range levels {
			names := "-"
			for i, of := range level {
				if i == 0 {
					names = of.Name()
				} else {
					names += " " + of.Name()
				}
			}
			all = append(all, names)
		}
		if len(all) > 0 && all[0] != "-" {
			fmt.Fprintf(b, "  %s: %s\n", name, strings.Join(all, ", "))
		}
	}
	part("identity", p.Identity)
	if p.Boundary != nil {
		part("boundary", []*eval.Policy{p.Boundary})
	}
	switch part("session", p.Session); {
	case p.HasSession && len(p.Session) == 0:
		b.WriteString("  session:\n")
	case !p.HasSession && len(p.Session) > 0:
		b.WriteString("  session policies that do not limit\n")
	}
	if p.Resource != nil {
		part(PolicyTypeName(p.Resource.Type()), []*eval.Policy{p.Resource})
	}
	part("scp", p.ServiceControl...)
	part("rcp", p.ResourceControl...)
	if p.RestrictPublicBuckets {
		b.WriteString("  restrictPublicBuckets\n")
	}
}

// TestKinds: keys have the types that the facts give them.
func TestKinds(t *testing.T) {
	c := &condition.Context{}
	for _, of := range []struct {
		key    string
		values []string
		isList bool
		kind   condition.Kind
		text   string
	}{
		{"aws:sourceip", []string{"10.0.0.1"}, false, condition.Address, "10.0.0.1"},
		{"aws:CurrentTime", []string{"2026-01-31T12:00:00Z"}, false, condition.Time, "2026-01-31T12:00:00Z"},
		{"aws:CurrentTime", []string{"0"}, false, condition.Time, "1970-01-01T00:00:00Z"},
		{"aws:SecureTransport", []string{"TRUE"}, false, condition.Bool, "true"},
		{"s3:max-keys", []string{"10"}, false, condition.Int, "10"},
		{"s3:TlsVersion", []string{"1.2"}, false, condition.String, "1.2"},
		{"aws:username", []string{"007"}, false, condition.String, "007"},
		{"s3:prefix", []string{""}, false, condition.String, ""},
		{"own:key", []string{"true"}, false, condition.String, "true"},
		{"aws:TagKeys", []string{"a"}, false, condition.Strings, "a"},
		{"s3:ExistingObjectTag/team", []string{"a", "b"}, true, condition.Strings, "a,b"},
		{"aws:SourceIp", []string{}, true, condition.Strings, ""},
	} {
		if want := SetKey(c, of.key, of.values, of.isList); want != "" {
			t.Errorf("%s: must be %s", of.key, want)
			continue
		}
		v, ok := c.Lookup(of.key)
		if got := strings.Join(v.Strings(), ","); !ok || v.Kind() != of.kind || got != of.text {
			t.Errorf("%s %q is %q of kind %d, want %q of %d", of.key, of.values, got, v.Kind(), of.text, of.kind)
		}
	}
	for key, value := range map[string]string{
		"aws:SourceIp": "10.0.0.0/8", "aws:CurrentTime": "soon", "aws:SecureTransport": "1", "s3:max-keys": "ten",
	} {
		if SetKey(c, key, []string{value}, false) == "" {
			t.Errorf("%s can be %q", key, value)
		}
	}
}
