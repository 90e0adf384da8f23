package s3

import (
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/lint/linttest"
)

// TestDocuments puts every document of policy/lint's cases as a bucket policy. The
// cases are those of a bucket "b", whose name is too short for a real one.
func TestDocuments(t *testing.T) {
	w := newWorld(t, "us-east-1")
	b, err := w.directory.CreateBucket(t.Context(), directory.Bucket{Name: "bbb", AccountID: accountA, Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.directory.SetPublicAccessBlock(t.Context(), b.ID, nil); err != nil {
		t.Fatal(err)
	}
	large := linttest.Case{
		Document: `{"Statement":{"Sid":"` + strings.Repeat("x", 20480) + `","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b"}}`,
		Message:  "Normalized policy document exceeds the maximum allowed size of 20480 bytes",
	}
	for _, c := range append(linttest.Read(t, "../../policy/lint/testdata/bucket.txt", 50), large) {
		document := strings.ReplaceAll(c.Document, ":::b", ":::bbb")
		r := httptest.NewRequest(http.MethodPut, "/bbb?policy", strings.NewReader(document))
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, r)
		var e struct{ Code, Message string }
		if answer.Code >= 400 {
			if err := xml.Unmarshal(answer.Body.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
		}
		switch {
		case c.Accepted && answer.Code != http.StatusNoContent:
			t.Errorf("refused: %s\n%s: %s", document, e.Code, e.Message)
		case !c.Accepted && (answer.Code != http.StatusBadRequest || e.Code != "MalformedPolicy" || e.Message != c.Message):
			t.Errorf("%.200s\n got %d %s: %s\nwant %s", document, answer.Code, e.Code, e.Message, c.Message)
		}
	}
}
