package service

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
)

// Response is the answer of an operation. At most one of XML, Data and Stream
// is set.
type Response struct {
	Status int // 0 is 200
	Header http.Header

	XML  any    // written as a document
	Data []byte // written as it is

	Stream io.ReadCloser // written as it comes and closed; Length bytes
	Length int64         // of Stream, or of the body that a HEAD leaves out
}

// SetHeader sets a response header, unless value is empty.
func (p *Response) SetHeader(name, value string) {
	if value == "" {
		return
	}
	if p.Header == nil {
		p.Header = http.Header{}
	}
	p.Header.Set(name, value)
}

// write sends the response. An error means that the client got only a part of
// it, and that the connection must not be used again.
func (p *Response) write(w http.ResponseWriter, r *Request) error {
	if p.Stream != nil {
		defer p.Stream.Close()
	}
	h := w.Header()
	for name, values := range p.Header {
		h[name] = values
	}
	data := p.Data
	if p.XML != nil {
		var err error
		if data, err = marshal(p.XML); err != nil {
			return err
		}
		h.Set("Content-Type", "application/xml")
	}
	length := p.Length
	if p.Stream == nil && r.HTTP.Method != http.MethodHead {
		length = int64(len(data))
	}
	status := p.Status
	if status == 0 {
		status = http.StatusOK
	}
	if status != http.StatusNoContent && status != http.StatusNotModified {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(status)
	if r.HTTP.Method == http.MethodHead || length == 0 {
		return nil
	}
	if p.Stream != nil {
		_, err := io.CopyN(w, p.Stream, p.Length)
		return err
	}
	_, err := w.Write(data)
	return err
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	err := xml.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// WriteXML answers with a document, as a Service's Fault does.
func WriteXML(w http.ResponseWriter, status int, v any) {
	data, err := marshal(v)
	if err != nil { // v is a fixed struct of strings
		panic(err)
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	w.Write(data)
}
