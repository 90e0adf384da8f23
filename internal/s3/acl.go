package s3

import (
	"context"
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// aclRows are the operations on access control lists. These are disabled in
// every bucket, as they are by default on AWS: an ACL can be read, and put only
// when it says what holds anyway ("Controlling ownership of objects and
// disabling ACLs for your bucket", Amazon S3 User Guide).
func (s *S3) aclRows() []row {
	acl, ownership := []string{"acl"}, []string{"ownershipControls"}
	version := []string{"versionId"}
	return []row{
		{method: http.MethodGet, scope: bucketScope, query: acl, operation: s.getBucketACL()},
		{method: http.MethodPut, scope: bucketScope, query: acl, operation: s.putBucketACL()},
		{method: http.MethodGet, scope: objectScope, query: acl, params: version, operation: s.getObjectACL()},
		{method: http.MethodPut, scope: objectScope, query: acl, params: version, operation: s.putObjectACL()},
		{method: http.MethodGet, scope: bucketScope, query: ownership, operation: s.getBucketOwnershipControls()},
		{method: http.MethodPut, scope: bucketScope, query: ownership, operation: s.putBucketOwnershipControls()},
	}
}

// cannedACL says what a canned ACL means where ACLs are disabled.
type cannedACL struct{ public, kept bool }

// cannedACLs are the canned ACLs ("Access control list (ACL) overview", Amazon
// S3 User Guide).
var cannedACLs = map[string]cannedACL{
	"private":                   {kept: true},
	"bucket-owner-full-control": {kept: true},
	"bucket-owner-read":         {},
	"aws-exec-read":             {},
	"log-delivery-write":        {},
	"public-read":               {public: true},
	"public-read-write":         {public: true},
	"authenticated-read":        {public: true},
}

const (
	allUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	authenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
)

// aclRequest is what the headers, or the document, of a request say of an ACL.
type aclRequest struct {
	given  bool
	public bool
	// others is whether somebody but the owner is granted anything, or the
	// owner less than everything.
	others bool
	grants []grantRequest // of ids, which must be the owner's
}

type grantRequest struct{ id, permission string }

// headerACL reads the ACL of the headers. Errors are InvalidRequest and
// InvalidArgument.
func headerACL(h http.Header) (acl aclRequest, err error) {
	for _, name := range aclHeaders[1:] {
		if err := acl.addGrants(name, h.Values(name)); err != nil {
			return acl, err
		}
	}
	values := h.Values("x-amz-acl")
	if values == nil {
		return acl, nil
	}
	canned, ok := cannedACLs[values[0]]
	switch {
	case !ok || len(values) > 1:
		return acl, invalidArgument("x-amz-acl", strings.Join(values, ","), "The canned ACL is not valid")
	case acl.given:
		return acl, awserr.InvalidRequest.WithMessage("Specifying both Canned ACLs and Header Grants is not allowed")
	}
	return aclRequest{given: true, public: canned.public, others: !canned.kept}, nil
}

// addGrants reads a header such as `x-amz-grant-read: id="...", uri="..."`.
func (a *aclRequest) addGrants(name string, values []string) error {
	permission := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(name, "x-amz-grant-"), "-", "_"))
	for _, g := range strings.Split(strings.Join(values, ","), ",") {
		if values == nil {
			return nil
		}
		kind, grantee, ok := strings.Cut(strings.TrimSpace(g), "=")
		if !ok {
			return invalidArgument(name, g, "Argument format not recognized")
		}
		if err := a.grant(strings.ToLower(kind), strings.Trim(grantee, `"`), permission); err != nil {
			return err
		}
	}
	return nil
}

func (a *aclRequest) grant(kind, grantee, permission string) error {
	a.given = true
	switch kind {
	case "id":
		a.grants = append(a.grants, grantRequest{grantee, permission})
	case "uri":
		a.others = true
		a.public = a.public || grantee == allUsers || grantee == authenticatedUsers
	case "emailaddress":
		a.others = true
	default:
		return invalidArgument(kind, grantee, "Argument format not recognized")
	}
	return nil
}

