package s3

import (
	"context"
	"errors"
	"strconv"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

// request is a request for a bucket that exists, or for what is in it. The
// bucket is as it was when the needs were found: what is decided on is what is
// served.
type request struct {
	*service.Request
	s3     *S3
	bucket *directory.Bucket
}

// spec is a row's operation on a bucket or object; see service.Spec.
type spec[In any] struct {
	name    string
	parse   func(*service.Request) (In, error)
	needs   func(*request, In) ([]service.Need, error)
	reveals func(*request, In) service.Need // may be nil
	serve   func(context.Context, *request, In) (*service.Response, error)
}

type bound[In any] struct {
	in In
	*request
}

// define makes an operation that ends with NoSuchBucket, for any caller, when
// the bucket does not exist, and with AccessDenied when it is not owned as
// x-amz-expected-bucket-owner says.
func define[In any](s *S3, x spec[In]) service.Operation {
	full := service.Spec[*bound[In]]{
		Name: x.name,
		Parse: func(r *service.Request) (*bound[In], error) {
			in, err := x.parse(r)
			return &bound[In]{in: in}, err
		},
		Needs: func(r *service.Request, b *bound[In]) ([]service.Need, error) {
			bucket, err := s.lookup(r.Bucket, r.HTTP.Header.Get("x-amz-expected-bucket-owner"))
			if err != nil {
				return nil, err
			}
			b.request = &request{r, s, bucket}
			if err := b.request.checkPayer(bucket); err != nil {
				return nil, err
			}
			return x.needs(b.request, b.in)
		},
		Serve: func(ctx context.Context, _ *service.Request, b *bound[In]) (*service.Response, error) {
			p, err := x.serve(ctx, b.request, b.in)
			if err == nil {
				b.request.tellCharged(p)
			}
			return p, err
		},
	}
	if x.reveals != nil {
		full.Reveals = func(_ *service.Request, b *bound[In]) service.Need { return x.reveals(b.request, b.in) }
	}
	return service.Define(full)
}

// lookup finds a bucket, whose owner must be the one expected unless that is "".
func (s *S3) lookup(name, expectedOwner string) (*directory.Bucket, error) {
	if expectedOwner != "" && !arn.IsAccountID(expectedOwner) {
		return nil, awserr.InvalidBucketOwnerAWSAccountID.
			WithMessage("The value of the expected bucket owner parameter must be an AWS Account ID... [%s]", expectedOwner)
	}
	bucket, ok := s.directory.Bucket(name)
	switch {
	case !ok && !isBucketName(name):
		return nil, awserr.InvalidBucketName.With("BucketName", name)
	case !ok:
		return nil, awserr.NoSuchBucket.With("BucketName", name)
	case expectedOwner != "" && expectedOwner != bucket.AccountID:
		return nil, awserr.AccessDenied
	}
	return bucket, nil
}

// noInput is the parse of an operation whose address is its whole input.
func noInput(*service.Request) (struct{}, error) { return struct{}{}, nil }

// bucketAction returns the needs of an operation that needs one action on its
// bucket.
func bucketAction[In any](action string) func(*request, In) ([]service.Need, error) {
	return func(r *request, _ In) ([]service.Need, error) {
		return []service.Need{r.onBucket(action)}, nil
	}
}

// onBucket is the need for an action on the request's bucket.
func (r *request) onBucket(action string, more ...keys) service.Need {
	return r.need(action, r.bucket, "", more)
}

// onObject is the need for an action on the request's object.
func (r *request) onObject(action string, more ...keys) service.Need {
	return r.need(action, r.bucket, r.Key, more)
}

// need is the need for an action on a key of a bucket, or on the bucket when
// key is "".
func (r *request) need(action string, bucket *directory.Bucket, key string, more []keys) service.Need {
	resource := bucketARN(bucket.Name)
	if key != "" {
		resource += "/" + key
	}
	return service.Need{Action: action, Resource: resource, Bucket: bucket, Context: requestContext(r.Request, bucket.AccountID, more)}
}

// revealed is the need of who may know that a key of a bucket does not exist:
// to list what has the key as its prefix ("GetObject", Amazon S3 API Reference).
func (r *request) revealed(bucket *directory.Bucket, key string) service.Need {
	return r.need("s3:ListBucket", bucket, "", []keys{
		func(c *condition.Context) { c.SetString("s3:prefix", key) },
	})
}

// revealsKey is the reveals of an operation on the object that its path names.
func revealsKey[In any](r *request, _ In) service.Need { return r.revealed(r.bucket, r.Key) }

func bucketARN(name string) string { return "arn:aws:s3:::" + name }

// room is where the store keeps the objects of a bucket.
func room(b *directory.Bucket) objects.Bucket { return objects.Bucket{ID: b.ID, Name: b.Name} }

func (r *request) room() objects.Bucket { return room(r.bucket) }

// open opens a version of an object until the request ends.
func (r *request) open(bucket *directory.Bucket, key string, v version) (objects.Object, error) {
	object, err := r.s3.objects.Open(r.HTTP.Context(), room(bucket), key, v.id)
	if errors.Is(err, objects.ErrNoSuchVersion) {
		return nil, awserr.NoSuchVersion.With("Key", key).With("VersionId", v.id).WithCause(err)
	}
	if err != nil {
		return nil, storeError(err, bucket, key)
	}
	r.AtEnd(func() { object.Close() })
	return object, nil
}

func itoa[N int | int64](n N) string { return strconv.FormatInt(int64(n), 10) }
