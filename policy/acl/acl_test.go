package acl

import (
	"reflect"
	"strings"
	"testing"
)

func TestCanned(t *testing.T) {
	full := func(id string) Grant { return Grant{id, FullControl} }
	for name, want := range map[string][]Grant{
		"private":                   {full("o")},
		"public-read":               {full("o"), {AllUsers, Read}},
		"public-read-write":         {full("o"), {AllUsers, Read}, {AllUsers, Write}},
		"authenticated-read":        {full("o"), {AuthenticatedUsers, Read}},
		"aws-exec-read":             {full("o"), {EC2ID, Read}},
		"bucket-owner-read":         {full("o"), {"b", Read}},
		"bucket-owner-full-control": {full("o"), full("b")},
		"log-delivery-write":        {full("o"), {LogDelivery, Write}, {LogDelivery, ReadACP}},
	} {
		l, ok := Canned(name, "o", "b")
		if !ok || l.Owner != "o" || !reflect.DeepEqual(l.Grants, want) {
			t.Errorf("%s: %+v", name, l)
		}
		if public := strings.HasPrefix(name, "public") || name == "authenticated-read"; l.IsPublic() != public {
			t.Errorf("%s: public %v", name, l.IsPublic())
		}
		if l.GrantsOthers() != (name != "private") {
			t.Errorf("%s: grants others %v", name, l.GrantsOthers())
		}
	}
	for owner, public := range map[string]bool{"o": true, AnonymousID: false} {
		if l := (&List{owner, []Grant{{AnonymousID, Read}}}); l.IsPublic() != public {
			t.Errorf("of %s, for the anonymous: public %v", owner, l.IsPublic())
		}
	}
	for _, name := range []string{"bucket-owner-read", "bucket-owner-full-control"} {
		if l, _ := Canned(name, "o", "o"); !reflect.DeepEqual(l, Private("o")) {
			t.Errorf("%s on one's own: %+v", name, l)
		}
	}
	if _, ok := Canned("Private", "o", "b"); ok {
		t.Error("names of canned ACLs have their case")
	}
}

func TestPermissions(t *testing.T) {
	for _, name := range []string{"READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"} {
		if p, ok := ParsePermission(name); !ok || p.String() != name || FullControl&p != p {
			t.Errorf("%s: %v", name, p)
		}
	}
	for _, name := range []string{"", "read", "READ ", "FULL-CONTROL"} {
		if p, ok := ParsePermission(name); ok {
			t.Errorf("%q is %v", name, p)
		}
	}
	if s := (Read | Write).String(); s != "" {
		t.Errorf("no grant has %q", s)
	}
}

func TestDecode(t *testing.T) {
	none := &List{Owner: "o", Grants: []Grant{}}
	for _, l := range []*List{none, Private("o"), {Owner: "o", Grants: []Grant{{AllUsers, Read}, {"x y", WriteACP}}}} {
		got, err := Decode("o", l.Encode())
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%q: %+v, %v", l.Encode(), got, err)
		}
	}
	if l, err := Decode("o", ""); err != nil || !reflect.DeepEqual(l, Private("o")) {
		t.Errorf("no text: %+v, %v", l, err)
	}
	for _, text := range []string{"x", "acl1 ", "acl2", "acl1\n", "acl1\nREAD", "acl1\nREAD ", "acl1\nread x", "acl1\nREAD x\n", "\nREAD x"} {
		if l, err := Decode("o", text); err == nil {
			t.Errorf("%q: %+v", text, l)
		}
	}
}

// FuzzDecode decodes any text: one that it takes is written as it was.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{"", "acl1", "acl1\nREAD " + AllUsers, "acl1\nFULL_CONTROL x\nWRITE y"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := Decode("o", text)
		if err == nil && text != "" && l.Encode() != text {
			t.Errorf("%q is written as %q", text, l.Encode())
		}
	})
}
