package s3

import (
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) deleteRows() []row {
	return []row{
		{method: http.MethodDelete, scope: objectScope, params: []string{"versionId"}, conditional: []string{"If-Match"}, operation: s.deleteObject()},
		{method: http.MethodPost, scope: bucketScope, query: []string{"delete"}, operation: s.deleteObjects()},
	}
}

type deleteInput struct {
	bypass     bool
	version    version
	conditions objects.Conditions
}

func (s *S3) deleteObject() service.Operation {
	return define(s, spec[*deleteInput]{
		name: "DeleteObject", parse: parseDelete, reveals: revealsKey[*deleteInput],
		needs: func(r *request, in *deleteInput) ([]service.Need, error) {
			needs := []service.Need{r.onObject(in.version.action("s3:DeleteObject"), r.headerKeys("if-match"), in.version.key)}
			if !in.version.given {
				in.conditions.OwnerID = r.changing(&needs[0], r.Key)
			}
			if m := in.conditions.IfMatch; m != "" && m != "*" {
				needs = append(needs, r.aboutCurrent(r.onObject("s3:GetObject"), r.Key))
			}
			if in.bypass = r.bypasses(); in.bypass {
				needs = append(needs, r.onObject("s3:BypassGovernanceRetention", in.version.key))
			}
			return needs, nil
		},
		serve: serveDelete,
	})
}

func parseDelete(r *service.Request) (in *deleteInput, err error) {
	in = &deleteInput{}
	h := r.HTTP.Header
	if h.Values("If-Match") != nil {
		if in.conditions, err = deleteCondition(strings.Join(h.Values("If-Match"), ",")); err != nil {
			return in, err
		}
	}
	in.version, err = parseVersion(r)
	return in, err
}

// deleteCondition reads the entity tag that an object must have to be deleted,
// or "*" for any ("How to perform conditional deletes", Amazon S3 User Guide).
func deleteCondition(etag string) (objects.Conditions, error) {
	c := objects.Conditions{IfMatch: strings.Trim(etag, `"`)}
	if c.IfMatch == "" || strings.ContainsAny(c.IfMatch, `",`) {
		return c, notImplemented("If-Match")
	}
	return c, nil
}

func serveDelete(ctx context.Context, r *request, in *deleteInput) (*service.Response, error) {
	if err := r.checkBypass(); err != nil {
		return nil, err
	}
	deleted, err := r.s3.objects.Delete(ctx, r.room(), objects.DeleteRequest{
		Key: r.Key, VersionID: in.version.id, Conditions: in.conditions, Versioning: r.versioning(), BypassGovernance: in.bypass, OwnerID: r.newOwnerID(),
	})
	if err != nil && !errors.Is(err, objects.ErrNoSuchVersion) {
		return nil, conditionFailed(r.storeError(err), in.conditions)
	}
	p := &service.Response{Status: http.StatusNoContent}
	if id := cmp.Or(in.version.id, deleted.VersionID); id != "" {
		p.SetHeader("X-Amz-Version-Id", id)
	}
	if deleted.DeleteMarker {
		p.SetHeader("X-Amz-Delete-Marker", "true")
	}
	return p, nil
}

// Limits of DeleteObjects ("DeleteObjects", Amazon S3 API Reference).
const (
	maxDelete     = 1000
	maxDeleteBody = 2 << 20
)

type deleteObjectsRequest struct {
	XMLName xml.Name `xml:"Delete"`
	Quiet   bool
	Objects deleteIdentifiers `xml:"Object"`
	closed
}

type deleteIdentifiers []deleteIdentifier

// UnmarshalXML reads one object more.
func (l *deleteIdentifiers) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return appendElement((*[]deleteIdentifier)(l), maxDelete, d, &start)
}

// deleteIdentifier is one object of DeleteObjects. LastModifiedTime and Size are
// conditions that only directory buckets have.
type deleteIdentifier struct {
	Key              string
	VersionID        *string `xml:"VersionId"`
	ETag             *string
	LastModifiedTime *string
	Size             *string
	closed
}

// deleteItem is an object to be deleted, with the indices of its needs, and of
// that without which its client is not told that it does not exist.
type deleteItem struct {
	key        string
	version    version
	conditions objects.Conditions
	ownerID    string // that what is deleted must have; see changing
	err        error  // of a version's id that none can have
	needs      []int
	reveals    int
}

type deleteObjectsInput struct {
	bypass bool
	quiet  bool
	items  []deleteItem
}

type deleteObjectsResult struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []deletedElement
	Errors  []deleteErrorElement `xml:"Error"`
}

