package s3

import (
	"context"
	"encoding/xml"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) attributesRows() []row {
	return []row{{method: http.MethodGet, scope: objectScope, query: []string{"attributes"}, params: []string{"versionId"}, operation: s.getObjectAttributes()}}
}

// objectAttributes are what GetObjectAttributes can be asked for.
var objectAttributes = []string{"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}

type attributesInput struct {
	*stored
	wanted  []string
	page    page // of parts
	opening opening
}

// page is a page of numbered parts.
type page struct{ after, max int }

type attributesResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ GetObjectAttributesResponse"`
	ETag         string   `xml:",omitempty"` // without quotes, unlike elsewhere
	Checksum     *checksumAttribute
	ObjectParts  *partsAttribute
	StorageClass string `xml:",omitempty"`
	ObjectSize   *int64
}

type checksumAttribute struct {
	checksums
	ChecksumType string
}

type partsAttribute struct {
	PartsCount           int
	PartNumberMarker     int
	NextPartNumberMarker int
	MaxParts             int
	IsTruncated          bool
	Part                 []partAttribute
}

type partAttribute struct {
	PartNumber int
	Size       int64
	checksums
}

func (s *S3) getObjectAttributes() service.Operation {
	return define(s, spec[*attributesInput]{
		name: "GetObjectAttributes", parse: parseGetObjectAttributes, reveals: revealsKey[*attributesInput],
		needs: func(r *request, in *attributesInput) ([]service.Need, error) {
			in.open(r)
			needs := []service.Need{in.need(r, "s3:GetObject"), in.need(r, "s3:GetObjectAttributes")}
			if in.object != nil {
				needs = append(needs, in.opening.find(r, in.object.Info().Attributes.Encryption, "kms:Decrypt")...)
			}
			return needs, nil
		},
		serve: serveGetObjectAttributes,
	})
}

func parseGetObjectAttributes(r *service.Request) (in *attributesInput, err error) {
	in = &attributesInput{}
	if in.stored, err = parseStored(r); err != nil {
		return in, err
	}
	if in.opening.customer, err = parseCustomerKey(r, headerCustomer); err != nil {
		return in, err
	}
	const header = "x-amz-object-attributes"
	for _, v := range strings.Split(strings.Join(r.HTTP.Header.Values(header), ","), ",") {
		v = strings.TrimSpace(v)
		if !slices.Contains(objectAttributes, v) {
			return in, invalidArgument(header, v, "Invalid attribute name specified.")
		}
		in.wanted = append(in.wanted, v)
	}
	h := r.HTTP.Header
	in.page, err = parsePage("x-amz-max-parts", h.Values("x-amz-max-parts"), "x-amz-part-number-marker", h.Values("x-amz-part-number-marker"))
	return in, err
}

// maxPage is the most entries that one page of any listing has.
const maxPage = 1000

// parsePage reads how parts are paged, by parameters or by headers.
func parsePage(maxName string, maxParts []string, markerName string, marker []string) (p page, err error) {
	if p.max, err = parseMax(maxName, maxParts); err != nil {
		return p, err
	}
	if marker == nil {
		return p, nil
	}
	p.after, err = strconv.Atoi(marker[0])
	if err != nil || p.after < 0 || p.after > math.MaxInt32 {
		return p, invalidArgument(markerName, marker[0], "Argument %s must be an integer between 0 and %d", markerName, math.MaxInt32)
	}
	return p, nil
}

// parseMax reads the length of a page, which is that of the longest when it is
// not given.
func parseMax(name string, values []string) (int, error) {
	if values == nil {
		return maxPage, nil
	}
	n, err := strconv.ParseInt(values[0], 10, 32)
	switch {
	case err != nil && n == 0:
		return 0, invalidArgument(name, values[0], "Provided %s not an integer or within integer range", name)
	case err != nil || n < 0:
		return 0, invalidArgument(name, values[0], "Argument %s must be an integer between 0 and %d", name, math.MaxInt32)
	}
	return int(min(n, maxPage)), nil
}

func serveGetObjectAttributes(_ context.Context, r *request, in *attributesInput) (*service.Response, error) {
	if in.err != nil {
		return nil, in.err
	}
	if err := in.opening.unseal(r, in.object); err != nil {
		return nil, err
	}
	info := in.object.Info()
	var result attributesResult
	for _, v := range in.wanted {
		switch v {
		case "ETag":
			result.ETag = info.ETag
		case "Checksum":
			result.Checksum = checksumAttributeOf(info.Checksum)
		case "ObjectParts":
			result.ObjectParts = partsOf(info.Parts, in.page)
		case "StorageClass":
			result.StorageClass = classOf(info.Attributes)
		case "ObjectSize":
			result.ObjectSize = &info.Size
		}
	}
	p := &service.Response{XML: result}
	p.SetHeader("Last-Modified", info.Modified.UTC().Format(http.TimeFormat))
	return in.tell(r, p), nil
}

func checksumAttributeOf(sum objects.Checksum) *checksumAttribute {
	if sum.Value == "" {
		return nil
	}
	// A composite one stands here without its number of parts.
	sum.Value, _, _ = strings.Cut(sum.Value, "-")
	return &checksumAttribute{checksumElements(sum), string(sum.Type)}
}

// partsOf returns a page of an object's parts, or nil when it was not made of
// parts.
func partsOf(parts []objects.Part, p page) *partsAttribute {
	if len(parts) == 0 {
		return nil
	}
	result := &partsAttribute{PartsCount: len(parts), PartNumberMarker: p.after, MaxParts: p.max}
	for _, part := range parts[min(p.after, len(parts)):] {
		if len(result.Part) == p.max {
			result.IsTruncated = true
			break
		}
		result.Part = append(result.Part, partAttribute{part.Number, part.Size, checksumElements(part.Checksum)})
		result.NextPartNumberMarker = part.Number
	}
	return result
}
