// Package awserr knows the errors of the S3, IAM, STS and KMS protocols: their
// codes, HTTP statuses, messages and extra elements. It is the one error type
// at the edge: what a client may see is in an *Error, and whatever reaches the
// edge as anything else is an internal error whose text stays in the log.
//
// It does not know how an error is written: the wire shapes belong to
// internal/service.
package awserr

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an answer that a client can act on.
type Error struct {
	Code    string // AWS's error code, such as "NoSuchKey"
	Status  int    // HTTP status
	Message string // for the client; never holds a secret or an internal path
	Fields  []Field
	Header  http.Header // sent with the error, such as x-amz-bucket-region; may be nil

	cause error
}

// Field is an extra element of an S3 error document, such as BucketName.
type Field struct{ Name, Value string }

// New returns an error with the given code, HTTP status and message.
func New(code string, status int, message string) *Error {
	return &Error{Code: code, Status: status, Message: message}
}

// Newf is New with a format for the message.
func Newf(code string, status int, format string, args ...any) *Error {
	return New(code, status, fmt.Sprintf(format, args...))
}

// Error returns the code and the message, and the cause when there is one: it
// is for logs, not for clients.
func (e *Error) Error() string {
	if e.cause != nil {
		return e.Code + ": " + e.Message + ": " + e.cause.Error()
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause that WithCause recorded, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// With returns a copy of e with one more element in its document.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Fields = append(c.Fields[:len(c.Fields):len(c.Fields)], Field{name, value})
	return &c
}

// WithMessage returns a copy of e with another message.
func (e *Error) WithMessage(format string, args ...any) *Error {
	c := *e
	c.Message = fmt.Sprintf(format, args...)
	return &c
}

// WithHeader returns a copy of e that is sent with one more response header.
func (e *Error) WithHeader(name, value string) *Error {
	c := *e
	c.Header = e.Header.Clone()
	if c.Header == nil {
		c.Header = http.Header{}
	}
	c.Header.Set(name, value)
	return &c
}

// WithCause returns a copy of e that keeps err for the log.
func (e *Error) WithCause(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// From returns the *Error in err's chain, or InternalError with err as its
// cause when there is none. It returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return InternalError.WithCause(err)
}
