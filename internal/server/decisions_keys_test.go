package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"net/http"
	"strconv"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// brought is what the condition keys of a case make of its request, and of the
// state that it meets.
type brought struct {
	headers, query map[string]string
	tls            uint16        // version; 0 is plain HTTP
	clock, issued  time.Time     // of the request, and of the caller's temporary credentials
	temporary      bool          // a user makes the request with temporary credentials
	proved         bool          // and has proved a second factor for them
	age            time.Duration // of the signature
	presigned      bool
	unsigned       bool    // the signature does not cover the payload
	content        *string // of the object
	part           bool    // the request makes no object, but begins an upload in parts
	location       string  // of a new bucket
	boundary       string  // ARN of the boundary that who is acted on has or gets
	attached       string  // ARN of the managed policy that the request attaches

	principalTags  map[string]string
	sourceIdentity string            // of the session that makes the request
	existingTags   map[string]string // of the object
	targetTags     map[string]string // of the user or role that is acted on

	requestTags map[string]string
	tagged      bool // the request brings tags, even none
	externalID  *string
	sessionName string
	identity    string // source identity that the request sets
	transitive  []string

	claims map[string][]string // of the token that an identity provider has signed
}

// modify puts headers and parameters into a request of the SDK before it is
// signed.
func (b *brought) modify(stack *middleware.Stack) error {
	if b.unsigned {
		if err := v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware(stack); err != nil {
			return err
		}
	}
	return stack.Build.Add(middleware.BuildMiddlewareFunc("case", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (middleware.BuildOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			for _, k := range sortedKeys(b.headers) {
				r.Header.Set(k, b.headers[k])
			}
			q := r.URL.Query()
			for k, v := range b.query {
				q.Set(k, v)
			}
			if b.presigned {
				q.Set("X-Amz-Expires", "3600")
			}
			r.URL.RawQuery = q.Encode()
		}
		return next.HandleBuild(ctx, in)
	}), middleware.After)
}

// bring finds out how a request brings the keys of a case, and fails with
// *impossible when none can.
func bring(c *evaltest.Case, implied map[string]string) (*brought, error) {
	b := &brought{
		headers: map[string]string{}, query: map[string]string{}, principalTags: map[string]string{},
		existingTags: map[string]string{}, targetTags: map[string]string{}, requestTags: map[string]string{}, sessionName: "session",
	}
	for _, k := range append(append([]evaltest.Key{}, c.Principal.Keys...), c.Keys...) {
		if err := b.key(c, k, implied); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *brought) key(c *evaltest.Case, k evaltest.Key, implied map[string]string) error {
	name, value := strings.ToLower(k.Name), strings.Join(k.Values, ",")
	if real, ok := implied[name]; ok {
		if real != value && k.Type != "list" {
			return cannot("every request has another %s here", k.Name)
		}
		return nil
	}
	for _, by := range []func(*evaltest.Case, evaltest.Key, string, string) (bool, error){b.ofProvider, b.prefixed, b.ofConnection, b.ofS3, b.ofSTS} {
		if done, err := by(c, k, name, value); done || err != nil {
			return err
		}
	}
	return cannot("no request here brings %s", keyClass(k.Name))
}

// keyClass is a key's name without what differs from tag to tag.
func keyClass(name string) string {
	if prefix, _, ok := strings.Cut(name, "/"); ok {
		return prefix + "/"
	}
	return name
}

// prefixed are the keys that name a tag.
func (b *brought) prefixed(c *evaltest.Case, k evaltest.Key, _, value string) (bool, error) {
	prefix, tag, ok := strings.Cut(k.Name, "/")
	if !ok {
		return false, nil
	}
	if k.Type == "list" {
		return true, cannot("a tag has one value")
	}
	service, _, _ := strings.Cut(strings.ToLower(c.Action), ":")
	switch strings.ToLower(prefix) {
	case "aws:principaltag":
		b.principalTags[tag] = value
	case "s3:existingobjecttag":
		b.existingTags[tag] = value
	case "s3:requestobjecttag":
		if !has(c, "s3:RequestObjectTag/") {
			return false, nil
		}
		b.tagged, b.requestTags[tag] = true, value
	case "aws:requesttag":
		if service == "s3" {
			return false, nil
		}
		b.tagged, b.requestTags[tag] = true, value
	case "aws:resourcetag", "iam:resourcetag":
		if service == "s3" {
			return false, nil
		}
		if strings.EqualFold(c.Action, "iam:CreateUser") {
			return true, cannot("who is yet to be made has no tags")
		}
		b.targetTags[tag] = value
	default:
		return false, nil
	}
	return true, nil
}

// has reports whether requests for the action of a case carry a key.
func has(c *evaltest.Case, key string) bool {
	a, ok := facts.LookupAction(c.Action)
	return ok && a.HasKey(key)
}

// emptySHA256 is the hash of no bytes.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// ofConnection are the keys that say how a request came.
func (b *brought) ofConnection(c *evaltest.Case, k evaltest.Key, name, value string) (bool, error) {
	switch name {
	case "aws:securetransport":
		if strings.EqualFold(value, "true") && b.tls == 0 {
			b.tls = tls.VersionTLS13
		}
	case "s3:tlsversion":
		v, ok := tlsVersions[value]
		if !ok {
			return true, cannot("the server speaks no TLS %s", value)
		}
		b.tls = v
	case "aws:sourceip": // as a proxy that is trusted says it
		b.headers["X-Forwarded-For"] = value
	case "aws:useragent":
		b.headers["User-Agent"] = value
	case "aws:referer":
		b.headers["Referer"] = value
	case "aws:currenttime":
		t, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return true, cannot("no request has such an %s", k.Name)
		}
		b.clock = t
	case "aws:epochtime":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return true, cannot("no request has such an %s", k.Name)
		}
		b.clock = time.Unix(n, 0)
	case "aws:tokenissuetime":
		t, err := time.Parse(time.RFC3339, value)
		if err != nil || c.Principal.Type == "root" || c.Principal.Type == "anonymous" {
			return true, cannot("no request has such an %s", k.Name)
		}
		b.temporary, b.issued = true, t
		b.clock = cmp.Or(b.clock, t)
	case "aws:multifactorauthpresent":
		if c.Principal.Type != "user" {
			return true, cannot("only users have a second factor")
		}
		b.temporary, b.proved = true, strings.EqualFold(value, "true")
	case "aws:multifactorauthage":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || c.Principal.Type != "user" {
			return true, cannot("only users have a second factor")
		}
		b.temporary, b.proved = true, true
		b.clock = cmp.Or(b.clock, time.Now().Truncate(time.Second))
		b.issued = b.clock.Add(-time.Duration(n) * time.Second)
	case "s3:authtype":
		b.presigned = value == "REST-QUERY-STRING"
		if b.presigned && c.Principal.Type == "anonymous" || !b.presigned && value != "REST-HEADER" {
			return true, cannot("the client of this test signs no request in the way of %s", value)
		}
	case "s3:signatureage":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 || c.Principal.Type == "anonymous" {
			return true, cannot("no request has such an %s", k.Name)
		}
		b.age = time.Duration(n) * time.Millisecond
		b.clock = cmp.Or(b.clock, time.Now().Truncate(time.Second))
	case "aws:resourceaccount":
		return value == c.Owner, nil
	case "s3:signatureversion":
		return value == "AWS4-HMAC-SHA256", nil
	case "s3:resourceaccount":
		return value == c.Owner, nil
	default:
		return false, nil
	}
	return true, nil
}

