package objects

import (
	"errors"
	"fmt"
	"time"
)

// The conditions that a store answers with; wrapped, so use errors.Is.
var (
	ErrNoSuchBucket       = errors.New("no such bucket")
	ErrBucketNotEmpty     = errors.New("bucket not empty")
	ErrNoSuchKey          = errors.New("no such key")
	ErrNoSuchVersion      = errors.New("no such version")
	ErrLocked             = errors.New("locked")
	ErrOtherOwner         = errors.New("the object has another owner")
	ErrNoSuchUpload       = errors.New("no such upload")
	ErrPreconditionFailed = errors.New("precondition failed")
	ErrIncomplete         = errors.New("body is not of the announced size")
	ErrInvalidPart        = errors.New("no such part, or another than named")
	ErrInvalidPartOrder   = errors.New("parts are not in ascending order")
	ErrPartTooSmall       = errors.New("part is too small")
	ErrBadChecksum        = errors.New("checksum does not match")
	ErrSizeMismatch       = errors.New("size does not match")
	ErrCorrupt            = errors.New("stored content is damaged")
	ErrSealed             = errors.New("content is encrypted under a key that was not given, or is not and one was")
)

// DeleteMarkerError says that a delete marker is what a request found. It wraps
// ErrNoSuchKey when it is what the key holds, and nothing when the marker itself
// was named.
type DeleteMarkerError struct {
	VersionID string
	Modified  time.Time
	Named     bool // whether the marker was asked for by its version
}

// Error says that there is a delete marker.
func (e *DeleteMarkerError) Error() string {
	return "the version " + e.VersionID + " is a delete marker"
}

// Unwrap returns ErrNoSuchKey unless the marker was named.
func (e *DeleteMarkerError) Unwrap() error {
	if e.Named {
		return nil
	}
	return ErrNoSuchKey
}

// PartError says which part of a completion is at fault. It wraps ErrInvalidPart
// or ErrPartTooSmall.
type PartError struct {
	Number int
	Size   int64 // of the part that is too small
	ETag   string
	Err    error
}

func (e *PartError) Error() string { return fmt.Sprintf("part %d: %v", e.Number, e.Err) }

// Unwrap returns what is wrong with the part.
func (e *PartError) Unwrap() error { return e.Err }
