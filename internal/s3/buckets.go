package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/condition"
)

func (s *S3) bucketRows() []row {
	return []row{
		{method: http.MethodGet, scope: serviceScope,
			params:    []string{"bucket-region", "continuation-token", "max-buckets", "prefix"},
			operation: s.listBuckets()},
		{method: http.MethodPut, scope: bucketScope, operation: s.createBucket()},
		{method: http.MethodDelete, scope: bucketScope, operation: s.deleteBucket()},
		{method: http.MethodHead, scope: bucketScope, operation: s.headBucket()},
		{method: http.MethodGet, scope: bucketScope, query: []string{"location"}, operation: s.getBucketLocation()},
	}
}

// listBucketsInput is how ListBuckets pages and filters.
type listBucketsInput struct {
	prefix, region string
	after          string // the name that the page follows
	max            int    // 0 is no limit
}

type listBucketsResult struct {
	XMLName           xml.Name        `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner             identity        `xml:"Owner"`
	Buckets           []bucketElement `xml:"Buckets>Bucket"`
	ContinuationToken string          `xml:",omitempty"`
	Prefix            *string
}

type bucketElement struct {
	Name         string
	CreationDate string
	BucketRegion string `xml:",omitempty"`
	BucketArn    string `xml:",omitempty"`
}

// maxBuckets is the longest page of ListBuckets.
const maxBuckets = 10000

func (s *S3) listBuckets() service.Operation {
	return service.Define(service.Spec[listBucketsInput]{
		Name:  "ListBuckets",
		Parse: parseListBuckets,
		Needs: func(r *service.Request, _ listBucketsInput) ([]service.Need, error) {
			// The action takes no resource: this one is matched by "*" and by
			// "arn:aws:s3:::*", as AWS documents it, and by no bucket's name.
			return []service.Need{{
				Action: "s3:ListAllMyBuckets", Resource: bucketARN("*"),
				Context: requestContext(r, r.Caller.AccountID, nil),
			}}, nil
		},
		Serve: s.serveListBuckets,
	})
}

func parseListBuckets(r *service.Request) (in listBucketsInput, err error) {
	in.prefix, in.region = r.Query.Get("prefix"), r.Query.Get("bucket-region")
	if r.Query.Has("max-buckets") {
		v := r.Query.Get("max-buckets")
		if in.max, err = strconv.Atoi(v); err != nil || in.max < 1 || in.max > maxBuckets {
			return in, invalidArgument("max-buckets", v, "Argument max-buckets must be an integer between 1 and %d", maxBuckets)
		}
	}
	in.after, err = continuation(r)
	return in, err
}

func (s *S3) serveListBuckets(_ context.Context, r *service.Request, in listBucketsInput) (*service.Response, error) {
	result := listBucketsResult{Owner: identity{ID: r.Caller.CanonicalID}}
	if r.Query.Has("prefix") {
		result.Prefix = &in.prefix
	}
	for _, b := range s.directory.Buckets(r.Caller.AccountID) {
		if b.Name <= in.after || !strings.HasPrefix(b.Name, in.prefix) || in.region != "" && b.Region != in.region {
			continue
		}
		if in.max > 0 && len(result.Buckets) == in.max {
			result.ContinuationToken = token(result.Buckets[in.max-1].Name)
			break
		}
		e := bucketElement{Name: b.Name, CreationDate: timestamp(b.Created)}
		if len(r.Query) > 0 {
			e.BucketRegion, e.BucketArn = b.Region, bucketARN(b.Name)
		}
		result.Buckets = append(result.Buckets, e)
	}
	return &service.Response{XML: result}, nil
}

// tokenMark begins every continuation token, so that what was not one is told
// apart.
const tokenMark = "1/"

// token returns the continuation token of a page that follows a name.
func token(after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenMark + after))
}

// continuation returns the name that the continuation-token parameter stands
// for, or "".
func continuation(r *service.Request) (string, error) {
	if !r.Query.Has("continuation-token") {
		return "", nil
	}
	v := r.Query.Get("continuation-token")
	data, err := base64.RawURLEncoding.Strict().DecodeString(v)
	after, ok := strings.CutPrefix(string(data), tokenMark)
	if err != nil || !ok || strings.ContainsAny(v, "\r\n") {
		return "", invalidArgument("continuation-token", v, "The continuation token provided is incorrect")
	}
	return after, nil
}

// createBucketConfiguration is the body of CreateBucket. It knows what a
// general purpose bucket can have, and that is not all there is.
type createBucketConfiguration struct {
	XMLName            xml.Name  `xml:"CreateBucketConfiguration"`
	LocationConstraint *string   `xml:"LocationConstraint"`
	Location           *struct{} `xml:"Location"`
	Bucket             *struct{} `xml:"Bucket"`
	Tags               *tagSet   `xml:"Tags"`
	closed
}

// createBucketInput is a bucket to be made: where, when that was given, with which
// Object Ownership, or "", and who is granted what.
type createBucketInput struct {
	location  *string
	ownership string
	acl       aclRequest
	tags      map[string]string
	tagging   string // the document of the tags; "" when there are none
}

func (s *S3) createBucket() service.Operation {
	return service.Define(service.Spec[createBucketInput]{
		Name: "CreateBucket", Parse: parseCreateBucket, Needs: s.createBucketNeeds, Serve: s.serveCreateBucket,
	})
}

// maxSmallDocument is the longest body of an operation that configures.
const maxSmallDocument = 64 << 10

func parseCreateBucket(r *service.Request) (in createBucketInput, err error) {
	if !isBucketName(r.Bucket) {
		return in, awserr.InvalidBucketName.With("BucketName", r.Bucket)
	}
	if err := checkCreateBucketHeaders(r.HTTP.Header); err != nil {
		return in, err
	}
	in.ownership = r.HTTP.Header.Get(headerOwnership)
	if in.acl, err = headerACL(r.HTTP.Header); err != nil {
		return in, err
	}
	body, err := r.ReadBody(maxSmallDocument)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return in, err
	}
	var c createBucketConfiguration
	if err := service.DecodeXML(body, &c); err != nil {
		return in, err
	}
	if c.Location != nil || c.Bucket != nil {
		return in, awserr.NotImplemented.WithMessage("Of CreateBucketConfiguration only LocationConstraint and Tags are implemented: there are no directory buckets.")
	}
	in.location = c.LocationConstraint
	if c.Tags == nil || len(c.Tags.Tags) == 0 {
		return in, nil
	}
	document := putTaggingRequest{TagSet: c.Tags}
	if in.tags, err = document.tags(); err != nil {
		return in, awserr.InvalidRequest.WithMessage("Duplicate Tag Keys are not allowed.")
	}
	if err := checkBucketTags(in.tags, errNewSystemTag); err != nil {
		return in, err
	}
	in.tagging, err = encodeConfiguration(&document)
	return in, err
}

// resourceTags sets the keys of the tags that a request brings for a resource.
func resourceTags(tags map[string]string) keys {
	return func(c *condition.Context) {
		if len(tags) > 0 {
			c.SetStrings("aws:TagKeys", setTags(c, "aws:RequestTag/", tags))
		}
	}
}

const (
	headerBucketLock = "x-amz-bucket-object-lock-enabled"
	headerOwnership  = "x-amz-object-ownership"
)

func withObjectLock(h http.Header) bool { return strings.EqualFold(h.Get(headerBucketLock), "true") }

func checkCreateBucketHeaders(h http.Header) error {
	if v := h.Get(headerBucketLock); v != "" && !strings.EqualFold(v, "false") && !strings.EqualFold(v, "true") {
		return invalidArgument(headerBucketLock, v, "The value of %s must be true or false", headerBucketLock)
	}
	if v := h.Get("x-amz-bucket-namespace"); v != "" && v != "global" {
		return notImplemented("x-amz-bucket-namespace")
	}
	if v := h.Get(headerOwnership); h.Values(headerOwnership) != nil && !slices.Contains(objectOwnerships, v) {
		return awserr.InvalidArgument.WithMessage("Invalid x-amz-object-ownership header: %s", v).With("ArgumentName", headerOwnership)
	}
	return nil
}

// createBucketNeeds asks about the bucket that is there already when it is the
// caller's: its policy protects the access control list that is set anew.
func (s *S3) createBucketNeeds(r *service.Request, in createBucketInput) ([]service.Need, error) {
	// A bucket that is not there has no access control list that could grant.
	future := &request{Request: r, bucket: &directory.Bucket{Name: r.Bucket, AccountID: r.Caller.AccountID, Ownership: directory.BucketOwnerEnforced}}
	resets := false
	if there, ok := s.directory.Bucket(r.Bucket); ok && there.AccountID == r.Caller.AccountID {
		future.bucket, resets = there, !slices.Equal(there.ACL.Grants, acl.Private(there.ACL.Owner).Grants)
	}
	location := func(c *condition.Context) {
		if in.location != nil {
			c.SetString("s3:LocationConstraint", *in.location)
		}
	}
	h := r.HTTP.Header
	needs := []service.Need{future.onBucket("s3:CreateBucket", location, resourceTags(in.tags),
		future.headerKeys(aclHeaders...), future.headerKeys("x-amz-bucket-namespace", headerOwnership))}
	if hasACL(h) || resets {
		needs = append(needs, future.onBucket("s3:PutBucketAcl", future.headerKeys(aclHeaders...)))
	}
	if in.ownership != "" {
		needs = append(needs, future.onBucket("s3:PutBucketOwnershipControls"))
	}
	if in.tags != nil {
		needs = append(needs, future.onBucket("s3:TagResource", resourceTags(in.tags)))
	}
	if withObjectLock(h) {
		needs = append(needs, future.onBucket("s3:PutBucketObjectLockConfiguration"), future.onBucket("s3:PutBucketVersioning"))
	}
	return needs, nil
}

func (s *S3) serveCreateBucket(ctx context.Context, r *service.Request, in createBucketInput) (*service.Response, error) {
	if err := s.checkLocation(in.location); err != nil {
		return nil, err
	}
	grants, err := s.list(in.acl, r.Caller.CanonicalID, r.Caller.CanonicalID)
	if err != nil {
		return nil, err
	}
	b := directory.Bucket{
		Name: r.Bucket, ID: newBucketID(), AccountID: r.Caller.AccountID, Region: s.region, Ownership: in.ownership, ACL: grants,
	}
	if there, ok := s.directory.Bucket(r.Bucket); ok {
		return s.bucketExists(ctx, &b, there)
	}
	if b.Configurations, err = s.firstConfigurations(r, in); err != nil {
		return nil, err
	}
	if err := s.objects.CreateBucket(ctx, room(&b)); err != nil {
		return nil, storeError(err, &b, "")
	}
	if _, err := s.directory.CreateBucket(ctx, b); err != nil {
		return s.createFailed(ctx, &b, err)
	}
	return created(r.Bucket), nil
}

// firstConfigurations returns the documents that a new bucket begins with.
func (s *S3) firstConfigurations(r *service.Request, in createBucketInput) (documents map[string]string, err error) {
	documents = map[string]string{}
	if withObjectLock(r.HTTP.Header) {
		if documents, err = lockedFromTheStart(); err != nil {
			return nil, err
		}
	}
	if in.tagging != "" {
		documents[bucketTagging.subresource] = in.tagging
	}
	if s.legacy {
		documents[bucketEncryption.subresource], err = encodeConfiguration(nothingBlocked)
	}
	return documents, err
}

// createFailed gives the room back that was made for a bucket.
func (s *S3) createFailed(ctx context.Context, b *directory.Bucket, err error) (*service.Response, error) {
	cleanup := s.objects.DeleteBucket(context.WithoutCancel(ctx), room(b))
	var exists *directory.ExistsError
	var limit *directory.LimitError
	var refused *directory.ACLError
	switch {
	case errors.As(err, &exists) && !exists.Owned:
		return nil, awserr.BucketAlreadyExists.With("BucketName", b.Name)
	case exists != nil:
		if there, ok := s.directory.Bucket(b.Name); ok {
			return s.bucketExists(ctx, b, there)
		}
		return nil, awserr.OperationAborted.WithCause(err) // it was deleted again
	case errors.As(err, &refused) && refused.Public:
		return nil, awserr.InvalidBucketACLWithPublicAccessBlock
	case refused != nil:
		return nil, awserr.InvalidBucketACLWithOwnership
	case errors.As(err, &limit):
		return nil, awserr.TooManyBuckets.WithCause(err)
	}
	return nil, awserr.InternalError.WithCause(errors.Join(err, cleanup))
}

func created(bucket string) *service.Response {
	p := &service.Response{}
	p.SetHeader("Location", "/"+bucket)
	p.SetHeader("X-Amz-Bucket-Arn", bucketARN(bucket))
	return p
}

// bucketExists answers who makes a bucket that exists. Its owner is told in
// us-east-1 that all went well, and its access control list is set anew
// ("CreateBucket", Amazon S3 API Reference).
func (s *S3) bucketExists(ctx context.Context, b, there *directory.Bucket) (*service.Response, error) {
	switch {
	case b.AccountID != there.AccountID:
		return nil, awserr.BucketAlreadyExists.With("BucketName", b.Name)
	case s.region != "us-east-1":
		return nil, awserr.BucketAlreadyOwnedByYou.With("BucketName", b.Name)
	case slices.Equal(b.ACL.Grants, there.ACL.Grants):
		return created(b.Name), nil
	}
	var refused *directory.ACLError
	switch err := s.directory.SetBucketACL(ctx, there.ID, there.ACL, b.ACL); {
	case errors.Is(err, directory.ErrACLChanged):
		return nil, awserr.OperationAborted.WithCause(err)
	case errors.As(err, &refused) && refused.Public:
		return nil, awserr.InvalidBucketACLWithPublicAccessBlock
	case refused != nil:
		return nil, awserr.InvalidBucketACLWithOwnership
	case err != nil:
		return nil, directoryError(err, b.Name)
	}
	return created(b.Name), nil
}

// checkLocation demands that a bucket is made where the server is. There is no
// constraint for us-east-1, and there must be one elsewhere.
func (s *S3) checkLocation(constraint *string) error {
	switch {
	case constraint == nil && s.region == "us-east-1":
		return nil
	case constraint == nil:
		return awserr.IllegalLocationConstraint
	case s.region == "us-east-1" && !isOtherRegion(*constraint):
		return awserr.InvalidLocationConstraint.With("LocationConstraint", *constraint)
	case *constraint == s.region, *constraint == "EU" && s.region == "eu-west-1":
		return nil
	}
	return awserr.IllegalLocationConstraint.WithMessage(
		"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", *constraint)
}

// isOtherRegion reports whether a location constraint can be a region of AWS
// other than us-east-1: words joined by hyphens with a number at the end.
func isOtherRegion(v string) bool {
	words := strings.Split(v, "-")
	_, err := strconv.ParseUint(words[len(words)-1], 10, 8)
	return v == "EU" || err == nil && len(words) >= 3 && v != "us-east-1"
}

func newBucketID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func (s *S3) deleteBucket() service.Operation {
	return define(s, spec[struct{}]{
		name: "DeleteBucket", parse: noInput, needs: bucketAction[struct{}]("s3:DeleteBucket"),
		serve: func(ctx context.Context, r *request, _ struct{}) (*service.Response, error) {
			// The objects first: a bucket without its room takes none, and can
			// be deleted again.
			if err := s.objects.DeleteBucket(ctx, r.room()); err != nil {
				return nil, r.storeError(err)
			}
			if err := s.directory.DeleteBucket(ctx, r.bucket.ID); err != nil {
				return nil, r.directoryError(err)
			}
			return &service.Response{Status: http.StatusNoContent}, nil
		},
	})
}

// directoryError words an error of changing the configuration of a bucket.
func directoryError(err error, bucket string) error {
	var gone *directory.NotFoundError
	if errors.As(err, &gone) {
		return awserr.NoSuchBucket.With("BucketName", bucket)
	}
	return err
}

// directoryError is that of the request's bucket.
func (r *request) directoryError(err error) error { return directoryError(err, r.bucket.Name) }

func (s *S3) headBucket() service.Operation {
	return define(s, spec[struct{}]{
		name: "HeadBucket", parse: noInput, needs: bucketAction[struct{}]("s3:ListBucket"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			p := &service.Response{}
			p.SetHeader("X-Amz-Bucket-Region", r.bucket.Region)
			p.SetHeader("X-Amz-Bucket-Arn", bucketARN(r.bucket.Name))
			p.SetHeader("X-Amz-Access-Point-Alias", "false")
			p.SetHeader("Content-Type", "application/xml")
			return p, nil
		},
	})
}

type locationConstraint struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Region  string   `xml:",chardata"`
}

func (s *S3) getBucketLocation() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketLocation", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketLocation"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) {
			region := r.bucket.Region
			if region == "us-east-1" {
				region = ""
			}
			return &service.Response{XML: locationConstraint{Region: region}}, nil
		},
	})
}
