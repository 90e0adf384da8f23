package s3

import (
	"encoding/xml"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/acl"
)

// aclRequest is what the headers, or the document, of a request say of an ACL:
// nothing, the name of a canned ACL, or grants.
type aclRequest struct {
	given  bool
	canned string
	grants []acl.Grant
	owner  string // that a document names, or ""
}

// headerACL reads the ACL of the headers. Errors are InvalidRequest,
// InvalidArgument, MalformedACLError and MethodNotAllowed.
func headerACL(h http.Header) (in aclRequest, err error) {
	for _, name := range aclHeaders[1:] {
		if values := h.Values(name); values != nil {
			if err := in.addHeader(name, strings.Join(values, ",")); err != nil {
				return in, err
			}
		}
	}
	values := h.Values("x-amz-acl")
	if values == nil {
		return in, nil
	}
	_, ok := acl.Canned(values[0], "", "")
	switch {
	case !ok || len(values) > 1:
		return in, invalidArgument("x-amz-acl", strings.Join(values, ","), "The canned ACL is not valid")
	case in.given:
		return in, awserr.InvalidRequest.WithMessage("Specifying both Canned ACLs and Header Grants is not allowed")
	}
	return aclRequest{given: true, canned: values[0]}, nil
}

// addHeader reads a header such as `x-amz-grant-read: id="...", uri="..."`.
func (in *aclRequest) addHeader(name, value string) error {
	permission, ok := acl.ParsePermission(strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(name, "x-amz-grant-"), "-", "_")))
	if !ok {
		return awserr.InternalError.WithCause(errors.New("no permission of the header " + name))
	}
	in.given = true
	for _, text := range strings.Split(value, ",") {
		kind, grantee, ok := strings.Cut(strings.TrimSpace(text), "=")
		if !ok {
			return invalidArgument(name, text, "Argument format not recognized")
		}
		if quoted, ok := strings.CutPrefix(grantee, `"`); ok {
			if grantee, ok = strings.CutSuffix(quoted, `"`); !ok {
				return invalidArgument(name, text, "Argument format not recognized")
			}
		}
		if err := in.add(strings.ToLower(kind), grantee, permission, [2]string{"id", "uri"}); err != nil {
			return err
		}
	}
	return nil
}

// add adds a grant. arguments are what an error calls an id and the URI of a
// group. Whether there is an account of that id is asked when it is used.
func (in *aclRequest) add(kind, grantee string, permission acl.Permission, arguments [2]string) error {
	switch kind {
	case "id":
		if grantee == "" || strings.ContainsAny(grantee, "\n/") {
			return errInvalidID(arguments[0], grantee)
		}
	case "uri":
		if !acl.IsGroup(grantee) {
			return invalidArgument(arguments[1], grantee, "Invalid group uri")
		}
	case "emailaddress":
		return awserr.MethodNotAllowed.WithMessage("Access control lists do not name accounts by e-mail addresses any more: name them by canonical user ids.")
	default:
		return invalidArgument(kind, grantee, "Argument format not recognized")
	}
	if len(in.grants) == acl.MaxGrants {
		return awserr.MalformedACL.WithMessage("An access control list has at most %d grants.", acl.MaxGrants)
	}
	in.grants = append(in.grants, acl.Grant{Grantee: grantee, Permission: permission})
	return nil
}

func errInvalidID(argument, id string) error { return invalidArgument(argument, id, "Invalid id") }

// list returns the ACL that the request asks for, on what owner has in a bucket
// of bucketOwner. It fails with InvalidArgument when a grantee is no account that
// is known, and with AccessDenied when it would give the resource to another
// owner.
func (s *S3) list(in aclRequest, owner, bucketOwner string) (*acl.List, error) {
	if !in.given {
		return acl.Private(owner), nil
	}
	if in.canned != "" {
		l, _ := acl.Canned(in.canned, owner, bucketOwner)
		return l, nil
	}
	if in.owner != "" && in.owner != owner {
		return nil, awserr.AccessDenied
	}
	for _, g := range in.grants {
		if acl.IsGroup(g.Grantee) || g.Grantee == acl.AnonymousID || g.Grantee == acl.EC2ID {
			continue
		}
		if _, ok := s.directory.AccountByCanonicalID(g.Grantee); !ok {
			return nil, errInvalidID("CanonicalUser/ID", g.Grantee)
		}
	}
	return &acl.List{Owner: owner, Grants: in.grants}, nil
}