// ofS3 are the keys of parameters and headers of S3.
func (b *brought) ofS3(c *evaltest.Case, k evaltest.Key, name, value string) (bool, error) {
	bare, ok := strings.CutPrefix(name, "s3:")
	if !ok || !has(c, k.Name) {
		return false, nil
	}
	switch {
	case bare == "max-keys":
		if _, err := strconv.ParseUint(value, 10, 31); err != nil {
			return true, cannot("S3 takes no such max-keys")
		}
		b.query[bare] = value
	case bare == "prefix" || bare == "delimiter":
		b.query[bare] = value
	case bare == "requestobjecttagkeys":
		b.tagged = true
		for _, tag := range k.Values {
			if b.requestTags[tag] == "" {
				b.requestTags[tag] = "v"
			}
		}
	case bare == "versionid":
		if value != nullVersion {
			return true, cannot("a version's id is what the server makes it")
		}
	case bare == "objectcreationoperation":
		b.part = value == "false"
	case bare == "locationconstraint":
		b.location = value
	case bare == "x-amz-content-sha256":
		empty := ""
		switch {
		case value == "UNSIGNED-PAYLOAD":
			b.unsigned = true
		case value == emptySHA256 && strings.EqualFold(c.Action, "s3:PutObject"):
			b.content = &empty
		default:
			return true, cannot("no request has that hash of its payload")
		}
	case bare == "x-amz-server-side-encryption" && value != "AES256" && value != "aws:kms":
		return true, cannot("the server does not encrypt so")
	case bare == "x-amz-server-side-encryption-aws-kms-key-id":
		return true, cannot("a key has the ARN that the server gives it")
	case bare == "x-amz-copy-source":
		return true, cannot("a copy needs s3:GetObject of its source too")
	case bare == "x-amz-metadata-directive":
		return false, nil
	case strings.HasPrefix(bare, "x-amz-"), bare == "if-match", bare == "if-none-match":
		b.headers[http.CanonicalHeaderKey(bare)] = value
	default:
		return false, nil
	}
	return true, nil
}

// ofSTS are the keys of parameters of STS.
func (b *brought) ofSTS(c *evaltest.Case, k evaltest.Key, name, value string) (bool, error) {
	service, _, _ := strings.Cut(strings.ToLower(c.Action), ":")
	switch {
	case name == "aws:sourceidentity" && c.Principal.Type == "role":
		b.sourceIdentity = value
	case name == "aws:tagkeys" && service != "s3":
		b.tagged = true
		for _, tag := range k.Values {
			if b.requestTags[tag] == "" {
				b.requestTags[tag] = "v"
			}
		}
	case name == "iam:policyarn" && strings.HasPrefix(strings.ToLower(c.Action), "iam:attach"):
		b.attached = value
	case name == "iam:permissionsboundary" && has(c, k.Name):
		b.boundary = value
	case service != "sts":
		return false, nil
	case name == "sts:externalid":
		b.externalID = &value
		if len(value) < 2 {
			return true, cannot("STS takes no external ID of less than two characters")
		}
	case name == "sts:rolesessionname":
		b.sessionName = value
	case name == "sts:sourceidentity":
		b.identity = value
	case name == "sts:transitivetagkeys":
		b.transitive = k.Values
	default:
		return false, nil
	}
	return true, nil
}
