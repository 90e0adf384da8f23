package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/keywright/keywright/policy/acl"
)

// The settings of Object Ownership ("Controlling ownership of objects and
// disabling ACLs for your bucket", Amazon S3 User Guide). A bucket without any
// is as one with ObjectWriter.
const (
	BucketOwnerEnforced  = "BucketOwnerEnforced" // the bucket's owner owns every object, and ACLs are disabled
	BucketOwnerPreferred = "BucketOwnerPreferred"
	ObjectWriter         = "ObjectWriter"
)

// ACLsDisabled reports whether access control lists count for nothing in the
// bucket, and its owner owns every object in it.
func (b *Bucket) ACLsDisabled() bool { return b.Ownership == BucketOwnerEnforced }

// ACLError says that a bucket cannot have an access control list, or a setting
// of Object Ownership with the list that it has.
type ACLError struct {
	Bucket string
	Public bool // whether it is Block Public Access that does not allow it
}

// Error says for which bucket.
func (e *ACLError) Error() string {
	if e.Public {
		return fmt.Sprintf("bucket %q: BlockPublicAcls does not allow a public access control list", e.Bucket)
	}
	return fmt.Sprintf("bucket %q: %s does not go with an access control list that grants to others", e.Bucket, BucketOwnerEnforced)
}

// checkACL fails when the bucket's Block Public Access does not let it be given
// its access control list, or its Object Ownership does not go with it.
func (b *Bucket) checkACL(v *view) error {
	switch {
	case b.ACL.IsPublic() && v.publicAccess(b).BlockPublicAcls:
		return &ACLError{b.Name, true}
	case b.ACLsDisabled() && !b.isPrivate():
		return &ACLError{b.Name, false}
	}
	return nil
}

// isPrivate reports whether the bucket's ACL gives its owner full control, and
// nobody else anything.
func (b *Bucket) isPrivate() bool {
	return !b.ACL.GrantsOthers() && slices.Contains(b.ACL.Grants, acl.Grant{Grantee: b.ACL.Owner, Permission: acl.FullControl})
}

// ErrACLChanged says that a bucket's access control list is not any more what was
// decided on.
var ErrACLChanged = errors.New("the access control list has changed meanwhile")

// SetBucketACL sets the access control list of a bucket, whose owner must be the
// account's canonical user id, in place of the one that was seen. It fails with
// *NotFoundError and ErrACLChanged, and with *ACLError when the bucket's Object
// Ownership or Block Public Access does not allow it.
func (d *Directory) SetBucketACL(ctx context.Context, bucketID string, seen, l *acl.List) error {
	return d.changeBucketIn(ctx, bucketID, func(v *view, b *Bucket) error {
		if !slices.Equal(seen.Grants, b.ACL.Grants) {
			return ErrACLChanged
		}
		if l.Owner != b.ACL.Owner {
			return &InvalidError{"owner", l.Owner, "the bucket's"}
		}
		b.ACL = &acl.List{Owner: l.Owner, Grants: append([]acl.Grant{}, l.Grants...)}
		return b.checkACL(v)
	})
}

// SetBucketOwnership sets Object Ownership of a bucket; "" removes it. It fails
// with *NotFoundError and *InvalidError, and with *ACLError when it disables ACLs
// while the bucket's own grants something to others.
func (d *Directory) SetBucketOwnership(ctx context.Context, bucketID, ownership string) error {
	if err := checkOwnership(ownership); err != nil {
		return err
	}
	return d.changeBucketIn(ctx, bucketID, func(_ *view, b *Bucket) error {
		b.Ownership = ownership
		if b.ACLsDisabled() && !b.isPrivate() {
			return &ACLError{b.Name, false}
		}
		return nil
	})
}

func checkOwnership(v string) error {
	if !slices.Contains([]string{"", BucketOwnerEnforced, BucketOwnerPreferred, ObjectWriter}, v) {
		return &InvalidError{"object ownership", v, BucketOwnerEnforced + ", " + BucketOwnerPreferred + " or " + ObjectWriter}
	}
	return nil
}

// AccountPublicAccessBlock returns Block Public Access of an account, or false
// when it has none.
func (d *Directory) AccountPublicAccessBlock(accountID string) (block PublicAccessBlock, ok bool) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil && a.settings.publicAccess != nil {
			block, ok = *a.settings.publicAccess, true
		}
	})
	return block, ok
}

// SetAccountPublicAccessBlock sets Block Public Access of an account; nil removes
// it. It fails with *NotFoundError. What is public already is not changed.
func (d *Directory) SetAccountPublicAccessBlock(ctx context.Context, account string, block *PublicAccessBlock) error {
	return d.changeSettings(ctx, account, func(_ *view, r *settingsRow) error {
		r.publicAccess = copyOf(block)
		return nil
	})
}

// PublicAccess returns the settings of Block Public Access that hold for a
// bucket: each is on when it is on for the bucket or for its account.
func (d *Directory) PublicAccess(b *Bucket) PublicAccessBlock {
	d.reading.RLock()
	defer d.reading.RUnlock()
	return d.view.publicAccess(b)
}

func (v *view) publicAccess(b *Bucket) PublicAccessBlock {
	var all PublicAccessBlock
	if b.PublicAccessBlock != nil {
		all = *b.PublicAccessBlock
	}
	if a := v.accounts[b.AccountID]; a != nil && a.settings.publicAccess != nil {
		of := a.settings.publicAccess
		all.BlockPublicAcls = all.BlockPublicAcls || of.BlockPublicAcls
		all.IgnorePublicAcls = all.IgnorePublicAcls || of.IgnorePublicAcls
		all.BlockPublicPolicy = all.BlockPublicPolicy || of.BlockPublicPolicy
		all.RestrictPublicBuckets = all.RestrictPublicBuckets || of.RestrictPublicBuckets
	}
	return all
}
