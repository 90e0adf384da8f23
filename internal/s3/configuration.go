package s3

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"sync"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// configuration describes a document that configures a bucket: it is put, kept
// in the bucket's Configurations under the name of its subresource, read back
// and, where S3 has an operation for it, deleted. T is the shape of the
// document; it refuses the elements that it does not have.
type configuration[T any] struct {
	subresource      string
	get, put, delete configurationOperation // delete may have no name

	// check refuses what the shape cannot. May be nil.
	check func(*T) error
	// allowed refuses what the state of the bucket does. May be nil.
	allowed func(*directory.Bucket) error
	// missing answers GET when there is no document, unless usual does.
	missing *awserr.Error
	// usual is what holds without a document; nil when nothing does.
	usual *T

	// header is one that is kept beside the document and told with it, and
	// usually the first of its values. May be empty.
	header       string
	headerTitle  string // as errors name it
	headerValues []string

	// ignored are parameters of GET that only ask for more to be told than S3
	// does, which ignores them.
	ignored []string

	// read keeps what was read, of documents that ordinary requests ask for. May
	// be nil.
	read *readDocuments[T]

	putStatus int // 0 is 200
	limit     int64
}

// configurationOperation is one operation on a configuration.
type configurationOperation struct{ name, action string }

func configurationRows[T any](s *S3, c configuration[T]) []row {
	query := []string{c.subresource}
	rows := []row{
		{method: http.MethodGet, scope: bucketScope, query: query, params: c.ignored, operation: c.getter(s)},
		{method: http.MethodPut, scope: bucketScope, query: query, operation: c.putter(s)},
	}
	if c.delete.name != "" {
		rows = append(rows, row{method: http.MethodDelete, scope: bucketScope, query: query, operation: c.deleter(s)})
	}
	return rows
}

func (c configuration[T]) getter(s *S3) service.Operation {
	return define(s, spec[struct{}]{
		name: c.get.name, parse: noInput, needs: bucketAction[struct{}](c.get.action),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			document, ok := r.bucket.Configurations[c.subresource]
			switch {
			case ok:
				p := documentResponse(document)
				p.SetHeader(c.header, r.bucket.Configurations[c.headerName()])
				return p, nil
			case c.usual != nil:
				return configurationResponse(c.usual)
			}
			return nil, c.missing.With("BucketName", r.bucket.Name)
		},
	})
}

func (c configuration[T]) putter(s *S3) service.Operation {
	return define(s, spec[*T]{
		name: c.put.name, needs: bucketAction[*T](c.put.action),
		parse: func(r *service.Request) (*T, error) {
			if v := r.HTTP.Header.Values(c.header); v != nil && !slices.Contains(c.headerValues, v[0]) {
				return nil, awserr.InvalidRequest.WithMessage("Invalid %s found: %s", c.headerTitle, v[0])
			}
			in := new(T)
			if err := r.ReadXML(in, max(c.limit, maxSmallDocument)); err != nil {
				return nil, err
			}
			if c.check != nil {
				return in, c.check(in)
			}
			return in, nil
		},
		serve: func(ctx context.Context, r *request, in *T) (*service.Response, error) {
			document, err := encodeConfiguration(in)
			if err != nil {
				return nil, err
			}
			documents := map[string]string{c.subresource: document}
			if c.header != "" {
				documents[c.headerName()] = cmp.Or(r.HTTP.Header.Get(c.header), c.headerValues[0])
			}
			p, err := r.configure(ctx, documents, c.allowed, c.putStatus)
			if err == nil && c.header != "" {
				p.SetHeader(c.header, documents[c.headerName()])
			}
			return p, err
		},
	})
}

func (c configuration[T]) deleter(s *S3) service.Operation {
	return define(s, spec[struct{}]{
		name: c.delete.name, parse: noInput, needs: bucketAction[struct{}](c.delete.action),
		serve: func(ctx context.Context, r *request, _ struct{}) (*service.Response, error) {
			return r.configure(ctx, map[string]string{c.subresource: "", c.headerName(): ""}, nil, http.StatusNoContent)
		},
	})
}

// headerName is the name under which the header is kept.
func (c configuration[T]) headerName() string { return c.subresource + " " + c.header }

// configure sets documents of the bucket, if its state allows; an empty one is
// removed.
func (r *request) configure(ctx context.Context, documents map[string]string, allowed func(*directory.Bucket) error, status int) (*service.Response, error) {
	if err := r.s3.directory.SetBucketConfigurations(ctx, r.bucket.ID, documents, allowed); err != nil {
		return nil, r.directoryError(err)
	}
	return &service.Response{Status: status}, nil
}

// readDocuments are documents as they were read last, by the bucket's ID. Nobody
// changes them.
type readDocuments[T any] struct {
	mu       sync.Mutex
	byBucket map[string]readDocument[T]
}

type readDocument[T any] struct {
	text string
	read *T
}

const maxReadDocuments = 256

func (d *readDocuments[T]) get(bucketID, text string) *T {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if found := d.byBucket[bucketID]; found.text == text {
		return found.read
	}
	return nil
}

func (d *readDocuments[T]) keep(bucketID, text string, read *T) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byBucket == nil || len(d.byBucket) >= maxReadDocuments {
		d.byBucket = map[string]readDocument[T]{}
	}
	d.byBucket[bucketID] = readDocument[T]{text, read}
}

// of returns the document of a bucket, or nil when it has none. It must not be
// changed.
func (c configuration[T]) of(b *directory.Bucket) (*T, error) {
	document, ok := b.Configurations[c.subresource]
	if !ok {
		return c.usual, nil
	}
	if in := c.read.get(b.ID, document); in != nil {
		return in, nil
	}
	in := new(T)
	if err := xml.Unmarshal([]byte(document), in); err != nil {
		return nil, err
	}
	c.read.keep(b.ID, document, in)
	return in, nil
}

// configurationResponse answers with a document in S3's namespace.
func configurationResponse(v any) (*service.Response, error) {
	document, err := encodeConfiguration(v)
	return documentResponse(document), err
}

func documentResponse(document string) *service.Response {
	p := &service.Response{Data: []byte(xml.Header + document)}
	p.SetHeader("Content-Type", "application/xml")
	return p
}

const namespace = `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`

// encodeConfiguration writes a document in S3's namespace, whatever it was read
// in.
func encodeConfiguration(v any) (string, error) {
	text, err := xml.Marshal(v)
	if err != nil {
		return "", err
	}
	end := bytes.IndexAny(text, ">")
	return string(text[:end]) + " " + namespace + string(text[end:]), nil
}
