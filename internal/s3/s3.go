package s3

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/acl"
)

// Directory is what S3 needs of the directory of accounts and buckets; see
// directory.Directory.
type Directory interface {
	Account(id string) (*directory.Account, bool)
	AccountByCanonicalID(id string) (*directory.Account, bool)
	PrincipalID(arn string) (id string, known bool)
	Bucket(name string) (*directory.Bucket, bool)
	Buckets(accountID string) []*directory.Bucket
	CreateBucket(context.Context, directory.Bucket) (*directory.Bucket, error)
	DeleteBucket(ctx context.Context, bucketID string) error
	SetBucketPolicy(ctx context.Context, bucketID string, document []byte, principalIDs map[string]string) error
	SetBucketConfigurations(ctx context.Context, bucketID string, documents map[string]string, allowed func(*directory.Bucket) error) error
	SetBucketACL(ctx context.Context, bucketID string, seen, l *acl.List) error
	SetBucketOwnership(ctx context.Context, bucketID, ownership string) error
	AccountPublicAccessBlock(accountID string) (directory.PublicAccessBlock, bool)
	SetAccountPublicAccessBlock(ctx context.Context, account string, block *directory.PublicAccessBlock) error
	PublicAccess(*directory.Bucket) directory.PublicAccessBlock
	KMSKey(id string) (*directory.KMSKey, bool)
	FindKMSKey(accountID, name string) (k *directory.KMSKey, alias string, ok bool)
	NewKMSKey(directory.KMSKey) (*directory.KMSKey, error)
	AddKMSKey(ctx context.Context, k *directory.KMSKey, alias string) (*directory.KMSKey, error)
	SetPublicAccessBlock(ctx context.Context, bucketID string, block *directory.PublicAccessBlock) error
}

// Options configure an S3. All but Domains must be given.
type Options struct {
	Directory Directory
	Objects   objects.Store
	Region    string
	// LifecycleDay is how long a day of lifecycle rules is; 0 is a day.
	LifecycleDay time.Duration
	// LegacyBuckets has new buckets take objects under keys of customers, as all
	// did before April 2026.
	LegacyBuckets bool
	Domains       []string // under which virtual-hosted-style requests name buckets, without port
}

// S3 serves the operations of S3. It is safe for concurrent use.
type S3 struct {
	directory Directory
	objects   objects.Store
	region    string
	day       time.Duration // of lifecycle rules
	legacy    bool          // LegacyBuckets
	domains   []string      // with a leading dot, longest first
	table     table
}

var (
	_ service.Service     = (*S3)(nil)
	_ service.FormService = (*S3)(nil)
)

// New returns an S3.
func New(o Options) *S3 {
	s := &S3{directory: o.Directory, objects: o.Objects, region: o.Region, day: dayOf(o.LifecycleDay), legacy: o.LegacyBuckets}
	for _, d := range o.Domains {
		s.domains = append(s.domains, "."+strings.ToLower(d))
	}
	slices.SortFunc(s.domains, func(a, b string) int { return len(b) - len(a) })
	s.table = newTable(s.rows())
	return s
}

// Name returns the service's name in a signature's credential scope.
func (s *S3) Name() string { return "s3" }

// rows is the operation table: the rows of every family.
func (s *S3) rows() []row {
	return slices.Concat(
		s.bucketRows(), s.policyRows(), s.publicAccessBlockRows(), s.versioningRows(), s.documentRows(), s.absentRows(), s.corsRows(), s.objectLockRows(), s.lifecycleRows(), s.aclRows(), s.ownershipRows(), s.listingRows(),
		s.getRows(), s.attributesRows(), s.putRows(), s.postRows(), s.copyRows(), s.deleteRows(), s.taggingRows(),
		s.multipartRows(), s.partRows(), s.completeRows(),
	)
}
