package s3

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/lifecycle"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
)

func (s *S3) lifecycleRows() []row { return configurationRows(s, lifecycleConfiguration) }

// maxLifecycleDocument has room for a thousand rules.
const maxLifecycleDocument = 1 << 20

var lifecycleConfiguration = configuration[lifecycle.Configuration]{
	subresource:  lifecycle.Name,
	get:          configurationOperation{"GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"},
	put:          configurationOperation{"PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"},
	delete:       configurationOperation{"DeleteBucketLifecycle", "s3:PutLifecycleConfiguration"},
	missing:      awserr.New("NoSuchLifecycleConfiguration", http.StatusNotFound, "The lifecycle configuration does not exist"),
	check:        (*lifecycle.Configuration).Check,
	read:         &readDocuments[lifecycle.Configuration]{},
	limit:        maxLifecycleDocument,
	header:       "x-amz-transition-default-minimum-object-size",
	headerTitle:  "TransitionDefaultMinimumObjectSize",
	headerValues: []string{"all_storage_classes_128K", "varies_by_storage_class"},
	ignored:      []string{"withUpdatedAt"}, // of MinIO's client, always
}

// VersioningOf returns what becomes of what the keys of a bucket hold, for who
// carries out its lifecycle.
func VersioningOf(b *directory.Bucket) objects.Versioning { return versioningOf(b) }

// tellAbortion tells when the bucket's lifecycle will end an upload ("Aborting
// incomplete multipart uploads using a bucket lifecycle configuration", Amazon
// S3 User Guide).
func (r *request) tellAbortion(p *service.Response, u objects.Upload) {
	if _, ok := r.bucket.Configurations[lifecycle.Name]; !ok {
		return
	}
	c, err := lifecycleConfiguration.of(r.bucket)
	if err != nil {
		return
	}
	if at, id, ok := c.Abortion(&u, r.s3.day); ok {
		p.SetHeader("X-Amz-Abort-Date", at.UTC().Format(http.TimeFormat))
		p.SetHeader("X-Amz-Abort-Rule-Id", url.PathEscape(id))
	}
}

// tellExpiration tells when the bucket's lifecycle will end an object.
func (r *request) tellExpiration(p *service.Response, o objects.Info) {
	if _, ok := r.bucket.Configurations[lifecycle.Name]; !ok {
		return
	}
	c, err := lifecycleConfiguration.of(r.bucket)
	if err != nil {
		return // what it ends, it ends all the same
	}
	if at, id, ok := c.Expiration(o, r.s3.day); ok {
		p.SetHeader("X-Amz-Expiration", fmt.Sprintf("expiry-date=%q, rule-id=%q", at.UTC().Format(http.TimeFormat), url.PathEscape(id)))
	}
}

// dayOf returns how long a day of lifecycle rules is.
func dayOf(d time.Duration) time.Duration {
	if d == 0 {
		return lifecycle.Day
	}
	return d
}
