// Package postform knows the forms with which browsers upload an object
// ("Browser-Based Uploads Using POST", Amazon S3 API Reference): it reads the
// fields that stand before the file, streams the file, and holds both against
// the policy document that the form carries.
//
// It does not know who signed a policy, and not what a field means to an
// object: internal/sigv4 verifies a form's signature, and internal/s3 makes an
// object of it.
package postform

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
)

// MediaType is the content type of every form.
const MediaType = "multipart/form-data"

// MaxHead is the most bytes that may stand before the content of the file
// ("HTML Form Fields", Amazon S3 API Reference).
const MaxHead = 20 << 10

// maxBoundary is the longest boundary (RFC 2046, section 5.1.1).
const maxBoundary = 70

// Form is a form whose fields were read and whose file was not. It is for one
// goroutine.
type Form struct {
	Bucket string // that the form was posted to

	fields   []Field
	header   http.Header
	fileName string // without its path
	head     *head
	file     *multipart.Part

	left     int64 // bytes of the request after the head
	min, max int64 // of the file
	size     int64 // read of the file
}

// Field is a field of a form.
type Field struct {
	Name  string // as it was sent
	Value string // with the name of the file for ${filename}; values of one name are joined by commas
}

// Read reads the fields of a form that was posted to a bucket, up to its file.
// What comes after the file is never read: S3 ignores it.
//
// Errors are MalformedPOSTRequest, MaxPostPreDataLengthExceededError,
// IncorrectNumberOfFilesInPostRequest, MissingContentLength, IncompleteBody,
// NotImplemented for a field that asks for what no form does, and InvalidArgument
// when there is no key or a field cannot be what it stands for; any other is a
// failure of the connection.
func Read(r *http.Request, bucket string) (*Form, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	boundary := params["boundary"]
	switch {
	case err != nil || media != MediaType || boundary == "" || len(boundary) > maxBoundary:
		return nil, awserr.MalformedPOSTRequest.WithCause(err)
	case r.ContentLength < 0:
		return nil, awserr.MissingContentLength
	}
	f := &Form{Bucket: bucket, head: &head{from: r.Body}, max: r.ContentLength}
	parts := multipart.NewReader(f.head, boundary)
	for f.file == nil {
		part, err := parts.NextRawPart()
		if err == io.EOF { // not wrapped: the form has ended as a form does
			return nil, awserr.IncorrectNumberOfFiles
		}
		if err == nil {
			err = f.add(part)
		}
		if err != nil {
			return nil, f.head.answer(err)
		}
	}
	f.left = r.ContentLength - f.head.n
	f.max = f.left
	if err := f.expand(); err != nil {
		return nil, err
	}
	if _, ok := f.Lookup("key"); !ok {
		return nil, missing("key")
	}
	return f, f.setHeader()
}

func missing(field string) *awserr.Error {
	return awserr.InvalidArgument.
		WithMessage("Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", field).
		With("ArgumentName", field).With("ArgumentValue", "")
}

// Missing returns the error for a field that a form must have and has not.
func Missing(field string) error { return missing(field) }

var (
	errName     = errors.New("a part without the disposition form-data or without a name")
	errEncoding = errors.New("a part with a transfer encoding")
	errUTF8     = errors.New("a field that is not UTF-8")
)

// add adds a part to the fields, or takes it for the file.
func (f *Form) add(part *multipart.Part) error {
	disposition, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name := params["name"]
	if err != nil || disposition != "form-data" || name == "" {
		return errors.Join(errName, err)
	}
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		return errEncoding
	}
	if strings.ToLower(name) == "file" {
		f.file, f.fileName = part, baseName(params["filename"])
		f.head.ended = true
		return nil
	}
	value, err := io.ReadAll(part) // which ends at the limit of the head
	if err != nil {
		return err
	}
	if !utf8.ValidString(name) || !utf8.Valid(value) {
		return errUTF8
	}
	if i := f.index(name); i >= 0 {
		f.fields[i].Value += "," + string(value)
		return nil
	}
	f.fields = append(f.fields, Field{name, string(value)})
	return nil
}