// changes reports whether the ACL says anything but that the bucket's owner has
// full control, which is what holds where ACLs are disabled ("Controlling ownership
// of objects and disabling ACLs for your bucket", Amazon S3 User Guide). The canned
// ACL private says it of who uploads the object.
func (in *aclRequest) changes(ownerID, uploaderID string) bool {
	switch {
	case !in.given:
		return false
	case in.canned != "":
		return in.canned != "bucket-owner-full-control" && (in.canned != "private" || uploaderID != ownerID)
	}
	return len(in.grants) == 0 || slices.ContainsFunc(in.grants, func(g acl.Grant) bool {
		return g != acl.Grant{Grantee: ownerID, Permission: acl.FullControl}
	})
}

// accessControlPolicy is an ACL as it is read.
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
	ID   string `xml:",omitempty"`
	URI  string `xml:",omitempty"`
}

func aclResponse(l *acl.List) *service.Response {
	p := accessControlPolicy{Owner: identity{ID: l.Owner}, Grants: []grantElement{}}
	for _, g := range l.Grants {
		e := granteeElement{XSI: "http://www.w3.org/2001/XMLSchema-instance", Type: "CanonicalUser", ID: g.Grantee}
		if acl.IsGroup(g.Grantee) {
			e.Type, e.ID, e.URI = "Group", "", g.Grantee
		}
		p.Grants = append(p.Grants, grantElement{e, g.Permission.String()})
	}
	return &service.Response{XML: p}
}

// putACLRequest is the document of PutBucketAcl and PutObjectAcl.
type putACLRequest struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	Owner   *struct {
		ID, DisplayName string
		closed
	} `xml:"Owner"`
	List *struct {
		Grants grantRequests `xml:"Grant"`
		closed
	} `xml:"AccessControlList"`
	closed
}

type grantRequest struct {
	Grantee struct {
		Type                               string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
		ID, DisplayName, EmailAddress, URI string
		closed
	}
	Permission string
	closed
}

type grantRequests []grantRequest

// UnmarshalXML reads one grant more.
func (l *grantRequests) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	return appendElement((*[]grantRequest)(l), acl.MaxGrants, d, &start)
}

// parseACL reads the ACL of the headers or of the document: one of them must
// be there.
func parseACL(r *service.Request) (aclRequest, error) {
	in, err := headerACL(r.HTTP.Header)
	if err != nil {
		return in, err
	}
	switch hasBody := r.Body.DecodedLength() > 0; {
	case in.given && hasBody:
		return in, awserr.UnexpectedContent
	case in.given:
		_, err := r.ReadBody(0) // which has digests all the same
		return in, err
	case !hasBody:
		return in, awserr.MissingSecurityHeader.With("MissingHeaderName", "x-amz-acl")
	}
	var document putACLRequest
	if err := r.ReadXML(&document, maxSmallDocument); errors.Is(err, awserr.MalformedXML) {
		return in, awserr.MalformedACL.WithCause(err)
	} else if err != nil {
		return in, err
	}
	return document.acl()
}

// acl returns the ACL of a document.
func (document *putACLRequest) acl() (in aclRequest, err error) {
	if document.Owner == nil || document.List == nil {
		return in, awserr.MalformedACL
	}
	in.given, in.owner = true, document.Owner.ID
	for _, g := range document.List.Grants {
		kind, grantee := "id", g.Grantee.ID
		switch g.Grantee.Type {
		case "CanonicalUser":
		case "Group":
			kind, grantee = "uri", g.Grantee.URI
		case "AmazonCustomerByEmail":
			kind, grantee = "emailaddress", g.Grantee.EmailAddress
		default:
			return in, awserr.MalformedACL
		}
		permission, ok := acl.ParsePermission(g.Permission)
		if !ok {
			return in, awserr.MalformedACL
		}
		if err := in.add(kind, grantee, permission, [2]string{"CanonicalUser/ID", "Group/URI"}); err != nil {
			return in, err
		}
	}
	return in, nil
}
