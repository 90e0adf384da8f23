// Package objects is the contract of object storage: the types, the errors and
// what every store must hold to. A store keeps bytes and the attributes that
// came with them; it knows nothing of principals or policies and decides
// nothing about access. internal/objects/objectstest holds every store to this
// contract.
//
// Keys are any UTF-8 of 1 to 1,024 bytes. To a store they are only bytes in
// their lexical order: "..", "//", a leading "/", a newline or an emoji mean
// nothing.
package objects

import (
	"context"
	"io"
	"time"

	"github.com/keywright/keywright/internal/checksum"
)

// Bucket names a bucket to a store. ID is never used twice, so that a bucket
// made anew under an old name can never show what the old one held.
type Bucket struct {
	ID   string
	Name string
}

// Store is the whole of object storage. Every method is safe for concurrent
// use. A method that answers without error has made its effect durable: it
// survives the loss of power. A method that answers with an error has had no
// effect, and so has one whose context ended before it answered with success.
// What is asked of a bucket that does not exist fails with ErrNoSuchBucket, and
// content that there is no room for with syscall.ENOSPC.
type Store interface {
	BucketStore
	ObjectStore
	Lister
	UploadStore
	io.Closer
}

// BucketStore makes and removes the room for a bucket's objects.
type BucketStore interface {
	// CreateBucket makes an empty bucket. Making one that exists is no error.
	CreateBucket(ctx context.Context, b Bucket) error
	// DeleteBucket removes a bucket and its uploads in progress. It fails with
	// ErrBucketNotEmpty when an object is left, and no put that it races with
	// can leave an object in a bucket that is gone. Deleting a bucket that does
	// not exist is no error.
	DeleteBucket(ctx context.Context, b Bucket) error
}

// ObjectStore reads and writes whole objects.
type ObjectStore interface {
	// Put stores one object, replacing what the key held in one step: readers
	// see the old object or the new one. An error of Content.Body, other than
	// io.EOF, is returned wrapped and nothing is stored; so is ErrIncomplete
	// when Body goes on beyond Content.Size or, unless the content is Open, ends
	// before.
	Put(ctx context.Context, b Bucket, r PutRequest) (Info, error)
	// Open opens a version of an object for reading, the current one when
	// versionID is "". It fails with ErrNoSuchKey or, when a version is named,
	// with ErrNoSuchVersion; where a delete marker is what it found, the error is
	// a *DeleteMarkerError. What it opened stays whole and readable until it is
	// closed, whatever is put or deleted meanwhile.
	Open(ctx context.Context, b Bucket, key, versionID string) (Object, error)
	// Delete removes what a key holds, or the version of it that is named, for
	// ever; a version that does not exist is ErrNoSuchVersion, but removing
	// nothing else is no error. Without a version it only puts a delete marker on
	// top where the request's Versioning keeps versions.
	// With a condition that does not hold it fails with ErrPreconditionFailed,
	// and with a condition on an object that does not exist with ErrNoSuchKey. What
	// its Lock keeps is never removed: that fails with ErrLocked.
	Delete(ctx context.Context, b Bucket, r DeleteRequest) (Deleted, error)
	// SetTags replaces the tags of a version, the current one when versionID is
	// "", and nothing else of it, in one step. It fails as Open does. No tags
	// remove them all.
	SetTags(ctx context.Context, b Bucket, key, versionID string, tags map[string]string) (Info, error)
	// SetACL replaces the ACL of a version as SetTags does its tags, if the version
	// is still as it was seen: put at that time, and with that owner and ACL. Else it
	// fails with ErrPreconditionFailed.
	SetACL(ctx context.Context, b Bucket, seen Info, acl string) (Info, error)
	// SetLock changes the lock of a version, in one step. It fails as Open does,
	// and with ErrLocked as Lock.Change does.
	SetLock(ctx context.Context, b Bucket, key, versionID string, c LockChange) (Info, error)
	// Copy stores the content of source under another key, without reading it
	// through memory where the store can. The copy has the ETag and the Parts of
	// a source in the same store whose content need not be encrypted anew: one
	// without a key of its own for a copy without one, or under the same KeyID.
	// source stays open; it may have been deleted.
	Copy(ctx context.Context, source Object, b Bucket, r CopyRequest) (Info, error)
}

// Lister lists objects in the lexical order of the bytes of their keys.
type Lister interface {
	// List returns one page. Its cost grows with the entries it returns, not
	// with the keys it passes over: a common prefix is passed in one step.
	List(ctx context.Context, b Bucket, r ListRequest) (ListPage, error)
	// ListVersions returns one page of all versions and delete markers, those of
	// one key from the newest to the oldest. Its cost is bounded as List's is. A
	// page goes on where the one before ended even when that version is deleted.
	ListVersions(ctx context.Context, b Bucket, r ListVersionsRequest) (VersionsPage, error)
}

