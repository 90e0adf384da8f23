package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) versioningRows() []row {
	versioning := []string{"versioning"}
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: versioning, operation: s.getBucketVersioning()},
		{method: http.MethodPut, scope: bucketScope, query: versioning, operation: s.putBucketVersioning()},
	}
}

// versioningConfiguration is the name of the document that holds the state of a
// bucket's versioning, which is its text. A bucket without has never kept
// versions.
const versioningConfiguration = "versioning"

// The states of a bucket's versioning.
const (
	versioningEnabled   = "Enabled"
	versioningSuspended = "Suspended"
)

// versioningOf returns what becomes of what the keys of a bucket hold.
func versioningOf(b *directory.Bucket) objects.Versioning {
	switch b.Configurations[versioningConfiguration] {
	case versioningEnabled:
		return objects.VersioningEnabled
	case versioningSuspended:
		return objects.VersioningSuspended
	}
	return objects.Unversioned
}

// keepsVersions reports whether a bucket keeps versions, or has ever done so.
func keepsVersions(b *directory.Bucket) bool { return versioningOf(b) != objects.Unversioned }

// versioning tells a store what becomes of what the bucket's keys hold at the
// moment of a write, which may be long after the request began.
func (r *request) versioning() objects.Versioner { return currentVersioning{r.s3.directory, r.bucket} }

type currentVersioning struct {
	directory Directory
	bucket    *directory.Bucket // as it was when the request began
}

// Versioning implements objects.Versioner.
func (c currentVersioning) Versioning() objects.Versioning {
	if now, ok := c.directory.Bucket(c.bucket.Name); ok && now.ID == c.bucket.ID {
		return versioningOf(now)
	}
	return versioningOf(c.bucket)
}

// tellVersion tells in a response which version of a bucket's object it is
// about: always where versions are kept, else when one was named.
func tellVersion(p *service.Response, b *directory.Bucket, v version, id string) *service.Response {
	if v.given || keepsVersions(b) {
		p.SetHeader("X-Amz-Version-Id", id)
	}
	return p
}

// tellNewVersion tells the id of a version that was made. The null version that
// a suspended bucket makes is not told.
func tellNewVersion(p *service.Response, id string) {
	if id != objects.NullVersion {
		p.SetHeader("X-Amz-Version-Id", id)
	}
}

// markerError words what is answered where a delete marker is found ("Working
// with delete markers", Amazon S3 User Guide), or returns nil for any other
// error.
func markerError(err error, key string) error {
	var marker *objects.DeleteMarkerError
	if !errors.As(err, &marker) {
		return nil
	}
	answer := awserr.NoSuchKey.With("Key", key)
	if marker.Named {
		answer = awserr.MethodNotAllowed.With("Method", http.MethodGet).With("ResourceType", "DeleteMarker").
			WithHeader("Allow", http.MethodDelete).WithHeader("Last-Modified", marker.Modified.UTC().Format(http.TimeFormat))
	}
	return answer.WithHeader("X-Amz-Delete-Marker", "true").WithHeader("X-Amz-Version-Id", marker.VersionID).WithCause(err)
}

type getVersioningResult struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ VersioningConfiguration"`
	Status  string   `xml:",omitempty"`
}

func (s *S3) getBucketVersioning() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketVersioning", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketVersioning"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			return &service.Response{XML: getVersioningResult{Status: r.bucket.Configurations[versioningConfiguration]}}, nil
		},
	})
}

type putVersioningRequest struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Status    string
	MFADelete string `xml:"MfaDelete"`
	closed
}

