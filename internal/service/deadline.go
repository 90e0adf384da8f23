package service

import (
	"io"
	"net/http"
	"time"
)

// deadline ends a request whose body does not move: a slow client may take its
// time in all, but not stand still.
type deadline struct {
	control *http.ResponseController
	idle    time.Duration
	body    io.ReadCloser
	ended   bool // whether all of the body was read, or no more will be
}

// newDeadline returns the deadline of a request, and the request to serve. That
// is a copy: net/http goes by the body in its own when it decides, before an
// answer, whether to wait for what the client has not sent.
func newDeadline(w http.ResponseWriter, r *http.Request, idle time.Duration) (*deadline, *http.Request) {
	d := &deadline{control: http.NewResponseController(w), idle: idle, body: r.Body}
	if r.Body == nil || r.Body == http.NoBody {
		d.ended = true
		return d, r
	}
	r = r.WithContext(r.Context())
	r.Body = d
	return d, r
}

// Read reads from the request's body and allows it another idle time. Once the
// body ended no deadline may stay: the server reads on in the background, and
// would take its passing for a lost client.
func (d *deadline) Read(p []byte) (int, error) {
	d.control.SetReadDeadline(time.Now().Add(d.idle))
	n, err := d.body.Read(p)
	d.ended = err != nil
	if err == io.EOF {
		d.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Close closes the request's body.
func (d *deadline) Close() error { return d.body.Close() }

// beforeWrite allows the answer another idle time, and so what net/http may read
// of the body before it sends the answer.
func (d *deadline) beforeWrite() {
	until := time.Now().Add(d.idle)
	d.control.SetWriteDeadline(until)
	if !d.ended {
		d.control.SetReadDeadline(until)
	}
}

func (d *deadline) clear() { d.control.SetWriteDeadline(time.Time{}) }

// countingWriter knows what was sent, and moves the deadline with each write.
type countingWriter struct {
	http.ResponseWriter
	deadline *deadline
	status   int
	bytes    int64
}

// WriteHeader sends the status.
func (w *countingWriter) WriteHeader(status int) {
	w.deadline.beforeWrite()
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write sends a part of the body.
func (w *countingWriter) Write(p []byte) (int, error) {
	w.deadline.beforeWrite()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
