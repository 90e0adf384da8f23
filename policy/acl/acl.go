// Package acl is the language of Amazon S3's access control lists: grants,
// grantees, canned ACLs, and which ACL is public ("Access control list (ACL)
// overview", Amazon S3 User Guide). Owners and accounts are canonical user ids
// here, as ACLs have them.
//
// It knows no bucket, no request and no policy, and decides nothing:
// policy/eval says what a grant allows to whom.
package acl

import (
	"errors"
	"slices"
	"strings"
)

// Permission is what a grant gives, or several of it together.
type Permission uint8

// The permissions. FullControl is all of them.
const (
	Read Permission = 1 << iota
	Write
	ReadACP
	WriteACP
	FullControl = Read | Write | ReadACP | WriteACP
)

var permissionNames = []struct {
	is   Permission
	name string
}{
	{Read, "READ"}, {Write, "WRITE"}, {ReadACP, "READ_ACP"}, {WriteACP, "WRITE_ACP"}, {FullControl, "FULL_CONTROL"},
}

// ParsePermission returns the permission of a name, such as "READ_ACP".
func ParsePermission(name string) (p Permission, ok bool) {
	for _, n := range permissionNames {
		if n.name == name {
			return n.is, true
		}
	}
	return 0, false
}

// String returns the name of the permission, or "" when it is none of those
// that a grant can have.
func (p Permission) String() string {
	for _, n := range permissionNames {
		if n.is == p {
			return n.name
		}
	}
	return ""
}

// The predefined groups, as grants name them.
const (
	AllUsers           = "http://acs.amazonaws.com/groups/global/AllUsers"
	AuthenticatedUsers = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
	LogDelivery        = "http://acs.amazonaws.com/groups/s3/LogDelivery"
)

// The canonical user ids that belong to no account: whose an object is that an
// anonymous caller has put, and the one that aws-exec-read grants to, with which
// Amazon EC2 reads bundles of machine images.
const (
	AnonymousID = "65a011a29cdf8ec533ec3d1ccaae921c"
	EC2ID       = "6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c"
)

// IsGroup reports whether a grantee is one of the predefined groups.
func IsGroup(grantee string) bool {
	return grantee == AllUsers || grantee == AuthenticatedUsers || grantee == LogDelivery
}

// Grant gives a permission to a grantee: an account, by its canonical user id, or
// a group, by its URI.
type Grant struct {
	Grantee    string
	Permission Permission
}

// IsPublic reports whether the grantee is a group of people whom nobody chose
// ("Blocking public access to your Amazon S3 storage").
func (g Grant) IsPublic() bool { return g.Grantee == AllUsers || g.Grantee == AuthenticatedUsers }

// MaxGrants is the most grants of an ACL.
const MaxGrants = 100

// List is an access control list, and whose the bucket or object is that it is
// for. It must not be changed once it is in use.
type List struct {
	Owner  string
	Grants []Grant
}

// Private returns the ACL of what has no other: its owner has full control.
func Private(owner string) *List {
	return &List{Owner: owner, Grants: []Grant{{owner, FullControl}}}
}

// IsPublic reports whether the ACL grants anything to AllUsers or to
// AuthenticatedUsers; or to AnonymousID, which everyone is who does not sign, on
// what is not the anonymous's own.
func (l *List) IsPublic() bool {
	return slices.ContainsFunc(l.Grants, func(g Grant) bool {
		return g.IsPublic() || g.Grantee == AnonymousID && l.Owner != AnonymousID
	})
}

// GrantsOthers reports whether the ACL grants anything to anybody but the owner.
func (l *List) GrantsOthers() bool {
	return slices.ContainsFunc(l.Grants, func(g Grant) bool { return g.Grantee != l.Owner })
}

// cannedGrants are what a canned ACL adds to the owner's full control. The
// grantee "" stands for the bucket's owner.
var cannedGrants = map[string][]Grant{
	"private":                   {},
	"public-read":               {{AllUsers, Read}},
	"public-read-write":         {{AllUsers, Read}, {AllUsers, Write}},
	"authenticated-read":        {{AuthenticatedUsers, Read}},
	"aws-exec-read":             {{EC2ID, Read}},
	"bucket-owner-read":         {{"", Read}},
	"bucket-owner-full-control": {{"", FullControl}},
	"log-delivery-write":        {{LogDelivery, Write}, {LogDelivery, ReadACP}},
}

// Canned returns the ACL that a canned ACL stands for, on what owner has in a
// bucket of bucketOwner. The second result is false when there is none of that
// name. On a bucket, whose owner is both, bucket-owner-read and
// bucket-owner-full-control add nothing.
func Canned(name, owner, bucketOwner string) (*List, bool) {
	more, ok := cannedGrants[name]
	if !ok {
		return nil, false
	}
	l := Private(owner)
	for _, g := range more {
		if g.Grantee == "" {
			g.Grantee = bucketOwner
		}
		if g.Grantee != owner {
			l.Grants = append(l.Grants, g)
		}
	}
	return l, true
}

// format begins the text of an ACL, so that no text is one by chance.
const format = "acl1"

// Encode returns the grants as a text that Decode reads. It is never empty.
func (l *List) Encode() string {
	var b strings.Builder
	b.WriteString(format)
	for _, g := range l.Grants {
		b.WriteString("\n" + g.Permission.String() + " " + g.Grantee)
	}
	return b.String()
}

var errFormat = errors.New("acl: not the text of an access control list")

// Decode reads the text of an ACL for what owner has; that of "" is Private. It
// fails on a text that Encode does not write.
func Decode(owner, text string) (*List, error) {
	if text == "" {
		return Private(owner), nil
	}
	lines := strings.Split(text, "\n")
	if lines[0] != format {
		return nil, errFormat
	}
	l := &List{Owner: owner, Grants: make([]Grant, 0, len(lines)-1)}
	for _, line := range lines[1:] {
		name, grantee, _ := strings.Cut(line, " ")
		p, ok := ParsePermission(name)
		if !ok || grantee == "" {
			return nil, errFormat
		}
		l.Grants = append(l.Grants, Grant{grantee, p})
	}
	return l, nil
}