func (s *S3) putBucketVersioning() service.Operation {
	return define(s, spec[string]{
		name: "PutBucketVersioning", parse: parsePutVersioning, needs: bucketAction[string]("s3:PutBucketVersioning"),
		serve: func(ctx context.Context, r *request, status string) (*service.Response, error) {
			allowed := func(b *directory.Bucket) error {
				if status != versioningEnabled && hasObjectLock(b) {
					return invalidBucketState.WithMessage("An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
				}
				return nil
			}
			return r.configure(ctx, map[string]string{versioningConfiguration: status}, allowed, http.StatusOK)
		},
	})
}

// parsePutVersioning refuses MFA delete: no caller has a device to prove.
func parsePutVersioning(r *service.Request) (string, error) {
	if r.HTTP.Header.Values("x-amz-mfa") != nil {
		return "", notImplemented("x-amz-mfa")
	}
	var in putVersioningRequest
	if err := r.ReadXML(&in, maxSmallDocument); err != nil {
		return "", err
	}
	switch {
	case in.MFADelete == "Enabled":
		return "", awserr.NotImplemented.WithMessage("MFA delete is not implemented by this server.")
	case in.MFADelete != "" && in.MFADelete != "Disabled":
		return "", awserr.MalformedXML
	case in.Status == "":
		return "", awserr.New("IllegalVersioningConfigurationException", http.StatusBadRequest, "The Versioning element must be specified")
	case in.Status != versioningEnabled && in.Status != versioningSuspended:
		return "", awserr.MalformedXML
	}
	return in.Status, nil
}

type listVersionsInput struct {
	listing
	versionAfter string
}

type listVersionsResult struct {
	XMLName             xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
	KeyMarker           string
	VersionIDMarker     string `xml:"VersionIdMarker"`
	NextKeyMarker       string `xml:",omitempty"`
	NextVersionIDMarker string `xml:"NextVersionIdMarker,omitempty"`
	listed
	Versions versionElements
}

// versionElements are versions and delete markers in one order.
type versionElements []versionElement

// MarshalXML writes each as what it is.
func (all versionElements) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	for i := range all {
		start := xml.StartElement{Name: xml.Name{Local: "Version"}}
		if all[i].marker {
			start.Name.Local = "DeleteMarker"
		}
		if err := e.EncodeElement(&all[i], start); err != nil {
			return err
		}
	}
	return nil
}

// versionElement is a Version or a DeleteMarker, which has no more than a key and
// an owner.
type versionElement struct {
	marker bool

	Key               string
	VersionID         string `xml:"VersionId"`
	IsLatest          bool
	LastModified      string
	ETag              string `xml:",omitempty"`
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              *int64
	Owner             *identity
	StorageClass      string `xml:",omitempty"`
}

func (s *S3) listObjectVersions() service.Operation {
	return define(s, spec[listVersionsInput]{
		name: "ListObjectVersions", parse: parseListObjectVersions, needs: listNeeds[listVersionsInput]("s3:ListBucketVersions"), serve: serveListObjectVersions,
	})
}

func parseListObjectVersions(r *service.Request) (in listVersionsInput, err error) {
	if in.listing, err = parseListing(r, "key-marker"); err != nil {
		return in, err
	}
	if !r.Query.Has("version-id-marker") {
		return in, nil
	}
	switch in.versionAfter = r.Query.Get("version-id-marker"); {
	case in.versionAfter == "":
		return in, invalidArgument("version-id-marker", "", "A version-id marker cannot be empty.")
	case in.after == "":
		return in, invalidArgument("version-id-marker", in.versionAfter, "A version-id marker cannot be specified without a key marker.")
	}
	_, err = newVersion(in.versionAfter)
	return in, err
}

func serveListObjectVersions(ctx context.Context, r *request, in listVersionsInput) (*service.Response, error) {
	p, err := r.s3.objects.ListVersions(ctx, r.room(), objects.ListVersionsRequest{
		Prefix: in.prefix, Delimiter: in.delimiter, KeyAfter: in.after, VersionAfter: in.versionAfter, Max: in.max,
	})
	if err != nil {
		return nil, r.storeError(err)
	}
	result := listVersionsResult{
		KeyMarker: in.encode.text(in.after), VersionIDMarker: in.versionAfter,
		listed:        in.listed(r, objects.ListPage{Prefixes: p.Prefixes, Truncated: p.Truncated}),
		NextKeyMarker: in.encode.text(p.NextKey), NextVersionIDMarker: p.NextVersion,
	}
	shown := r.owners()
	for i := range p.Versions {
		result.Versions = append(result.Versions, in.version(&p.Versions[i], shown.of(p.Versions[i].Attributes)))
	}
	return r.tellRegion(&service.Response{XML: result}), nil
}

func (in *listing) version(v *objects.Info, owner *identity) versionElement {
	e := versionElement{
		marker: v.DeleteMarker, Key: in.encode.text(v.Key), VersionID: v.VersionID,
		IsLatest: v.IsLatest, LastModified: timestamp(v.Modified), Owner: owner,
	}
	if v.DeleteMarker {
		return e
	}
	e.ETag, e.Size, e.StorageClass = quoted(v.ETag), &v.Size, classOf(v.Attributes)
	e.ChecksumAlgorithm, e.ChecksumType = v.Checksum.Algorithm.String(), string(v.Checksum.Type)
	return e
}
