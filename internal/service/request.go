package service

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/postform"
	"github.com/keywright/keywright/internal/proxy"
	"github.com/keywright/keywright/internal/sigv4"
)

// Request is one request on its way through the dispatcher.
type Request struct {
	HTTP      *http.Request
	ID        string // x-amz-request-id
	HostID    string // x-amz-id-2
	Time      time.Time
	Client    proxy.Client
	Caller    *Caller          // set before Recognise, and by Spec.Identity
	Signature *sigv4.Signature // nil when anonymous

	// Form is the form that the request posts, and nil for any other; its file is
	// Body.
	Form *postform.Form
	// Body is the payload, decoded: its end is reported only when its
	// signature and digests hold.
	Body *sigv4.Body
	// Params are the parameters of the Query protocol; set by Recognise.
	Params url.Values

	// Query is the query string of an S3 request as its signature covers it, and
	// Bucket and Key are what the request names; set by Recognise.
	Query       url.Values
	Bucket, Key string

	service   Service
	operation string
	unsigned  bool // a document without a signature
	identify  func(WebIdentity) (*Caller, error)
	denied    []error // by index of the need
	atEnd     []func()
}

// AtEnd has f called once the request is answered or has failed, whether or not
// it was served. What Needs opens for Serve is closed this way.
func (r *Request) AtEnd(f func()) { r.atEnd = append(r.atEnd, f) }

func (r *Request) end() {
	for _, f := range slices.Backward(r.atEnd) {
		f()
	}
}

// Denied returns the error that answers for the i-th of the operation's needs,
// or nil when it was allowed. It matters for optional needs only: with any
// other denied, Serve is not called.
func (r *Request) Denied(i int) error {
	if i >= len(r.denied) {
		return awserr.InternalError
	}
	return r.denied[i]
}

// ReadBody reads a body of at most limit bytes, whose digests hold if the client
// sent any, and fails with MaxMessageLengthExceeded beyond the limit.
func (r *Request) ReadBody(limit int64) ([]byte, error) {
	if err := r.Body.VerifyContentMD5(); err != nil {
		return nil, err
	}
	if _, err := r.Body.VerifyChecksum(); err != nil {
		return nil, err
	}
	if r.Body.DecodedLength() > limit {
		return nil, awserr.MaxMessageLengthExceeded
	}
	return io.ReadAll(r.Body)
}

// ReadXML reads a body of at most limit bytes into v, and fails with
// MissingRequestBodyError when there is none and with MalformedXML when it is
// not one document of v's shape.
func (r *Request) ReadXML(v any, limit int64) error {
	data, err := r.ReadBody(limit)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		return awserr.MissingRequestBody
	}
	return DecodeXML(data, v)
}

// Closed, embedded in the shape of a document, makes it refuse elements that it
// does not have: what a client asks for must not be left out silently.
type Closed struct {
	Unknown []unknownElement `xml:",any"`
}

type unknownElement struct{}

var errUnknownElement = errors.New("unknown element")

// UnmarshalXML refuses the element.
func (*unknownElement) UnmarshalXML(*xml.Decoder, xml.StartElement) error { return errUnknownElement }

// largeDocument is the length from which a document waits for its turn.
const largeDocument = 64 << 10

// parsing is held by those that parse a large document, one for each processor.
// A document can be unpacked to thirty times its length, and anybody may send
// one: more of them at once would take the memory and be no sooner done.
var parsing = make(chan struct{}, runtime.GOMAXPROCS(0))

// DecodeXML reads data into v, and fails with MalformedXML when it is not one
// document of v's shape. Anything but blanks and comments after the document
// would be ignored silently, and fails too.
func DecodeXML(data []byte, v any) error {
	if len(data) >= largeDocument {
		parsing <- struct{}{}
		defer func() { <-parsing }()
	}
	d := xml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(v); err != nil {
		return awserr.MalformedXML.WithCause(err)
	}
	for {
		switch t, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return awserr.MalformedXML.WithCause(err)
		default:
			if c, ok := t.(xml.CharData); ok && len(bytes.TrimSpace(c)) == 0 {
				continue
			}
			if _, ok := t.(xml.Comment); !ok {
				return awserr.MalformedXML
			}
		}
	}
}
