package s3

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/objects"
)

// address is what a request's host and path name.
type address struct {
	bucket, key string
	virtual     bool // the host names the bucket
}

// addressOf reads the bucket from the host or from the first segment of the
// path ("Virtual hosting of buckets", Amazon S3 User Guide), and takes the rest
// of the path for the key: it is decoded once, and nothing in it has a meaning.
func (s *S3) addressOf(r *http.Request) (address, error) {
	path := r.URL.EscapedPath()
	if r.URL.Opaque != "" || path != "" && path[0] != '/' {
		return address{}, awserr.InvalidURI
	}
	path = strings.TrimPrefix(path, "/")
	if bucket := s.hostBucket(r.Host); bucket != "" {
		return decodeAddress(bucket, path, true)
	}
	bucket, key, _ := strings.Cut(path, "/")
	if bucket == "" && key != "" {
		return address{}, awserr.InvalidBucketName.With("BucketName", "")
	}
	return decodeAddress(bucket, key, false)
}

func decodeAddress(bucket, key string, virtual bool) (address, error) {
	bucket, err := url.PathUnescape(bucket)
	if err != nil || !utf8.ValidString(bucket) {
		return address{}, awserr.InvalidURI.WithCause(err)
	}
	key, err = url.PathUnescape(key)
	if err != nil || !utf8.ValidString(key) {
		return address{}, awserr.InvalidURI.WithCause(err)
	}
	if err := checkKey(key); err != nil {
		return address{}, err
	}
	return address{bucket, key, virtual}, nil
}

// hostBucket returns the bucket that a host names, or "" when it is the
// endpoint itself or no host of ours.
func (s *S3) hostBucket(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	lower := strings.ToLower(strings.TrimSuffix(host, "."))
	for _, d := range s.domains {
		if lower == d[1:] {
			return ""
		}
		if bucket, ok := strings.CutSuffix(lower, d); ok {
			return bucket
		}
	}
	return ""
}

func checkKey(key string) error {
	if len(key) > objects.MaxKeyLength {
		return awserr.KeyTooLong.With("Size", itoa(len(key))).With("MaxSizeAllowed", itoa(objects.MaxKeyLength))
	}
	return nil
}

// scope returns what kind of resource the address names.
func (a address) scope() scope {
	switch {
	case a.key != "":
		return objectScope
	case a.bucket != "":
		return bucketScope
	}
	return serviceScope
}
