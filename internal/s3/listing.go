package s3

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) listingRows() []row {
	params := []string{"delimiter", "encoding-type", "max-keys", "prefix"}
	// With "metadata" MinIO's client asks for more than S3 tells, which ignores it.
	return []row{
		{method: http.MethodGet, scope: bucketScope,
			params: append([]string{"marker"}, params...), operation: s.listObjects()},
		{method: http.MethodGet, scope: bucketScope, query: []string{"list-type=2"},
			params: append([]string{"continuation-token", "fetch-owner", "metadata", "start-after"}, params...), operation: s.listObjectsV2()},
		{method: http.MethodGet, scope: bucketScope, query: []string{"versions"},
			params: append([]string{"key-marker", "version-id-marker"}, params...), operation: s.listObjectVersions()},
	}
}

// listing is what the three listings of objects are asked for alike.
type listing struct {
	prefix, delimiter string
	after             string
	max               int
	encode            encoding
}

// encoding writes keys into a document: as they are, or percent-encoded, which a
// client asks for because XML cannot hold every character.
type encoding bool

func (e encoding) text(s string) string {
	if !e {
		return s
	}
	return strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
}

func (e encoding) name() string {
	if e {
		return "url"
	}
	return ""
}

// optional writes a text that is left out when it is not there.
func (e encoding) optional(s string, there bool) *string {
	if !there {
		return nil
	}
	text := e.text(s)
	return &text
}

func parseListing(r *service.Request, marker string) (in listing, err error) {
	in.prefix, in.delimiter, in.after = r.Query.Get("prefix"), r.Query.Get("delimiter"), r.Query.Get(marker)
	if in.encode, err = parseEncoding(r); err != nil {
		return in, err
	}
	in.max, err = parseMax("max-keys", r.Query["max-keys"])
	return in, err
}

func parseEncoding(r *service.Request) (encoding, error) {
	v := r.Query.Get("encoding-type")
	if r.Query.Has("encoding-type") && v != "url" {
		return false, invalidArgument("encoding-type", v, "Invalid Encoding Method specified in Request")
	}
	return v == "url", nil
}

func (in *listing) list(ctx context.Context, r *request) (objects.ListPage, error) {
	p, err := r.s3.objects.List(ctx, r.room(), objects.ListRequest{
		Prefix: in.prefix, Delimiter: in.delimiter, After: in.after, Max: in.max,
	})
	if err != nil {
		return p, r.storeError(err)
	}
	return p, nil
}

// listNeeds are the needs of a listing, with what it asks for in the context.
func listNeeds[In any](action string) func(*request, In) ([]service.Need, error) {
	return func(r *request, _ In) ([]service.Need, error) {
		return []service.Need{r.onBucket(action, r.listKeys)}, nil
	}
}

// listed is what every document of a listing has.
type listed struct {
	Name           string
	Prefix         string
	MaxKeys        int
	Delimiter      *string
	IsTruncated    bool
	EncodingType   string `xml:",omitempty"`
	CommonPrefixes []commonPrefix
}

type commonPrefix struct{ Prefix string }

func (in *listing) listed(r *request, p objects.ListPage) listed {
	return listed{
		Name: r.bucket.Name, Prefix: in.encode.text(in.prefix), MaxKeys: in.max,
		Delimiter:   in.encode.optional(in.delimiter, in.delimiter != ""),
		IsTruncated: p.Truncated, EncodingType: in.encode.name(), CommonPrefixes: in.encode.prefixes(p.Prefixes),
	}
}

func (e encoding) prefixes(all []string) []commonPrefix {
	elements := make([]commonPrefix, len(all))
	for i, p := range all {
		elements[i].Prefix = e.text(p)
	}
	return elements
}

// objectElement is one object of a listing.
type objectElement struct {
	Key               string
	LastModified      string
	ETag              string
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
	Size              int64
	Owner             *identity
	StorageClass      string
}

