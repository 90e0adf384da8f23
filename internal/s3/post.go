package s3

import (
	"context"
	"encoding/xml"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/postform"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) postRows() []row {
	return []row{{method: http.MethodPost, scope: bucketScope, operation: s.postObject()}}
}

// FormBucket returns the bucket that a request posts a form to: one that is
// posted to a bucket as a form, and asks for no subresource.
func (s *S3) FormBucket(r *http.Request) (string, bool) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || media != postform.MediaType || err != nil && err != mime.ErrInvalidMediaParameter {
		return "", false
	}
	a, err := s.addressOf(r)
	return a.bucket, err == nil && a.scope() == bucketScope
}

// recogniseForm finds the operation of a form. From here on the request has the
// headers that the form's fields stand for: it is that of a PutObject.
func (s *S3) recogniseForm(r *service.Request) (service.Operation, error) {
	header, err := formHeader(r.HTTP.Header, r.Form)
	if err != nil {
		return service.Operation{}, err
	}
	r.HTTP = r.HTTP.WithContext(r.HTTP.Context())
	r.HTTP.Header = header
	r.Key = r.Form.Get("key")
	if bucket, given := r.Form.Lookup("bucket"); given && bucket != r.Bucket {
		return service.Operation{}, invalidArgument("bucket", bucket, "The field 'bucket' does not name the bucket that the form was posted to.")
	}
	if r.Key == "" {
		return service.Operation{}, invalidArgument("key", "", "User key must have a length greater than 0.")
	}
	if err := checkKey(r.Key); err != nil {
		return service.Operation{}, err
	}
	found, err := s.table.find(http.MethodPost, bucketScope, r.Query, header)
	if err != nil {
		return service.Operation{}, err
	}
	return found.operation, found.checkHeaders(header)
}

// ofTheFile are headers that say of the form what fields say of the object.
var ofTheFile = []string{
	"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Md5", "Content-Type", "Expires",
}

// formHeader returns the headers of a request with those of its form. What
// nobody signed may not say anything about the object.
func formHeader(sent http.Header, f *postform.Form) (http.Header, error) {
	header := sent.Clone()
	for name := range sent {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && lower != "x-amz-user-agent" && lower != "x-amz-cf-id" {
			return nil, notImplemented(lower).WithMessage("A form says with fields what other requests say with x-amz-* headers.")
		}
	}
	for _, name := range ofTheFile {
		header.Del(name)
	}
	for name, values := range f.Header() {
		header[name] = values
	}
	return header, nil
}

type postInput struct {
	*putInput
	tagging bool // whether the form has tags, also none
}

func (s *S3) postObject() service.Operation {
	return define(s, spec[postInput]{
		name: "POSTObject", parse: parsePost,
		needs: func(r *request, in postInput) ([]service.Need, error) {
			needs := in.write.needs(r, in.attributes.Tags)
			if in.tagging && len(in.attributes.Tags) == 0 {
				needs = append(needs, r.onObject("s3:PutObjectTagging"))
			}
			return needs, nil
		},
		serve: func(ctx context.Context, r *request, in postInput) (*service.Response, error) {
			p, err := servePut(ctx, r, in.putInput)
			if err != nil {
				return nil, err
			}
			return r.tellPosted(p), nil
		},
	})
}

func parsePost(r *service.Request) (in postInput, err error) {
	if r.Form == nil {
		return in, awserr.PreconditionFailed.With("Condition", "Bucket POST must be of the enclosure-type multipart/form-data")
	}
	if in.putInput, err = parsePut(r); err != nil {
		return in, err
	}
	text, ok := r.Form.Lookup("tagging")
	if !ok {
		return in, nil
	}
	in.tagging = true
	var document putTaggingRequest
	if err := service.DecodeXML([]byte(text), &document); err != nil {
		return in, err
	}
	if in.attributes.Tags, err = document.tags(); err != nil {
		return in, err
	}
	return in, checkTags(in.attributes.Tags)
}

// postResponse is the document that success_action_status 201 asks for.
type postResponse struct {
	XMLName                     xml.Name `xml:"PostResponse"`
	Location, Bucket, Key, ETag string
}

// tellPosted makes of the answer to a PutObject that to a form, which may ask
// for a page to go to, or for a status ("HTML Form Fields"; "POST Object", Amazon
// S3 API Reference). What is no page, or no status, counts as not asked for.
func (r *request) tellPosted(p *service.Response) *service.Response {
	etag := p.Header.Get("Etag")
	location := r.objectURL()
	p.Status = http.StatusNoContent
	p.SetHeader("Location", location)
	for _, name := range []string{"success_action_redirect", "redirect"} {
		if page, ok := redirection(r.Form.Get(name), r.bucket.Name, r.Key, etag); ok {
			p.Status = http.StatusSeeOther
			p.SetHeader("Location", page)
			return p
		}
	}
	switch r.Form.Get("success_action_status") {
	case "200":
		p.Status = http.StatusOK
	case "201":
		p.Status = http.StatusCreated
		p.XML = postResponse{Location: location, Bucket: r.bucket.Name, Key: r.Key, ETag: etag}
	}
	return p
}

// objectURL is the address of the request's object, as the request addressed
// its bucket.
func (r *request) objectURL() string {
	scheme := "http://"
	if r.Client.Secure {
		scheme = "https://"
	}
	base := scheme + r.HTTP.Host
	if r.s3.hostBucket(r.HTTP.Host) == "" {
		base += "/" + url.PathEscape(r.bucket.Name)
	}
	return base + "/" + strings.ReplaceAll(url.QueryEscape(r.Key), "+", "%20")
}

// redirection returns a page with what came of the upload in its query.
func redirection(page, bucket, key, etag string) (string, bool) {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || !utf8.ValidString(page) {
		return "", false
	}
	page, fragment, hasFragment := strings.Cut(page, "#")
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	page += separator + "bucket=" + url.QueryEscape(bucket) + "&key=" + url.QueryEscape(key) + "&etag=" + url.QueryEscape(etag)
	if hasFragment {
		page += "#" + fragment
	}
	return page, true
}
