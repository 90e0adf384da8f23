package query

import (
	"encoding/xml"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// faults are the errors of authentication and of the server as the Query
// protocol words them ("Common Errors", IAM and STS API References). The rest
// of this project knows them as S3 does. An empty message keeps the error's
// own; an empty code is the model's Failure.
var faults = map[string]*awserr.Error{
	awserr.AuthorizationHeaderMalformed.Code:      awserr.IncompleteSignature.WithMessage(""),
	awserr.AuthorizationQueryParametersError.Code: awserr.IncompleteSignature.WithMessage(""),
	awserr.ExpiredToken.Code:                      awserr.New("ExpiredToken", http.StatusForbidden, "The security token included in the request is expired"),
	awserr.InternalError.Code:                     awserr.New("", http.StatusInternalServerError, "The request processing has failed because of an unknown error, exception or failure."),
	awserr.InvalidAccessKeyID.Code:                awserr.New("InvalidClientTokenId", http.StatusForbidden, "The security token included in the request is invalid."),
	awserr.InvalidToken.Code:                      awserr.New("InvalidClientTokenId", http.StatusForbidden, "The security token included in the request is invalid."),
	awserr.RequestTimeTooSkewed.Code:              awserr.SignatureDoesNotMatch.WithMessage(""),
}

// fault returns an error as the Query protocol words it.
func (m *Model) fault(e *awserr.Error) *awserr.Error {
	f := *e
	if known, ok := faults[e.Code]; ok {
		f.Code, f.Status = known.Code, known.Status
		if known.Message != "" {
			f.Message = known.Message
		}
	}
	if f.Code == "" {
		f.Code = m.Failure
	}
	// There are no elements for details as S3 has them: they join the message.
	var details string
	for _, d := range e.Fields {
		switch d.Name {
		case "CanonicalRequest":
			details += "\n\nThe Canonical String for this request should have been\n'" + d.Value + "'\n"
		case "StringToSign":
			details += "\n\nThe String-to-Sign should have been\n'" + d.Value + "'\n"
		}
	}
	f.Message += details
	return &f
}

// faultDocument is the document of an error.
type faultDocument struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"` // whose fault it is
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// Fault writes an error in the shape of the Query protocol.
func (s *Service) Fault(w http.ResponseWriter, r *service.Request, e *awserr.Error) {
	e = s.model.fault(e)
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	w.Header().Set("X-Amzn-Requestid", r.ID)
	d := faultDocument{Namespace: s.model.Namespace, Type: "Sender", Code: e.Code, Message: e.Message, RequestID: r.ID}
	if e.Status >= 500 {
		d.Type = "Receiver"
	}
	service.WriteXML(w, e.Status, d)
}
