package querytest

import (
	"encoding/xml"
	"net/http/httptest"
	"strings"
	"testing"
)

// Answer is the answer to a request.
type Answer struct {
	Status        int
	Code, Message string // of an error
	RequestID     string
	Namespace     string
	Body          string

	result element
}

// element is an element of an XML document.
type element struct {
	XMLName  xml.Name
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

func (e element) child(name string) element {
	for _, c := range e.Children {
		if c.XMLName.Local == name {
			return c
		}
	}
	return element{}
}

func parseAnswer(t testing.TB, w *httptest.ResponseRecorder) *Answer {
	t.Helper()
	a := &Answer{Status: w.Code, Body: w.Body.String()}
	var root element
	if err := xml.Unmarshal(w.Body.Bytes(), &root); err != nil {
		t.Fatalf("the answer is not XML: %v\n%s", err, a.Body)
	}
	a.Namespace = root.XMLName.Space
	if root.XMLName.Local == "ErrorResponse" {
		e := root.child("Error")
		a.Code, a.Message, a.RequestID = e.child("Code").Text, e.child("Message").Text, root.child("RequestId").Text
		a.result = e
		return a
	}
	operation, _ := strings.CutSuffix(root.XMLName.Local, "Response")
	a.result, a.RequestID = root.child(operation+"Result"), root.child("ResponseMetadata").child("RequestId").Text
	return a
}

// Values returns the texts of all elements at a path below the result, such as
// "Users/member/UserName".
func (a *Answer) Values(path string) []string {
	found := []element{a.result}
	for name := range strings.SplitSeq(path, "/") {
		var next []element
		for _, e := range found {
			for _, c := range e.Children {
				if c.XMLName.Local == name {
					next = append(next, c)
				}
			}
		}
		found = next
	}
	values := make([]string, len(found))
	for i, e := range found {
		values[i] = e.Text
	}
	return values
}

// Value returns the text of the element at a path, and "" when there is none.
func (a *Answer) Value(path string) string {
	if v := a.Values(path); len(v) > 0 {
		return v[0]
	}
	return ""
}