// UploadStore is multipart uploads. Parts are immutable and are not copied when
// the upload is completed.
type UploadStore interface {
	CreateUpload(ctx context.Context, b Bucket, r UploadRequest) (Upload, error)
	// GetUpload returns an upload in progress, or ErrNoSuchUpload.
	GetUpload(ctx context.Context, b Bucket, key, uploadID string) (Upload, error)
	// PutPart stores a part, replacing one of the same number, or fails with
	// ErrNoSuchUpload. The sum that is kept is of the upload's algorithm, or of
	// c's when the upload has none. A number below 1 or above MaxPartNumber is
	// ErrInvalidPart.
	PutPart(ctx context.Context, b Bucket, key, uploadID string, number int, c Content) (Part, error)
	// CopyPart stores length bytes of source from offset on as a part. sealer is
	// as Content.Sealer.
	CopyPart(ctx context.Context, source Object, offset, length int64, b Bucket, key, uploadID string, number int, sealer KeySealer) (Part, error)
	ListParts(ctx context.Context, b Bucket, key, uploadID string, r ListPartsRequest) (PartsPage, error)
	ListUploads(ctx context.Context, b Bucket, r ListUploadsRequest) (UploadsPage, error)
	// CompleteUpload makes the object of the listed parts, in one step as Put
	// does, and forgets the others. The parts must be in ascending order
	// (ErrInvalidPartOrder), exist with the ETag and checksum given
	// (*PartError wrapping ErrInvalidPart) and be of at least MinPartSize, but
	// for the last (*PartError wrapping ErrPartTooSmall). Completing again what
	// was completed, with the same parts, answers as the first time for as long
	// as the object is still the one that was made.
	CompleteUpload(ctx context.Context, b Bucket, key, uploadID string, r CompleteRequest) (Info, error)
	// AbortUpload forgets an upload and its parts, or fails with ErrNoSuchUpload.
	AbortUpload(ctx context.Context, b Bucket, key, uploadID string) error
}

// Object is one version of an object, opened for reading. It is safe for
// concurrent use; to close it again is no error.
type Object interface {
	Info() Info
	// Unseal opens the key of a content that is encrypted as its Encryption says,
	// before which Read and a copy of it fail with ErrSealed, and its checksums have
	// no value. It returns an error
	// of the sealer wrapped. Of an object without Encryption it does nothing.
	Unseal(KeySealer) error
	// Read streams length bytes from offset on, which must lie within the
	// object. Content that does not match what was stored is an error, never
	// silently wrong bytes.
	Read(ctx context.Context, offset, length int64) (io.ReadCloser, error)
	io.Closer
}

// Attributes are what a client stores beside the bytes of an object.
type Attributes struct {
	ContentType             string            `json:"contentType,omitempty"`
	CacheControl            string            `json:"cacheControl,omitempty"`
	ContentDisposition      string            `json:"contentDisposition,omitempty"`
	ContentEncoding         string            `json:"contentEncoding,omitempty"`
	ContentLanguage         string            `json:"contentLanguage,omitempty"`
	Expires                 string            `json:"expires,omitempty"`
	WebsiteRedirectLocation string            `json:"websiteRedirectLocation,omitempty"`
	StorageClass            string            `json:"storageClass,omitempty"` // "" is STANDARD
	Metadata                map[string]string `json:"metadata,omitempty"`     // x-amz-meta-*, names in lower case without the prefix
	Tags                    map[string]string `json:"tags,omitempty"`
	OwnerID                 string            `json:"ownerId,omitempty"` // canonical user id of the owning account
	ACL                     string            `json:"acl,omitempty"`     // the access control list, whose text means nothing to a store; "" when it has none of its own
	Lock                    Lock              `json:"lock,omitzero"`
	Encryption              Encryption        `json:"encryption,omitzero"`
}

// Encryption says under which key, beside the store's own, the key of a content
// is sealed. The zero value is under none. A store needs a KeySealer exactly
// where it is not zero, and else only compares KeyID.
type Encryption struct {
	Algorithm string `json:"algorithm"`           // such as "aws:kms"
	KeyID     string `json:"keyId,omitempty"`     // "" when only a client has the key
	Context   string `json:"context,omitempty"`   // what the key's service binds to it
	BucketKey bool   `json:"bucketKey,omitempty"` // whether the key is asked for once for a bucket
}

// Sealed reports whether there is such a key.
func (e Encryption) Sealed() bool { return e != Encryption{} }

// KeySealer seals the key of a content under one that the store does not have.
// Open fails for other associated data than Seal was given, and for what was
// sealed under another key.
type KeySealer interface {
	Seal(plaintext, associatedData []byte) ([]byte, error)
	Open(ciphertext, associatedData []byte) ([]byte, error)
}

