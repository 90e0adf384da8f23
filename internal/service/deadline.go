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
}

func newDeadline(w http.ResponseWriter, r *http.Request, idle time.Duration) *deadline {
	d := &deadline{control: http.NewResponseController(w), idle: idle, body: r.Body}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = d
	}
	return d
}

// Read reads from the request's body and allows it another idle time. Once the
// body ended no deadline may stay: the server reads on in the background, and
// would take its passing for a lost client.
func (d *deadline) Read(p []byte) (int, error) {
	d.control.SetReadDeadline(time.Now().Add(d.idle))
	n, err := d.body.Read(p)
	if err == io.EOF {
		d.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// Close closes the request's body.
func (d *deadline) Close() error { return d.body.Close() }

func (d *deadline) beforeWrite() { d.control.SetWriteDeadline(time.Now().Add(d.idle)) }

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
