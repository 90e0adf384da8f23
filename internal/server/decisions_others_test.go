package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/keywright/keywright/policy/eval"
)

// others are further operations that need just one action, by that action: they
// must answer a case as the first does. They leave the state as that left it.
var others = map[string][]func(*s3.Client, *attempt) error{
	"s3:GetObject": {func(c *s3.Client, a *attempt) error {
		_, err := c.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &a.bucket.name, Key: &a.key})
		return err
	}},
	"s3:GetObjectVersion": {func(c *s3.Client, a *attempt) error {
		_, err := c.HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &a.bucket.name, Key: &a.key, VersionId: &nullVersion})
		return err
	}},
	"s3:ListBucket": {
		func(c *s3.Client, a *attempt) error {
			_, err := c.ListObjects(context.Background(), &s3.ListObjectsInput{Bucket: &a.bucket.name})
			return err
		},
		func(c *s3.Client, a *attempt) error {
			if len(a.brought.query) > 0 {
				return errUnable
			}
			_, err := c.HeadBucket(context.Background(), &s3.HeadBucketInput{Bucket: &a.bucket.name})
			return err
		},
	},
	"s3:DeleteObject": {func(c *s3.Client, a *attempt) error {
		if a.brought.headers["If-Match"] != "" || a.acls != nil && a.c.Effect == "allowed" { // it was one's own, and is gone
			return errUnable
		}
		out, err := c.DeleteObjects(context.Background(), &s3.DeleteObjectsInput{
			Bucket: &a.bucket.name, Delete: &s3types.Delete{Objects: []s3types.ObjectIdentifier{{Key: &a.key}}},
		})
		if err != nil || len(out.Errors) == 0 {
			return err
		}
		return &smithy.GenericAPIError{Code: *out.Errors[0].Code, Message: *out.Errors[0].Message}
	}},
}

// errUnable is what an operation returns that cannot bring the keys of a case.
var errUnable = errors.New("the operation has no such parameter")

// checkOthers sends the further requests of an attempt, and counts them.
func (w *world) checkOthers(a *attempt, d eval.Decision) error {
	for i, send := range others[a.op.action] {
		err := send(w.s3(a.creds, a.brought), a)
		if errors.Is(err, errUnable) {
			continue
		}
		w.others++
		switch denied := isDenied(err); {
		case d.Allowed() && err != nil:
			return fmt.Errorf("other operation %d: want success, got %w", i, err)
		case !d.Allowed() && !denied:
			return fmt.Errorf("other operation %d: want %s, got %v", i, d.Effect, err)
		}
	}
	return nil
}

// isDenied reports whether an answer is AccessDenied, of which HEAD has only the
// status.
func isDenied(err error) bool {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response.Request != nil && response.Response.Request.Method == http.MethodHead {
		return response.HTTPStatusCode() == http.StatusForbidden
	}
	return isCode(err, "AccessDenied")
}