// NullVersion is the id of the version of a key that was put while its bucket
// kept no versions, or kept them no more. A key has at most one.
const NullVersion = "null"

// Versioning says what becomes of what a key holds when it is put anew or
// deleted ("How S3 Versioning works", Amazon S3 User Guide).
type Versioning uint8

// The states of a bucket's versioning. The zero value keeps no versions.
const (
	Unversioned         Versioning = iota // it is replaced, and deleted for ever
	VersioningEnabled                     // it stays as an older version; what is put gets an id of its own
	VersioningSuspended                   // it stays, but for the null version, which what is put replaces
)

// Versioning returns v, so that a state that does not change is a Versioner.
func (v Versioning) Versioning() Versioning { return v }

// Versioner tells a bucket's Versioning as it is when it is asked. A store asks
// at the moment of the write, with the key locked, so that a write that took
// long keeps what the bucket has been told to keep meanwhile. It must not call
// the store. nil is Unversioned.
type Versioner interface{ Versioning() Versioning }

// Info describes a version of an object as it is stored, or a delete marker,
// which has no content.
type Info struct {
	VersionID    string // NullVersion, or 32 characters of [A-Za-z0-9_-]
	DeleteMarker bool
	IsLatest     bool // told by ListVersions only

	Key        string
	Size       int64
	ETag       string // without quotes: hex MD5, or hex MD5 of the parts' ETags and "-" and their count
	Modified   time.Time
	Attributes Attributes
	Checksum   Checksum
	Parts      []Part // of an object made by a multipart upload, in order; nil otherwise
}

// Checksum is a checksum that is kept with an object or a part. The zero value
// is none.
type Checksum struct {
	Algorithm checksum.Algorithm
	Type      checksum.Type // FULL_OBJECT or COMPOSITE
	Value     string        // base64, with "-" and the count of parts when composite
}

// Content is the bytes of a put or of a part.
type Content struct {
	Body io.Reader // nil is empty
	Size int64     // exact, or the most that Body may have
	Open bool      // whether the content is as long as Body turns out to be
	// Checksum is the algorithm whose sum is computed and kept; None for none.
	Checksum checksum.Algorithm
	// Sealer seals the content's key where its Encryption asks for it; a part has
	// that of its upload. The ETag is then 32 random hex digits and no MD5.
	Sealer KeySealer
}

// Conditions make a write depend on what the key holds at the moment of the
// write ("How to prevent object overwrites with conditional writes", Amazon S3
// User Guide). The zero value asks nothing.
type Conditions struct {
	IfMatch     string // the ETag that must be there, or "*" for any; a missing object fails with ErrNoSuchKey
	IfNoneMatch bool   // nothing may be there: "If-None-Match: *"
	// OwnerID is the OwnerID that the object must have if there is one; else the
	// write fails with ErrOtherOwner. "" asks nothing.
	OwnerID string
	// Modified is the time at which it must have been put, exactly; zero asks
	// nothing, and a missing object fails with ErrNoSuchKey. It may be asked of a
	// delete marker that a deletion names, too.
	Modified time.Time
}

// PutRequest is an object to store.
type PutRequest struct {
	Key        string
	Content    Content
	Attributes Attributes
	Conditions Conditions
	Versioning Versioner
}

// DeleteRequest is what to delete: a version, or what the key holds when
// VersionID is "". Conditions are about the same.
type DeleteRequest struct {
	Key        string
	VersionID  string
	Conditions Conditions
	Versioning Versioner
	OwnerID    string // of the delete marker, if one is made
	// Noncurrent removes the version that is named only while its key has a newer
	// one: it fails with ErrPreconditionFailed when there is none any more.
	Noncurrent bool
	// BypassGovernance removes what is only retained in Governance mode.
	BypassGovernance bool
}

// Deleted says what a deletion did.
type Deleted struct {
	VersionID    string // of the marker that was made, or of the version that was named; "" without either
	DeleteMarker bool   // whether VersionID is a delete marker's
}

// CopyRequest is the target of a copy. The sum that is kept is the source's own
// when Checksum is None or the source's algorithm, and computed anew otherwise.
type CopyRequest struct {
	Key        string
	Attributes Attributes
	Sealer     KeySealer // where Attributes.Encryption asks for it
	Checksum   checksum.Algorithm
	Conditions Conditions
	Versioning Versioner
}

// ListRequest asks for one page of a listing.
type ListRequest struct {
	Prefix    string
	Delimiter string // "" for none; any string
	// After excludes every key and every common prefix that is not greater
	// than it. A page's Next is the After of the page that follows.
	After string
	Max   int // most entries, keys and common prefixes together; 0 returns none
}

