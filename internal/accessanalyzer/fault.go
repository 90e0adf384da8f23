package accessanalyzer

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

var (
	unknownOperation = awserr.New("UnknownOperation", http.StatusNotFound, "There is no such operation.")
	validation       = awserr.New("ValidationException", http.StatusBadRequest, "The request is not valid.")
)

// invalidField is a ValidationException for one field of the request.
func invalidField(reason, name, message string) error {
	return validation.WithMessage("%s: %s", name, message).With(reasonField, reason).With(name, message)
}

// reasonField is the field of a ValidationException that is none of the request.
const reasonField = "reason"

// faults are the errors of authentication and of the server as the protocol
// words them ("Common Errors", IAM Access Analyzer API Reference). The rest of
// this project knows them as S3 does. An empty message keeps the error's own.
var faults = map[string]*awserr.Error{
	awserr.AccessDenied.Code:                      awserr.New("AccessDeniedException", http.StatusForbidden, ""),
	awserr.AuthorizationHeaderMalformed.Code:      awserr.New("IncompleteSignatureException", http.StatusBadRequest, ""),
	awserr.AuthorizationQueryParametersError.Code: awserr.New("IncompleteSignatureException", http.StatusBadRequest, ""),
	awserr.ExpiredToken.Code:                      awserr.New("ExpiredTokenException", http.StatusForbidden, "The security token included in the request is expired"),
	awserr.InternalError.Code:                     awserr.New("InternalServerException", http.StatusInternalServerError, "The request failed because of an internal error."),
	awserr.InvalidAccessKeyID.Code:                awserr.New("UnrecognizedClientException", http.StatusForbidden, "The security token included in the request is invalid."),
	awserr.InvalidToken.Code:                      awserr.New("UnrecognizedClientException", http.StatusForbidden, "The security token included in the request is invalid."),
	awserr.MissingAuthenticationToken.Code:        awserr.New("MissingAuthenticationTokenException", http.StatusForbidden, "Missing Authentication Token"),
	awserr.RequestTimeTooSkewed.Code:              awserr.New("InvalidSignatureException", http.StatusForbidden, ""),
	awserr.SignatureDoesNotMatch.Code:             awserr.New("InvalidSignatureException", http.StatusForbidden, ""),
	awserr.ServiceUnavailable.Code:                awserr.New("ThrottlingException", http.StatusTooManyRequests, ""),
	awserr.SlowDown.Code:                          awserr.New("ThrottlingException", http.StatusTooManyRequests, ""),
}

// faultDocument is the document of an error.
type faultDocument struct {
	Message   string       `json:"message"`
	Reason    string       `json:"reason,omitempty"`
	FieldList []faultField `json:"fieldList,omitempty"`
}

type faultField struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

// Fault writes an error in the shape of the REST-JSON protocol. Its name stands
// in a header.
func (s *Service) Fault(w http.ResponseWriter, r *service.Request, e *awserr.Error) {
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	code, status, d := e.Code, e.Status, faultDocument{Message: e.Message}
	if known, ok := faults[e.Code]; ok {
		code, status = known.Code, known.Status
		if known.Message != "" {
			d.Message = known.Message
		}
	}
	if !strings.HasSuffix(code, "Exception") {
		code += "Exception"
	}
	if e.Code == validation.Code {
		for _, f := range e.Fields {
			if f.Name == reasonField {
				d.Reason = f.Value
			} else {
				d.FieldList = append(d.FieldList, faultField{f.Name, f.Value})
			}
		}
	}
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	data, err := json.Marshal(d)
	if err != nil { // d is a struct of strings
		panic(err)
	}
	h := w.Header()
	h.Set("X-Amzn-Requestid", r.ID)
	h.Set("X-Amzn-Errortype", code)
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data)
}