// baseName returns what follows the last slash or backslash.
func baseName(path string) string { return path[strings.LastIndexAny(path, `/\`)+1:] }

// expand puts the name of the file in the place of its variable, in every field,
// which must not make the fields longer than a head may be.
func (f *Form) expand() error {
	const variable = "${filename}"
	name, length := strings.ToValidUTF8(f.fileName, "\uFFFD"), 0
	for _, x := range f.fields {
		length += len(x.Value) + strings.Count(x.Value, variable)*(len(name)-len(variable))
	}
	if length > MaxHead {
		return errTooLong
	}
	for i := range f.fields {
		f.fields[i].Value = strings.ReplaceAll(f.fields[i].Value, variable, name)
	}
	return nil
}

// Fields returns the fields that stood before the file, in their order. Of one
// name, whatever its case, there is one.
func (f *Form) Fields() []Field { return f.fields }

// Lookup returns the value of a field. Case does not count in its name.
func (f *Form) Lookup(name string) (value string, ok bool) {
	i := f.index(name)
	if i < 0 {
		return "", false
	}
	return f.fields[i].Value, true
}

// Get returns the value of a field, or "" when there is none.
func (f *Form) Get(name string) string {
	v, _ := f.Lookup(name)
	return v
}

func (f *Form) index(name string) int {
	name = strings.ToLower(name)
	return slices.IndexFunc(f.fields, func(x Field) bool { return strings.ToLower(x.Name) == name })
}

// MaxSize is a size that the file does not exceed.
func (f *Form) MaxSize() int64 { return f.max }

// Limit makes Read fail with EntityTooLarge when the file has more bytes than
// this.
func (f *Form) Limit(size int64) { f.max = min(f.max, size) }

// drained is how much of a file that is too large is read to tell its size.
const drained = 1 << 20

// Read reads the file. It ends with io.EOF only when the file is whole and of
// a size that the policy and Limit allow; else it fails with EntityTooSmall,
// EntityTooLarge, MalformedPOSTRequest or IncompleteBody.
func (f *Form) Read(p []byte) (int, error) {
	n, err := f.file.Read(p)
	f.size += int64(n)
	switch {
	case f.size > f.max:
		rest, _ := io.CopyN(io.Discard, f.file, drained)
		return 0, awserr.EntityTooLarge.With("ProposedSize", itoa(f.size+rest)).With("MaxSizeAllowed", itoa(f.max))
	case err == io.EOF && f.size < f.min:
		return 0, awserr.EntityTooSmall.With("ProposedSize", itoa(f.size)).With("MinSizeAllowed", itoa(f.min))
	case err != nil && err != io.EOF:
		return n, f.head.answer(err)
	}
	return n, err
}

// Close does nothing: the body is the request's.
func (f *Form) Close() error { return nil }

// head reads a request's body. Until the file begins it hands out single
// bytes, so that nothing is read ahead and the count is exact, and no more of
// them than a head may have.
type head struct {
	from  io.Reader
	n     int64 // bytes read of the head
	ended bool  // the file has begun
	err   error // of from, other than io.EOF; or errHead
	next  [512]byte
	held  []byte // of next
}

var (
	errHead    = errors.New("postform: the fields before the file are too long")
	errTooLong = awserr.MaxPostPreDataLengthExceeded.With("MaxPostPreDataLengthBytes", itoa(MaxHead))
)

// Read implements io.Reader.
func (h *head) Read(p []byte) (int, error) {
	if h.ended && len(h.held) == 0 {
		n, err := h.from.Read(p)
		h.note(err)
		return n, err
	}
	if len(h.held) == 0 {
		n, err := h.from.Read(h.next[:])
		if n == 0 {
			h.note(err)
			return 0, err
		}
		h.held = h.next[:n]
	}
	if h.ended {
		n := copy(p, h.held)
		h.held = h.held[n:]
		return n, nil
	}
	if h.n == MaxHead {
		h.err = errHead
		return 0, errHead
	}
	n := copy(p[:min(1, len(p))], h.held)
	h.held = h.held[n:]
	h.n += int64(n)
	return n, nil
}

func (h *head) note(err error) {
	if err != nil && err != io.EOF {
		h.err = err
	}
}

// answer returns what a client is told when the form could not be read: of the
// request's body, or of the form in it.
func (h *head) answer(err error) error {
	switch {
	case h.err == nil:
		return awserr.MalformedPOSTRequest.WithCause(err)
	case errors.Is(h.err, errHead):
		return errTooLong
	case errors.Is(h.err, io.ErrUnexpectedEOF):
		return awserr.IncompleteBody.WithCause(h.err)
	}
	return h.err
}