// changes reports whether the ACL says anything but that the owner has full
// control.
func (a *aclRequest) changes(ownerID string) bool {
	return a.others || slices.ContainsFunc(a.grants, func(g grantRequest) bool {
		return g.id != ownerID || g.permission != "FULL_CONTROL"
	})
}

// checkACL refuses an ACL that would change who may do what. A public one too is
// refused for the ACLs that the bucket has not, before Block Public Access could
// forbid it.
func (r *request) checkACL(acl aclRequest) error {
	if acl.changes(r.ownerID()) {
		return awserr.AccessControlListUnsupported
	}
	return nil
}

// checkNewBucketACL refuses an ACL for a new bucket, which begins with Block
// Public Access and without ACLs.
func checkNewBucketACL(r *service.Request) error {
	acl, err := headerACL(r.HTTP.Header)
	switch {
	case err != nil:
		return err
	case acl.public:
		return awserr.InvalidBucketACLWithPublicAccessBlock
	case acl.changes(r.Caller.CanonicalID):
		return awserr.InvalidBucketACLWithOwnership
	}
	return nil
}

// accessControlPolicy is an ACL as it is read: it says that the owner may do
// everything.
type accessControlPolicy struct {
	XMLName xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ AccessControlPolicy"`
	Owner   identity       `xml:"Owner"`
	Grants  []grantElement `xml:"AccessControlList>Grant"`
}

type grantElement struct {
	Grantee    granteeElement
	Permission string
}

type granteeElement struct {
	XSI  string `xml:"xmlns:xsi,attr"`
	Type string `xml:"xsi:type,attr"`
	ID   string
}

func (r *request) ownerACL() *service.Response {
	id := r.ownerID()
	return &service.Response{XML: accessControlPolicy{
		Owner: identity{ID: id},
		Grants: []grantElement{{
			Grantee:    granteeElement{XSI: "http://www.w3.org/2001/XMLSchema-instance", Type: "CanonicalUser", ID: id},
			Permission: "FULL_CONTROL",
		}},
	}}
}

func (s *S3) getBucketACL() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketAcl", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketAcl"),
		serve: func(_ context.Context, r *request, _ struct{}) (*service.Response, error) { return r.ownerACL(), nil },
	})
}

func (s *S3) getObjectACL() service.Operation {
	return define(s, spec[*stored]{
		name: "GetObjectAcl", parse: parseStored, reveals: revealsKey[*stored],
		needs: storedAction("s3:GetObjectAcl"),
		serve: func(_ context.Context, r *request, in *stored) (*service.Response, error) {
			if in.err != nil {
				return nil, in.err
			}
			return in.tell(r, r.ownerACL()), nil
		},
	})
}

// putACLRequest is the document of PutBucketAcl and PutObjectAcl.
type putACLRequest struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	Owner   *struct {
		ID, DisplayName string
		closed
	} `xml:"Owner"`
	List *struct {
		Grants []struct {
			Grantee struct {
				Type                               string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
				ID, DisplayName, EmailAddress, URI string
				closed
			}
			Permission string
			closed
		} `xml:"Grant"`
		closed
	} `xml:"AccessControlList"`
	closed
}

// parseACL reads the ACL of the headers or of the document: one of them must
// be there.
func parseACL(r *service.Request) (aclRequest, error) {
	acl, err := headerACL(r.HTTP.Header)
	if err != nil {
		return acl, err
	}
	switch hasBody := r.Body.DecodedLength() > 0; {
	case acl.given && hasBody:
		return acl, awserr.UnexpectedContent
	case acl.given:
		return acl, nil
	case !hasBody:
		return acl, awserr.MissingSecurityHeader.With("MissingHeaderName", "x-amz-acl")
	}
	var in putACLRequest
	if err := r.ReadXML(&in, maxSmallDocument); errors.Is(err, awserr.MalformedXML) {
		return acl, awserr.MalformedACL.WithCause(err)
	} else if err != nil {
		return acl, err
	}
	if in.Owner == nil || in.List == nil {
		return acl, awserr.MalformedACL
	}
	for _, g := range in.List.Grants {
		kind, grantee := "id", g.Grantee.ID
		switch g.Grantee.Type {
		case "CanonicalUser":
		case "Group":
			kind, grantee = "uri", g.Grantee.URI
		case "AmazonCustomerByEmail":
			kind, grantee = "emailaddress", g.Grantee.EmailAddress
		default:
			return acl, awserr.MalformedACL
		}
		if err := acl.grant(kind, grantee, g.Permission); err != nil {
			return acl, err
		}
	}
	// No grants at all would take the owner's away.
	acl.given, acl.others = true, acl.others || len(in.List.Grants) == 0
	return acl, nil
}