// ListPage is one page of a listing: what lies between two delimiters is rolled
// up into one common prefix.
type ListPage struct {
	Objects   []Info // without Parts, and of those under a key without the value of their Checksum; Attributes hold StorageClass and OwnerID at least
	Prefixes  []string
	Truncated bool
	Next      string // the last entry of a truncated page, "" otherwise
}

// ListVersionsRequest asks for one page of a listing of versions.
type ListVersionsRequest struct {
	Prefix    string
	Delimiter string
	// KeyAfter excludes smaller keys and common prefixes, and this key too when
	// VersionAfter is empty; else it excludes of this key the version named and
	// those that are newer.
	KeyAfter     string
	VersionAfter string
	Max          int
}

// VersionsPage is one page of a listing of versions.
type VersionsPage struct {
	Versions    []Info // as in ListPage, and delete markers
	Prefixes    []string
	Truncated   bool
	NextKey     string // of the last entry of a truncated page, "" otherwise
	NextVersion string // empty when the page ended on a common prefix
}

// Initiator is who began an upload: as ListParts and ListMultipartUploads show
// it, and by the id that stays when a user is renamed.
type Initiator struct {
	ID          string `json:"id"` // ARN of a user or session, or canonical id of an account's root
	DisplayName string `json:"displayName"`
	UserID      string `json:"userId"` // aws:userid; "" when it was an anonymous caller
}

// UploadRequest begins a multipart upload.
type UploadRequest struct {
	Key        string
	Attributes Attributes
	Sealer     KeySealer // where Attributes.Encryption asks for it; nil in an Upload
	Checksum   checksum.Algorithm
	// ChecksumType may be empty when the client named none: the object then gets
	// Checksum's default type, and Upload has it as empty as it was.
	ChecksumType checksum.Type
	Initiator    Initiator
	// AskedEncryption is the encryption that the client asked for by its name, whose
	// text means nothing to a store; "" when it said nothing.
	AskedEncryption string
}

// Upload is a multipart upload in progress.
type Upload struct {
	UploadRequest
	ID        string // URL-safe
	Initiated time.Time
}

// Part is one part of an upload, or of an object that was made by one.
type Part struct {
	Number   int
	Size     int64
	ETag     string    // hex MD5, without quotes, or 32 random digits; empty in Info.Parts
	Modified time.Time // zero in Info.Parts
	Checksum Checksum
}

// CompletedPart is a part as its client names it at completion. A Checksum with
// an empty Value is not compared.
type CompletedPart struct {
	Number   int
	ETag     string
	Checksum Checksum
}

// CompleteRequest completes an upload. A Checksum with a Value must be the one
// that the object gets, or ErrBadChecksum is returned: a sum of another
// algorithm or type than the upload's cannot be vouched for. The number of parts
// behind a composite one may be left out.
type CompleteRequest struct {
	Parts      []CompletedPart
	Checksum   Checksum
	Size       int64     // the object's size as the client knows it, or -1; ErrSizeMismatch when it is not
	Retention  Retention // of the object, when the upload was begun without one
	Conditions Conditions
	Versioning Versioner
	// Sealer, where it is given, must open the upload's key; its error is returned
	// wrapped otherwise. Without it an object whose Encryption asks for a key gets no
	// checksum, and to name one is ErrSealed.
	Sealer KeySealer
}

// ListPartsRequest asks for one page of an upload's parts, by number.
type ListPartsRequest struct {
	After int // excludes this part number and those below
	Max   int
	// Sealer reveals the checksums of an upload whose Encryption asks for a key;
	// without it they have no value.
	Sealer KeySealer
}

// PartsPage is one page of an upload's parts.
type PartsPage struct {
	Upload    Upload
	Parts     []Part
	Truncated bool
}

// ListUploadsRequest asks for one page of a bucket's uploads, by key and, for
// one key, by the time they were begun.
type ListUploadsRequest struct {
	Prefix      string
	Delimiter   string
	KeyAfter    string // excludes smaller keys, and this key too when UploadAfter is empty
	UploadAfter string // excludes, for KeyAfter itself, this upload and those before it; ErrNoSuchUpload if it can be no upload's
	Max         int
}

// UploadsPage is one page of a bucket's uploads.
type UploadsPage struct {
	Uploads      []Upload
	Prefixes     []string
	Truncated    bool
	NextKey      string
	NextUploadID string // empty when the page ended on a common prefix
}

// Limits of S3 ("Amazon S3 multipart upload limits", Amazon S3 User Guide).
const (
	MaxKeyLength  = 1024
	MinPartSize   = 5 << 20
	MaxPartNumber = 10000
	MaxPartSize   = 5 << 30
	MaxPutSize    = 5 << 30
)
