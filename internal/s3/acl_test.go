package s3

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/acl"
)

// TestMostGrants puts ACLs of as many grants as an ACL has, and of one more.
func TestMostGrants(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "", "x-amz-object-ownership: ObjectWriter")
	owner, _ := w.directory.Account(accountA)
	grant := `<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>` + owner.CanonicalID + `</ID></Grantee><Permission>READ</Permission></Grant>`
	for n, want := range map[int]int{acl.MaxGrants: http.StatusOK, acl.MaxGrants + 1: http.StatusBadRequest} {
		document := `<AccessControlPolicy><Owner><ID>` + owner.CanonicalID + `</ID></Owner><AccessControlList>` + strings.Repeat(grant, n) + `</AccessControlList></AccessControlPolicy>`
		if p := w.do("alice", http.MethodPut, "/my-bucket?acl", document); p.Code != want {
			t.Errorf("%d grants in a document: %d %s", n, p.Code, p.Body)
		}
		header := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("id=%q,", owner.CanonicalID), n), ",")
		if p := w.do("alice", http.MethodPut, "/my-bucket?acl", "", "x-amz-grant-read: "+header); p.Code != want {
			t.Errorf("%d grants in a header: %d %s", n, p.Code, p.Body)
		}
	}
	b, _ := w.directory.Bucket("my-bucket")
	if len(b.ACL.Grants) != acl.MaxGrants {
		t.Errorf("the bucket has %d grants", len(b.ACL.Grants))
	}
}

// TestOwnedMeanwhile has an object appear that belongs to the bucket's owner while
// somebody else's put is on its way: it was decided when there was none, and must
// not replace it.
func TestOwnedMeanwhile(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "", "x-amz-object-ownership: ObjectWriter")
	appear := func() { w.do("alice", http.MethodPut, "/my-bucket/key", "alice's") }
	r := httptest.NewRequest(http.MethodPut, "/my-bucket/key", io.MultiReader(strings.NewReader("carol's"), event(appear)))
	r.ContentLength = 7
	r.Header.Set("Test-Caller", "carol")
	put := httptest.NewRecorder()
	w.handler.ServeHTTP(put, r)
	if put.Code != http.StatusConflict || !strings.Contains(put.Body.String(), "<Code>OperationAborted</Code>") {
		t.Errorf("the put: %d %s", put.Code, put.Body)
	}
	if p := w.do("alice", http.MethodGet, "/my-bucket/key", ""); p.Body.String() != "alice's" {
		t.Errorf("the key holds %q", p.Body)
	}
	// What is one's own may be replaced.
	w.do("carol", http.MethodPut, "/my-bucket/mine", "1")
	if p := w.do("carol", http.MethodPut, "/my-bucket/mine", "2"); p.Code != http.StatusOK {
		t.Errorf("%d %s", p.Code, p.Body)
	}
}

// TestEveryonesBucket has somebody of the bucket's own account write where
// everyone may: what is there must be part of the decision, as it is for strangers,
// since his own policies may give him nothing.
func TestEveryonesBucket(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "", "x-amz-object-ownership: ObjectWriter")
	w.do("alice", http.MethodDelete, "/my-bucket?publicAccessBlock", "")
	for _, c := range []struct {
		acl        string
		said, none bool // whether the need says what is there; whether there is nothing
	}{
		{"private", false, false}, {"public-read-write", true, true}, {"public-read-write", true, false},
	} {
		if p := w.do("alice", http.MethodPut, "/my-bucket?acl", "", "x-amz-acl: "+c.acl); p.Code != http.StatusOK {
			t.Fatalf("%d %s", p.Code, p.Body)
		}
		w.authority.asked = nil
		if p := w.do("bob", http.MethodPut, "/my-bucket/"+c.acl, ""); p.Code != http.StatusOK {
			t.Fatalf("%d %s", p.Code, p.Body)
		}
		n := w.authority.asked[0]
		if n.Action != "s3:PutObject" || n.NoObject != c.none || (n.Object != nil || n.NoObject) != c.said {
			t.Errorf("%s: %s is about %+v, none %v", c.acl, n.Action, n.Object, n.NoObject)
		}
	}
}

// TestMadeAgain makes a bucket that its owner has already, which sets its ACL
// anew: the policy of the bucket must be asked, and about the ACL when it changes.
func TestMadeAgain(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "", "x-amz-object-ownership: ObjectWriter")
	there, _ := w.directory.Bucket("my-bucket")
	again := func(caller string, headers ...string) (actions []string) {
		t.Helper()
		w.authority.asked = nil
		w.do(caller, http.MethodPut, "/my-bucket", "", headers...)
		for _, n := range w.authority.asked {
			if actions = append(actions, n.Action); (n.Bucket.ID == there.ID) != (caller != "carol") {
				t.Errorf("%s asks for %s on the bucket %q", caller, n.Action, n.Bucket.ID)
			}
		}
		return actions
	}
	for _, c := range []struct {
		caller  string
		headers []string
		want    string
	}{
		{"bob", nil, "[s3:CreateBucket]"},
		{"bob", []string{"x-amz-acl: log-delivery-write"}, "[s3:CreateBucket s3:PutBucketAcl]"},
		{"bob", nil, "[s3:CreateBucket s3:PutBucketAcl]"}, // takes the grant away again
		{"bob", nil, "[s3:CreateBucket]"},
		{"carol", nil, "[s3:CreateBucket]"}, // who has none of that name
	} {
		if got := fmt.Sprint(again(c.caller, c.headers...)); got != c.want {
			t.Errorf("%s with %q asks for %s, want %s", c.caller, c.headers, got, c.want)
		}
	}
}