func (s *S3) putBucketACL() service.Operation {
	return define(s, spec[aclRequest]{
		name: "PutBucketAcl", parse: parseACL,
		needs: func(r *request, _ aclRequest) ([]service.Need, error) {
			return []service.Need{r.onBucket("s3:PutBucketAcl", r.headerKeys(aclHeaders...))}, nil
		},
		serve: func(_ context.Context, r *request, acl aclRequest) (*service.Response, error) {
			return &service.Response{}, r.checkACL(acl)
		},
	})
}

type putObjectACLInput struct {
	*stored
	acl aclRequest
}

func (s *S3) putObjectACL() service.Operation {
	return define(s, spec[putObjectACLInput]{
		name: "PutObjectAcl",
		parse: func(r *service.Request) (in putObjectACLInput, err error) {
			if in.stored, err = parseStored(r); err != nil {
				return in, err
			}
			in.acl, err = parseACL(r)
			return in, err
		},
		needs: func(r *request, in putObjectACLInput) ([]service.Need, error) {
			in.open(r)
			return []service.Need{in.need(r, "s3:PutObjectAcl", r.headerKeys(aclHeaders...), r.headerKeys("x-amz-storage-class"))}, nil
		},
		reveals: revealsKey[putObjectACLInput],
		serve: func(_ context.Context, r *request, in putObjectACLInput) (*service.Response, error) {
			if in.err != nil {
				return nil, in.err
			}
			return in.tell(r, &service.Response{}), r.checkACL(in.acl)
		},
	})
}

// ownershipControls is the document of Object Ownership.
type ownershipControls struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ OwnershipControls"`
	Rules   []ownershipRule
}

type ownershipRule struct {
	XMLName         xml.Name `xml:"Rule"`
	ObjectOwnership string
}

type putOwnershipControlsRequest struct {
	XMLName xml.Name `xml:"OwnershipControls"`
	Rules   []struct {
		ObjectOwnership string
		closed
	} `xml:"Rule"`
	closed
}

var errOwnershipValue = errors.New("no value of Object Ownership")

// checkOwnership accepts the one value that is implemented.
func checkOwnership(v string) error {
	switch {
	case v == directory.BucketOwnerEnforced:
		return nil
	case slices.Contains(objectOwnerships, v):
		return awserr.NotImplemented.WithMessage("Object Ownership %s is not implemented: access control lists are disabled in every bucket.", v)
	}
	return errOwnershipValue
}

func (s *S3) getBucketOwnershipControls() service.Operation {
	return define(s, spec[struct{}]{
		name: "GetBucketOwnershipControls", parse: noInput, needs: bucketAction[struct{}]("s3:GetBucketOwnershipControls"),
		serve: func(context.Context, *request, struct{}) (*service.Response, error) {
			return &service.Response{XML: ownershipControls{Rules: []ownershipRule{{ObjectOwnership: directory.BucketOwnerEnforced}}}}, nil
		},
	})
}

func (s *S3) putBucketOwnershipControls() service.Operation {
	return define(s, spec[struct{}]{
		name: "PutBucketOwnershipControls",
		parse: func(r *service.Request) (none struct{}, err error) {
			var in putOwnershipControlsRequest
			if err := r.ReadXML(&in, maxSmallDocument); err != nil {
				return none, err
			}
			if len(in.Rules) != 1 {
				return none, awserr.MalformedXML
			}
			if err := checkOwnership(in.Rules[0].ObjectOwnership); !errors.Is(err, errOwnershipValue) {
				return none, err
			}
			return none, awserr.MalformedXML
		},
		needs: bucketAction[struct{}]("s3:PutBucketOwnershipControls"),
		serve: func(context.Context, *request, struct{}) (*service.Response, error) { return &service.Response{}, nil },
	})
}
