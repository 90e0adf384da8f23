package s3

import (
	"cmp"
	"context"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

// Object Lock keeps versions from being deleted ("Locking objects with Object
// Lock", Amazon S3 User Guide). That nothing deletes them is for the store to
// see to; what is here says what is locked, and for how long.

func (s *S3) objectLockRows() []row {
	retention, hold, version := []string{"retention"}, []string{"legal-hold"}, []string{"versionId"}
	return append(configurationRows(s, objectLock),
		row{method: http.MethodGet, scope: objectScope, query: retention, params: version, operation: s.getObjectRetention()},
		row{method: http.MethodPut, scope: objectScope, query: retention, params: version, operation: s.putObjectRetention()},
		row{method: http.MethodGet, scope: objectScope, query: hold, params: version, operation: s.getObjectLegalHold()},
		row{method: http.MethodPut, scope: objectScope, query: hold, params: version, operation: s.putObjectLegalHold()})
}

const (
	headerLockMode   = "x-amz-object-lock-mode"
	headerLockUntil  = "x-amz-object-lock-retain-until-date"
	headerLegalHold  = "x-amz-object-lock-legal-hold"
	headerBypass     = "x-amz-bypass-governance-retention"
	objectLockIsOn   = "Enabled"
	maxRetentionDays = 36500
)

var lockHeaders = []string{headerLockMode, headerLockUntil, headerLegalHold}

type objectLockConfiguration struct {
	XMLName           xml.Name `xml:"ObjectLockConfiguration"`
	ObjectLockEnabled string
	Rule              *struct {
		DefaultRetention *struct {
			Mode  objects.LockMode
			Days  int `xml:",omitempty"`
			Years int `xml:",omitempty"`
			closed
		}
		closed
	}
	closed
}

var objectLock = configuration[objectLockConfiguration]{
	subresource: "object-lock",
	get:         configurationOperation{"GetObjectLockConfiguration", "s3:GetBucketObjectLockConfiguration"},
	put:         configurationOperation{"PutObjectLockConfiguration", "s3:PutBucketObjectLockConfiguration"},
	missing:     awserr.New("ObjectLockConfigurationNotFoundError", http.StatusNotFound, "Object Lock configuration does not exist for this bucket"),
	check:       checkObjectLock,
	read:        &readDocuments[objectLockConfiguration]{},
	allowed: func(b *directory.Bucket) error {
		if versioningOf(b) != objects.VersioningEnabled {
			return invalidBucketState.WithMessage("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		return nil
	},
}

var invalidBucketState = awserr.New("InvalidBucketState", http.StatusConflict, "The request is not valid for the current state of the bucket.")

func checkObjectLock(in *objectLockConfiguration) error {
	if in.ObjectLockEnabled != objectLockIsOn {
		return awserr.MalformedXML
	}
	if in.Rule == nil {
		return nil
	}
	d := in.Rule.DefaultRetention
	switch {
	case d == nil || d.Mode != objects.Governance && d.Mode != objects.Compliance || (d.Days != 0) == (d.Years != 0):
		return awserr.MalformedXML
	case d.Days < 0 || d.Years < 0:
		return awserr.InvalidArgument.WithMessage("Default retention period must be a positive integer value.")
	case d.Days > maxRetentionDays || d.Years > maxRetentionDays/365:
		return awserr.InvalidArgument.WithMessage("Default retention period too large.")
	}
	return nil
}

// lockedFromTheStart returns the documents of a bucket that is made with Object
// Lock, which keeps versions.
func lockedFromTheStart() (map[string]string, error) {
	document, err := encodeConfiguration(&objectLockConfiguration{ObjectLockEnabled: objectLockIsOn})
	return map[string]string{versioningConfiguration: versioningEnabled, objectLock.subresource: document}, err
}

func hasObjectLock(b *directory.Bucket) bool { return b.Configurations[objectLock.subresource] != "" }

// defaultRetention returns how long the bucket has a new version retained.
func (r *request) defaultRetention() (objects.Retention, error) {
	c, err := objectLock.of(r.bucket)
	if err != nil || c == nil || c.Rule == nil {
		return objects.Retention{}, err
	}
	d := c.Rule.DefaultRetention
	return objects.Retention{Mode: d.Mode, Until: r.Time.AddDate(d.Years, 0, d.Days)}, nil
}

var errNoObjectLock = awserr.InvalidRequest.WithMessage("Bucket is missing Object Lock Configuration")

// parseLock reads what the headers of a write say of the lock of the version
// that it makes.
func parseLock(h http.Header, now time.Time) (l objects.Lock, err error) {
	mode, until := h.Values(headerLockMode), h.Values(headerLockUntil)
	if (mode == nil) != (until == nil) {
		missing := headerLockMode
		if until == nil {
			missing = headerLockUntil
		}
		return l, awserr.InvalidArgument.WithMessage("%s and %s must both be supplied", headerLockUntil, headerLockMode).With("ArgumentName", missing)
	}
	if mode != nil {
		if l.Retention, err = parseRetention(objects.LockMode(mode[0]), until[0], now); err != nil {
			return l, err
		}
	}
	if h.Values(headerLegalHold) == nil {
		return l, nil
	}
	l.LegalHold, err = parseLegalHold(h.Get(headerLegalHold))
	return l, err
}

func parseRetention(mode objects.LockMode, until string, now time.Time) (r objects.Retention, err error) {
	if mode != objects.Governance && mode != objects.Compliance {
		return r, invalidArgument(headerLockMode, string(mode), "Unknown wormMode directive.")
	}
	r.Mode = mode
	r.Until, err = time.Parse(time.RFC3339, until)
	if r.Until = r.Until.UTC(); err != nil || r.Until.Year() > 9999 { // which no client can read back
		return r, invalidArgument(headerLockUntil, until, "The retain until date must be provided in ISO 8601 format")
	}
	if !r.Until.After(now) {
		return r, invalidArgument(headerLockUntil, until, "The retain until date must be in the future!")
	}
	return r, nil
}

func parseLegalHold(v string) (objects.LegalHold, error) {
	hold := objects.LegalHold(v)
	if hold != objects.HoldOn && hold != objects.HoldOff {
		return "", invalidArgument(headerLegalHold, v, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	return hold, nil
}

// hasLock reports whether the headers of a write say anything of a lock.
func hasLock(h http.Header) bool {
	return slices.ContainsFunc(lockHeaders, func(name string) bool { return h.Values(name) != nil })
}

// lockOf returns the lock of a version that a write makes: what its headers ask
// for, and the bucket's usual retention where they ask for none.
func (r *request) lockOf(asked objects.Lock) (objects.Lock, error) {
	if !hasObjectLock(r.bucket) {
		if hasLock(r.HTTP.Header) {
			return asked, errNoObjectLock
		}
		return asked, nil
	}
	if asked.Mode != "" {
		return asked, nil
	}
	var err error
	asked.Retention, err = r.defaultRetention()
	return asked, err
}

// requireLockDigest demands a digest of what is to be kept for long.
func requireLockDigest(r *service.Request) error {
	if !hasLock(r.HTTP.Header) || requireDigest(r) == nil {
		return nil
	}
	return awserr.InvalidRequest.WithMessage("Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
}

// lockNeeds are the permissions to lock what a write makes.
func (r *request) lockNeeds(l objects.Lock) (needs []service.Need) {
	h := r.HTTP.Header
	if h.Values(headerLockMode) != nil || h.Values(headerLockUntil) != nil {
		needs = append(needs, r.onObject("s3:PutObjectRetention", r.retentionKeys(l.Retention)))
	}
	if h.Values(headerLegalHold) != nil {
		needs = append(needs, r.onObject("s3:PutObjectLegalHold", legalHoldKey(l.LegalHold)))
	}
	return needs
}

// lockKeys sets the keys of the lock that the headers of a write ask for.
func (r *request) lockKeys(l objects.Lock) keys {
	return func(c *condition.Context) {
		if l.Mode != "" {
			r.retentionKeys(l.Retention)(c)
		}
		if r.HTTP.Header.Values(headerLegalHold) != nil {
			legalHoldKey(l.LegalHold)(c)
		}
	}
}

// retentionKeys sets the keys of a retention that is asked for.
func (r *request) retentionKeys(asked objects.Retention) keys {
	return func(c *condition.Context) {
		if asked.Mode == "" {
			return
		}
		c.SetString("s3:object-lock-mode", string(asked.Mode))
		c.SetTime("s3:object-lock-retain-until-date", asked.Until)
		c.SetInt("s3:object-lock-remaining-retention-days", int64(asked.Until.Sub(r.Time)/(24*time.Hour)))
	}
}

func legalHoldKey(hold objects.LegalHold) keys {
	return func(c *condition.Context) { c.SetString("s3:object-lock-legal-hold", string(hold)) }
}

// bypasses reports whether the request bypasses retention in Governance mode.
func (r *request) bypasses() bool { return strings.EqualFold(r.HTTP.Header.Get(headerBypass), "true") }

// checkBypass refuses to bypass what a bucket does not have.
func (r *request) checkBypass() error {
	if r.HTTP.Header.Values(headerBypass) != nil && !hasObjectLock(r.bucket) {
		return awserr.InvalidArgument.WithMessage("%s is only applicable to Object Lock enabled buckets.", headerBypass).With("ArgumentName", headerBypass)
	}
	return nil
}

// lockTold is how a response tells of a lock: each part to who may read it.
type lockTold struct{ retention, hold int } // indices of needs, or -1

// tellLockNeeds adds the needs to be told of the lock of a version.
func (in *stored) tellLockNeeds(r *request, needs []service.Need) (lockTold, []service.Need) {
	told := lockTold{-1, -1}
	if in.object == nil {
		return told, needs
	}
	add := func(action string) int {
		need := r.onObject(action, in.version.key)
		need.Optional = true
		needs = append(needs, need)
		return len(needs) - 1
	}
	l := in.object.Info().Attributes.Lock
	if l.Mode != "" {
		told.retention = add("s3:GetObjectRetention")
	}
	if l.LegalHold != "" {
		told.hold = add("s3:GetObjectLegalHold")
	}
	return told, needs
}

func (told lockTold) tell(r *request, p *service.Response, l objects.Lock) {
	if told.retention >= 0 && r.Denied(told.retention) == nil {
		p.SetHeader(headerLockMode, string(l.Mode))
		p.SetHeader(headerLockUntil, exactTime(l.Until))
	}
	if told.hold >= 0 && r.Denied(told.hold) == nil {
		p.SetHeader(headerLegalHold, string(l.LegalHold))
	}
}

type retentionDocument struct {
	XMLName         xml.Name         `xml:"Retention"`
	Mode            objects.LockMode `xml:",omitempty"`
	RetainUntilDate string           `xml:",omitempty"`
	closed
}

type legalHoldDocument struct {
	XMLName xml.Name `xml:"LegalHold"`
	Status  objects.LegalHold
	closed
}

var errNoLock = awserr.New("NoSuchObjectLockConfiguration", http.StatusNotFound, "The specified object does not have a ObjectLock configuration")

// readLock returns what serves an operation that reads a part of a lock.
func readLock(document func(objects.Lock) any) func(context.Context, *request, *stored) (*service.Response, error) {
	return func(_ context.Context, r *request, in *stored) (*service.Response, error) {
		if !hasObjectLock(r.bucket) {
			return nil, errNoObjectLock
		}
		if in.err != nil {
			return nil, in.err
		}
		v := document(in.object.Info().Attributes.Lock)
		if v == nil {
			return nil, errNoLock
		}
		return configurationResponse(v)
	}
}

// lockAction returns the needs of an operation on the lock of a version, which
// has no action of its own for a version that is named.
func lockAction(action string) func(*request, *stored) ([]service.Need, error) {
	return func(r *request, in *stored) ([]service.Need, error) {
		in.open(r)
		return []service.Need{r.onObject(action, in.version.key)}, nil
	}
}

func (s *S3) getObjectRetention() service.Operation {
	return define(s, spec[*stored]{
		name: "GetObjectRetention", parse: parseStored, reveals: revealsKey[*stored], needs: lockAction("s3:GetObjectRetention"),
		serve: readLock(func(l objects.Lock) any {
			if l.Mode == "" {
				return nil
			}
			return &retentionDocument{Mode: l.Mode, RetainUntilDate: exactTime(l.Until)}
		}),
	})
}

func (s *S3) getObjectLegalHold() service.Operation {
	return define(s, spec[*stored]{
		name: "GetObjectLegalHold", parse: parseStored, reveals: revealsKey[*stored], needs: lockAction("s3:GetObjectLegalHold"),
		serve: readLock(func(l objects.Lock) any {
			if l == (objects.Lock{}) {
				return nil
			}
			return &legalHoldDocument{Status: cmp.Or(l.LegalHold, objects.HoldOff)}
		}),
	})
}

// lockInput is a change to the lock of a version.
type lockInput struct {
	*stored
	change objects.LockChange
}

func (s *S3) putObjectRetention() service.Operation {
	return define(s, spec[*lockInput]{
		name: "PutObjectRetention", reveals: revealsKey[*lockInput], serve: serveSetLock,
		parse: func(r *service.Request) (*lockInput, error) {
			var document retentionDocument
			in, err := parseLockInput(r, &document)
			if err != nil {
				return nil, err
			}
			in.change.Retention = &objects.Retention{}
			if document.Mode != "" || document.RetainUntilDate != "" {
				if document.Mode == "" || document.RetainUntilDate == "" {
					return nil, awserr.MalformedXML
				}
				*in.change.Retention, err = parseRetention(document.Mode, document.RetainUntilDate, r.Time)
			}
			return in, err
		},
		needs: func(r *request, in *lockInput) (needs []service.Need, err error) {
			in.open(r)
			needs = []service.Need{r.onObject("s3:PutObjectRetention", in.version.key, r.retentionKeys(*in.change.Retention))}
			if in.change.BypassGovernance = r.bypasses(); in.change.BypassGovernance {
				needs = append(needs, r.onObject("s3:BypassGovernanceRetention", in.version.key))
			}
			return needs, nil
		},
	})
}

func (s *S3) putObjectLegalHold() service.Operation {
	return define(s, spec[*lockInput]{
		name: "PutObjectLegalHold", reveals: revealsKey[*lockInput], serve: serveSetLock,
		parse: func(r *service.Request) (*lockInput, error) {
			var document legalHoldDocument
			in, err := parseLockInput(r, &document)
			if err != nil {
				return nil, err
			}
			if document.Status != objects.HoldOn && document.Status != objects.HoldOff {
				return nil, awserr.MalformedXML
			}
			in.change.LegalHold = document.Status
			return in, nil
		},
		needs: func(r *request, in *lockInput) ([]service.Need, error) {
			in.open(r)
			return []service.Need{r.onObject("s3:PutObjectLegalHold", in.version.key, legalHoldKey(in.change.LegalHold))}, nil
		},
	})
}

func parseLockInput(r *service.Request, document any) (*lockInput, error) {
	v, err := parseStored(r)
	if err != nil {
		return nil, err
	}
	return &lockInput{stored: v}, r.ReadXML(document, maxSmallDocument)
}

func serveSetLock(ctx context.Context, r *request, in *lockInput) (*service.Response, error) {
	if !hasObjectLock(r.bucket) {
		return nil, errNoObjectLock
	}
	if in.err != nil {
		return nil, in.err
	}
	if _, err := r.s3.objects.SetLock(ctx, r.room(), r.Key, in.object.Info().VersionID, in.change); err != nil {
		return nil, r.storeError(err)
	}
	return &service.Response{}, nil
}