func (in *listing) objects(all []objects.Info, owners *owners) []objectElement {
	elements := make([]objectElement, len(all))
	for i := range all {
		o := &all[i]
		elements[i] = objectElement{
			Key: in.encode.text(o.Key), LastModified: timestamp(o.Modified), ETag: quoted(o.ETag), Size: o.Size,
			ChecksumAlgorithm: o.Checksum.Algorithm.String(), ChecksumType: string(o.Checksum.Type),
			Owner: owners.of(o.Attributes), StorageClass: classOf(o.Attributes),
		}
	}
	return elements
}

type listObjectsResult struct {
	XMLName    xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Marker     string
	NextMarker string `xml:",omitempty"`
	listed
	Contents []objectElement
}

func (s *S3) listObjects() service.Operation {
	return define(s, spec[listing]{
		name: "ListObjects", needs: listNeeds[listing]("s3:ListBucket"), serve: serveListObjects,
		parse: func(r *service.Request) (listing, error) { return parseListing(r, "marker") },
	})
}

func serveListObjects(ctx context.Context, r *request, in listing) (*service.Response, error) {
	p, err := in.list(ctx, r)
	if err != nil {
		return nil, err
	}
	result := listObjectsResult{
		Marker: in.encode.text(in.after), listed: in.listed(r, p),
		Contents: in.objects(p.Objects, r.owners()),
	}
	// Without a delimiter the last key is the next marker.
	if p.Truncated && in.delimiter != "" {
		result.NextMarker = in.encode.text(p.Next)
	}
	return r.tellRegion(&service.Response{XML: result}), nil
}

// tellRegion says where the bucket is, as listings do.
func (r *request) tellRegion(p *service.Response) *service.Response {
	p.SetHeader("X-Amz-Bucket-Region", r.bucket.Region)
	return p
}

type listObjectsV2Input struct {
	listing
	fetchOwner bool
}

type listObjectsV2Result struct {
	XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	ContinuationToken     *string
	NextContinuationToken string `xml:",omitempty"`
	StartAfter            *string
	KeyCount              int
	listed
	Contents []objectElement
}

func (s *S3) listObjectsV2() service.Operation {
	return define(s, spec[listObjectsV2Input]{
		name: "ListObjectsV2", parse: parseListObjectsV2, needs: listNeeds[listObjectsV2Input]("s3:ListBucket"), serve: serveListObjectsV2,
	})
}

func parseListObjectsV2(r *service.Request) (in listObjectsV2Input, err error) {
	if in.listing, err = parseListing(r, "start-after"); err != nil {
		return in, err
	}
	switch v := r.Query.Get("fetch-owner"); {
	case strings.EqualFold(v, "true"):
		in.fetchOwner = true
	case v != "" && !strings.EqualFold(v, "false"):
		return in, invalidArgument("fetch-owner", v, "Argument fetch-owner must be true or false")
	}
	after, err := continuation(r)
	if after != "" {
		in.after = after // a token takes the place of where the listing began
	}
	return in, err
}

func serveListObjectsV2(ctx context.Context, r *request, in listObjectsV2Input) (*service.Response, error) {
	p, err := in.list(ctx, r)
	if err != nil {
		return nil, err
	}
	var shown *owners
	if in.fetchOwner {
		shown = r.owners()
	}
	result := listObjectsV2Result{
		KeyCount: len(p.Objects) + len(p.Prefixes), listed: in.listed(r, p), Contents: in.objects(p.Objects, shown),
		StartAfter: in.encode.optional(r.Query.Get("start-after"), r.Query.Has("start-after")),
	}
	if r.Query.Has("continuation-token") {
		given := r.Query.Get("continuation-token")
		result.ContinuationToken = &given
	}
	if p.Truncated {
		result.NextContinuationToken = token(p.Next)
	}
	return r.tellRegion(&service.Response{XML: result}), nil
}