type deletedElement struct {
	Key                   string
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:",omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

type deleteErrorElement struct {
	Key       string
	VersionID string `xml:"VersionId,omitempty"`
	Code      string
	Message   string
}

func (s *S3) deleteObjects() service.Operation {
	return define(s, spec[*deleteObjectsInput]{
		name: "DeleteObjects", parse: parseDeleteObjects, needs: deleteObjectsNeeds, serve: serveDeleteObjects,
	})
}

func parseDeleteObjects(r *service.Request) (*deleteObjectsInput, error) {
	if err := requireDigest(r); err != nil {
		return nil, err
	}
	var document deleteObjectsRequest
	if err := r.ReadXML(&document, maxDeleteBody); err != nil {
		return nil, err
	}
	if len(document.Objects) == 0 {
		return nil, awserr.MalformedXML
	}
	in := &deleteObjectsInput{quiet: document.Quiet}
	for _, o := range document.Objects {
		item, err := newDeleteItem(o)
		if err != nil {
			return nil, err
		}
		in.items = append(in.items, item)
	}
	return in, nil
}

func newDeleteItem(o deleteIdentifier) (item deleteItem, err error) {
	item.key = o.Key
	if o.Key == "" {
		return item, awserr.MalformedXML
	}
	if err := checkKey(o.Key); err != nil {
		return item, err
	}
	if o.LastModifiedTime != nil || o.Size != nil {
		return item, awserr.NotImplemented.WithMessage("The conditions LastModifiedTime and Size are not implemented: only directory buckets have them.")
	}
	if o.VersionID != nil {
		if _, err := newVersion(*o.VersionID); err != nil {
			item.err = awserr.NoSuchVersion.WithCause(err)
		}
		item.version = version{given: true, id: *o.VersionID}
	}
	if o.ETag != nil {
		item.conditions, err = deleteCondition(*o.ETag)
	}
	return item, err
}

// requireDigest demands that the client sent a digest of the body, as S3 does
// for DeleteObjects.
func requireDigest(r *service.Request) error {
	h := r.HTTP.Header
	if h.Values("Content-Md5") != nil || h.Values("x-amz-trailer") != nil {
		return nil
	}
	if a, err := r.Body.VerifyChecksum(); err != nil || a != 0 {
		return err
	}
	return awserr.InvalidRequest.WithMessage("Missing required header for this request: Content-MD5")
}

func deleteObjectsNeeds(r *request, in *deleteObjectsInput) ([]service.Need, error) {
	var needs []service.Need
	// None denies the request: what may be deleted is, all the same.
	add := func(n service.Need) int {
		n.Optional = true
		needs = append(needs, n)
		return len(needs) - 1
	}
	in.bypass = r.bypasses()
	for i := range in.items {
		item := &in.items[i]
		need := r.need(item.version.action("s3:DeleteObject"), r.bucket, item.key, []keys{item.version.key})
		if !item.version.given {
			item.ownerID = r.changing(&need, item.key)
		}
		item.needs = []int{add(need)}
		if in.bypass {
			item.needs = append(item.needs, add(r.need("s3:BypassGovernanceRetention", r.bucket, item.key, []keys{item.version.key})))
		}
		if item.conditions.IfMatch == "" {
			continue
		}
		if item.conditions.IfMatch != "*" {
			item.needs = append(item.needs, add(r.aboutCurrent(r.need("s3:GetObject", r.bucket, item.key, nil), item.key)))
		}
		item.reveals = add(r.revealed(r.bucket, item.key))
	}
	return needs, nil
}

// deleteWorkers is how many objects of one request are deleted at a time, so
// that the store can make them durable together.
const deleteWorkers = 32

func serveDeleteObjects(ctx context.Context, r *request, in *deleteObjectsInput) (*service.Response, error) {
	if err := r.checkBypass(); err != nil {
		return nil, err
	}
	outcomes := make([]deleteOutcome, len(in.items))
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(deleteWorkers, len(in.items)) {
		workers.Go(func() {
			for i := range work {
				outcomes[i].deleted, outcomes[i].err = deleteOne(ctx, r, &in.items[i], in.bypass)
			}
		})
	}
	for i := range in.items {
		work <- i
	}
	close(work)
	workers.Wait()
	return &service.Response{XML: in.result(outcomes)}, nil
}

// deleteOutcome is what became of one object.
type deleteOutcome struct {
	deleted objects.Deleted
	err     error
}

func deleteOne(ctx context.Context, r *request, item *deleteItem, bypass bool) (objects.Deleted, error) {
	for _, n := range item.needs {
		if err := r.Denied(n); err != nil {
			return objects.Deleted{}, err
		}
	}
	conditions := item.conditions
	conditions.OwnerID = item.ownerID
	if item.err != nil {
		return objects.Deleted{}, item.err
	}
	deleted, err := r.s3.objects.Delete(ctx, r.room(), objects.DeleteRequest{
		Key: item.key, VersionID: item.version.id, Conditions: conditions, Versioning: r.versioning(), BypassGovernance: bypass, OwnerID: r.newOwnerID(),
	})
	if errors.Is(err, objects.ErrNoSuchVersion) && item.conditions == (objects.Conditions{}) {
		return deleted, nil // what is not there counts as deleted
	}
	err = storeError(err, r.bucket, item.key)
	if errors.Is(err, awserr.NoSuchKey) {
		if denied := r.Denied(item.reveals); denied != nil {
			return deleted, denied
		}
	}
	return deleted, err
}

func (in *deleteObjectsInput) result(outcomes []deleteOutcome) deleteObjectsResult {
	var result deleteObjectsResult
	for i, item := range in.items {
		o := outcomes[i]
		if o.err != nil {
			e := awserr.From(o.err)
			result.Errors = append(result.Errors, deleteErrorElement{item.key, item.version.id, e.Code, e.Message})
			continue
		}
		if in.quiet {
			continue
		}
		deleted := deletedElement{Key: item.key, VersionID: item.version.id}
		if o.deleted.DeleteMarker {
			deleted.DeleteMarker, deleted.DeleteMarkerVersionID = true, o.deleted.VersionID
		}
		result.Deleted = append(result.Deleted, deleted)
	}
	return result
}