// TestACLChangedMeanwhile takes from carol what lets her set ACLs, and puts another
// object in the place of one, while her requests are on their way.
func TestACLChangedMeanwhile(t *testing.T) {
	w := newWorld(t, "us-east-1")
	w.do("alice", http.MethodPut, "/my-bucket", "", "x-amz-object-ownership: ObjectWriter")
	carol, _ := w.directory.Account(accountB)
	grant := fmt.Sprintf("x-amz-grant-write-acp: id=%q", carol.CanonicalID)
	for _, c := range []struct{ target, meanwhile, header string }{
		{"/my-bucket?acl", "/my-bucket?acl", "x-amz-acl: private"},
		{"/my-bucket/key?acl", "/my-bucket/key?acl", "x-amz-acl: private"},
		{"/my-bucket/key?acl", "/my-bucket/key", "x-amz-meta-a: another"},
	} {
		w.do("alice", http.MethodPut, "/my-bucket/key", "", grant)
		w.do("alice", http.MethodPut, "/my-bucket?acl", "", grant)
		w.authority.meanwhile = func() { w.do("alice", http.MethodPut, c.meanwhile, "", c.header) }
		p := w.do("carol", http.MethodPut, c.target, "", fmt.Sprintf("x-amz-grant-full-control: id=%q", carol.CanonicalID))
		if p.Code != http.StatusConflict || !strings.Contains(p.Body.String(), "<Code>OperationAborted</Code>") {
			t.Errorf("%s while %s is set: %d %s", c.target, c.meanwhile, p.Code, p.Body)
		}
		if p := w.do("alice", http.MethodGet, c.target, ""); strings.Contains(p.Body.String(), carol.CanonicalID) {
			t.Errorf("%s is %s", c.target, p.Body)
		}
	}
}

// FuzzACLDocument reads any document as an ACL: one that it takes can be kept.
func FuzzACLDocument(f *testing.F) {
	const head, tail = `<AccessControlPolicy xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Owner><ID>o</ID></Owner><AccessControlList>`, `</AccessControlList></AccessControlPolicy>`
	for _, grants := range []string{
		"", `<Grant><Grantee xsi:type="CanonicalUser"><ID>a</ID></Grantee><Permission>READ</Permission></Grant>`,
		`<Grant><Grantee xsi:type="Group"><URI>` + acl.AllUsers + `</URI></Grantee><Permission>WRITE_ACP</Permission></Grant>`,
		`<Grant><Grantee xsi:type="AmazonCustomerByEmail"><EmailAddress>a</EmailAddress></Grantee><Permission>READ</Permission></Grant>`,
		`<Grant><Grantee><ID>a</ID></Grantee></Grant>`, `<Grant/>`,
	} {
		f.Add(head + grants + tail)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var document putACLRequest
		if service.DecodeXML([]byte(text), &document) != nil {
			return
		}
		if in, err := document.acl(); err == nil {
			keeps(t, in)
		}
	})
}

// FuzzACLHeaders reads any headers as an ACL.
func FuzzACLHeaders(f *testing.F) {
	f.Add("", `id="a", uri="`+acl.AllUsers+`"`, `id=a`)
	f.Add("public-read", "", "")
	f.Add("private", `emailAddress="x"`, `id="`)
	f.Add("", `id="a=b,c",,=`, ` ID = "a" `)
	f.Fuzz(func(t *testing.T, canned, read, full string) {
		h := http.Header{}
		for name, v := range map[string]string{"x-amz-acl": canned, "x-amz-grant-read": read, "x-amz-grant-full-control": full} {
			if v != "" {
				h.Set(name, v)
			}
		}
		if in, err := headerACL(h); err == nil {
			keeps(t, in)
		}
	})
}

// keeps checks that what was read is what is kept.
func keeps(t *testing.T, in aclRequest) {
	t.Helper()
	if len(in.grants) > acl.MaxGrants || in.canned != "" && len(in.grants) > 0 {
		t.Fatalf("%+v", in)
	}
	l := &acl.List{Owner: "o", Grants: append([]acl.Grant{}, in.grants...)}
	if kept, err := acl.Decode("o", l.Encode()); err != nil || !reflect.DeepEqual(kept, l) {
		t.Fatalf("%+v is kept as %+v: %v", l, kept, err)
	}
	for _, g := range in.grants {
		if g.Permission.String() == "" || !acl.IsGroup(g.Grantee) && strings.ContainsAny(g.Grantee, "\n/") {
			t.Fatalf("%+v", g)
		}
	}
}
