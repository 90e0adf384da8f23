package evaltest

import (
	"slices"
	"strings"
	"testing"
)

const somebody = "principal David user arn=arn:aws:iam::111111111111:user/David id=AIDADAVID aws:username=David\n"

// TestParse reads a file with every kind of key and the parts of a state.
func TestParse(t *testing.T) {
	f, err := Parse("folder/some.txt", somebody+`source: a page
policy p identity
{"Version":"2012-10-17",
 "Statement":[]}

bound-policy q resource
{}

as David
owner 222222222222
identity p p
session empty
resource q
scp p / p p
restrict-public-buckets true
explicitDeny/resource s3:GetObject b/a "k=a b" n:int=7 l=[x,y] e=[] t:time=2026-01-01T00:00:00Z i:ip=::1 y:bool=true
reset
allowed s3:ListAllMyBuckets *`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "some" || len(f.Cases) != 2 || len(f.Policies) != 2 {
		t.Fatalf("%+v", f)
	}
	c := f.Cases[0]
	if c.Source != "a page" || c.At != "some.txt:17" || c.Owner != "222222222222" || c.Effect != "explicitDeny" || c.Reason != "resource" || c.Resource != "arn:aws:s3:::b/a" {
		t.Errorf("%+v", c)
	}
	if len(c.Identity) != 2 || !c.HasSession || len(c.Session) != 0 || len(c.ServiceControl) != 2 || len(c.ServiceControl[1]) != 2 || !c.RestrictPublicBuckets {
		t.Errorf("%+v", c.State)
	}
	if p := c.Identity[0]; p.Document != "{\"Version\":\"2012-10-17\",\n \"Statement\":[]}" || p.Bound != nil {
		t.Errorf("%+v", p)
	}
	if bound := c.State.Resource.Bound; len(bound) != 1 || bound["arn:aws:iam::111111111111:user/David"] != "AIDADAVID" {
		t.Errorf("bound to %v", bound)
	}
	keys := c.Context()
	for name, want := range map[string]string{"aws:username": "David", "k": "a b", "n": "7", "l": "x,y", "e": "", "t": "2026-01-01T00:00:00Z", "i": "::1", "y": "true"} {
		v, ok := keys.Lookup(name)
		if got := strings.Join(v.Strings(), ","); !ok || got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if last := f.Cases[1]; last.Owner != DefaultOwner || last.Resource != "*" || last.Principal != c.Principal || len(last.Policies()) != 0 {
		t.Errorf("%+v", last)
	}
}

// TestParseErrors: what is no case is no comment either, and is told with its
// line.
func TestParseErrors(t *testing.T) {
	for _, lines := range []string{
		"denied s3:GetObject b/x", "allowed s3:GetObject", "as Adele", "identity nobody", "boundary nobody", "scp nobody",
		"policy p", "principal David", "principal David wizard", "allowed s3:GetObject b/x key",
		"allowed s3:GetObject b/x k:int=seven", "allowed s3:GetObject b/x k:bool=maybe", "allowed s3:GetObject b/x k:ip=home", "allowed s3:GetObject b/x k:time=noon",
		"policy p identity\n{}\n\npolicy p identity\n{}",
	} {
		if _, err := Parse("some.txt", somebody+"as David\n"+lines, nil); err == nil || !strings.HasPrefix(err.Error(), "some.txt:") {
			t.Errorf("%q: %v", lines, err)
		}
	}
	if _, err := Parse("some.txt", somebody+"allowed s3:GetObject b/x", nil); err == nil {
		t.Error("a case is nobody's")
	}
}

func TestSplit(t *testing.T) {
	if got, want := split(`a "b c" d="" ""`), []string{"a", "b c", "d=", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
