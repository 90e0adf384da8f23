package directory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"strings"

	"github.com/keywright/keywright/policy/acl"
)

// CreateBucket makes a bucket and fills in its ID, unless given, and Created.
// What is not given is what AWS gives a new bucket: all of Block Public Access
// on, Ownership BucketOwnerEnforced, an ACL that is private; the first two are
// missing instead where Options.LegacyBuckets says so. Bucket names are of one
// namespace for all accounts. It fails with *NotFoundError (account),
// *ExistsError, *LimitError, *InvalidError, *DocumentError, *PublicPolicyError and
// *ACLError.
func (d *Directory) CreateBucket(ctx context.Context, b Bucket) (*Bucket, error) {
	if b.Name == "" {
		return nil, &InvalidError{"bucket name", b.Name, "not empty"}
	}
	if err := checkText("bucket name", b.Name, 255); err != nil {
		return nil, err
	}
	b.ID = cmp.Or(b.ID, strings.ToLower(rand.Text()))
	if err := checkOwnership(b.Ownership); err != nil {
		return nil, err
	}
	b.Region, b.Created = cmp.Or(b.Region, d.region), truncated(d.now())
	b.PublicAccessBlock = copyOf(b.PublicAccessBlock)
	if b.PublicAccessBlock == nil && !d.legacy {
		b.PublicAccessBlock = &PublicAccessBlock{true, true, true, true}
	}
	if !d.legacy {
		b.Ownership = cmp.Or(b.Ownership, BucketOwnerEnforced)
	}
	if b.Policy != nil {
		var err error
		if b.Policy, err = newBucketPolicy(b.Name, b.Policy.Document, b.Policy.PrincipalIDs); err != nil {
			return nil, err
		}
	}
	err := d.mutate(ctx, func(v *view, c *change) error {
		a, err := v.account(b.AccountID)
		if err != nil {
			return err
		}
		if other := v.buckets[b.Name]; other != nil {
			return &ExistsError{Kind: "bucket", Name: b.Name, Owned: other.AccountID == b.AccountID}
		}
		if v.bucketIDs[b.ID] != nil {
			return &ExistsError{Kind: "bucket", Name: b.ID}
		}
		if err := within(QuotaBucketsPerAccount, len(a.buckets)+1); err != nil {
			return err
		}
		if b.ACL == nil {
			b.ACL = acl.Private(a.shown.CanonicalID)
		}
		if err := b.checkPublic(v); err != nil {
			return err
		}
		if err := b.checkACL(v); err != nil {
			return err
		}
		c.put((*bucketRow)(&b))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &b, nil
}

func copyOf(b *PublicAccessBlock) *PublicAccessBlock {
	if b == nil {
		return nil
	}
	c := *b
	return &c
}

func newBucketPolicy(bucket string, document []byte, principalIDs map[string]string) (*BucketPolicy, error) {
	compiled, err := compile(string(document), bucketPolicyOptions(bucket, principalIDs))
	if err != nil {
		return nil, err
	}
	return &BucketPolicy{bytes.Clone(document), maps.Clone(principalIDs), compiled}, nil
}

// Bucket returns a bucket by name.
func (d *Directory) Bucket(name string) (*Bucket, bool) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	b, ok := d.view.buckets[name]
	return b, ok
}

// Buckets returns the buckets of an account, sorted by name.
func (d *Directory) Buckets(accountID string) (buckets []*Bucket) {
	d.read(func(v *view) {
		if a := v.accounts[accountID]; a != nil {
			buckets = sortedValues(a.buckets, bucketName)
		}
	})
	return buckets
}

// AllBuckets returns the buckets of all accounts, sorted by name.
func (d *Directory) AllBuckets() (buckets []*Bucket) {
	d.read(func(v *view) { buckets = sortedValues(v.buckets, bucketName) })
	return buckets
}

func bucketName(b *Bucket) string { return b.Name }

// DeleteBucket deletes a bucket by its ID. Whether objects are left in it is
// for the caller to know. It fails with *NotFoundError.
func (d *Directory) DeleteBucket(ctx context.Context, bucketID string) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		b, err := v.bucket(bucketID)
		if err != nil {
			return err
		}
		c.remove((*bucketRow)(b))
		return nil
	})
}

func (v *view) bucket(id string) (*Bucket, error) {
	if b := v.bucketIDs[id]; b != nil {
		return b, nil
	}
	return nil, &NotFoundError{"bucket", id}
}

func (d *Directory) changeBucket(ctx context.Context, id string, edit func(*Bucket) error) error {
	return d.changeBucketIn(ctx, id, func(_ *view, b *Bucket) error { return edit(b) })
}

// changeBucketIn is changeBucket for what depends on more than the bucket.
func (d *Directory) changeBucketIn(ctx context.Context, id string, edit func(*view, *Bucket) error) error {
	return d.mutate(ctx, func(v *view, c *change) error {
		b, err := v.bucket(id)
		if err != nil {
			return err
		}
		changed := *b
		if err := edit(v, &changed); err != nil {
			return err
		}
		c.put((*bucketRow)(&changed))
		return nil
	})
}

// SetBucketPolicy sets the policy of a bucket, with the unique ids that the
// principals it names have now; a nil document removes it. It fails with
// *NotFoundError and *DocumentError, and with *PublicPolicyError when the policy
// is public and the bucket's Block Public Access does not allow that.
func (d *Directory) SetBucketPolicy(ctx context.Context, bucketID string, document []byte, principalIDs map[string]string) error {
	return d.changeBucketIn(ctx, bucketID, func(v *view, b *Bucket) (err error) {
		b.Policy = nil
		if document != nil {
			b.Policy, err = newBucketPolicy(b.Name, document, principalIDs)
		}
		if err != nil {
			return err
		}
		return b.checkPublic(v)
	})
}

// SetBucketConfigurations sets some of a bucket's Configurations, in one step; an
// empty document removes what has its name. allowed, when it is not nil, is asked
// about the bucket as it is in the same step, and nothing is set when it returns an
// error, which is returned. It fails with *NotFoundError, and with *InvalidError
// when a document is no text.
func (d *Directory) SetBucketConfigurations(ctx context.Context, bucketID string, documents map[string]string, allowed func(*Bucket) error) error {
	for name, document := range documents {
		if err := checkText(name, document, maxConfiguration); err != nil {
			return err
		}
	}
	return d.changeBucket(ctx, bucketID, func(b *Bucket) error {
		if allowed != nil {
			if err := allowed(b); err != nil {
				return err
			}
		}
		all := maps.Clone(b.Configurations)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, documents)
		maps.DeleteFunc(all, func(_, document string) bool { return document == "" })
		b.Configurations = all
		if len(b.Configurations) == 0 {
			b.Configurations = nil
		}
		return nil
	})
}

// maxConfiguration is the most bytes of one document of a bucket's: a thousand
// lifecycle rules.
const maxConfiguration = 2 << 20

// checkPublic fails when a bucket has a policy that Block Public Access, its own
// or its account's, does not let it be given.
func (b *Bucket) checkPublic(v *view) error {
	if b.Policy != nil && b.Policy.Compiled.Public() && v.publicAccess(b).BlockPublicPolicy {
		return &PublicPolicyError{b.Name}
	}
	return nil
}

// SetPublicAccessBlock sets Block Public Access of a bucket; nil removes it. It
// fails with *NotFoundError.
func (d *Directory) SetPublicAccessBlock(ctx context.Context, bucketID string, block *PublicAccessBlock) error {
	return d.changeBucket(ctx, bucketID, func(b *Bucket) error {
		b.PublicAccessBlock = copyOf(block)
		return nil
	})
}
