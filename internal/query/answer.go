package query

import (
	"encoding/xml"
	"time"

	"github.com/keywright/keywright/internal/service"
)

// List is a list of members in an answer. An empty list is an empty element,
// where a client would otherwise find nothing.
type List[T any] struct {
	Members []T `xml:"member"`
}

// ListOf returns the list of what convert makes of each item.
func ListOf[T, S any](items []S, convert func(S) T) List[T] {
	l := List[T]{Members: make([]T, 0, len(items))}
	for _, i := range items {
		l.Members = append(l.Members, convert(i))
	}
	return l
}

// Timestamp returns a time as answers write it, and "" for the zero time.
func Timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// answer is the document of a success:
// <XResponse><XResult>...</XResult><ResponseMetadata>...</XResponse>.
type answer struct {
	operation, namespace, requestID string
	result                          any // nil when there is none
}

func (m *Model) answer(r *service.Request, operation string, out any) *service.Response {
	a := &answer{operation, m.Namespace, r.ID, out}
	if _, none := out.(*NoResult); none {
		a.result = nil
	}
	p := &service.Response{XML: a}
	p.SetHeader("X-Amzn-Requestid", r.ID)
	return p
}

// MarshalXML writes the document, whose elements are named after the operation.
func (a *answer) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	root := xml.StartElement{Name: xml.Name{Space: a.namespace, Local: a.operation + "Response"}}
	if err := e.EncodeToken(root); err != nil {
		return err
	}
	if a.result != nil {
		if err := e.EncodeElement(a.result, xml.StartElement{Name: xml.Name{Local: a.operation + "Result"}}); err != nil {
			return err
		}
	}
	metadata := struct {
		RequestID string `xml:"RequestId"`
	}{a.requestID}
	if err := e.EncodeElement(metadata, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}); err != nil {
		return err
	}
	return e.EncodeToken(root.End())
}
