package lifecycle

import (
	"crypto/rand"
	"encoding/xml"
	"math"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// Name is that of the document among a bucket's configurations.
const Name = "lifecycle"

// Configuration is the document of PutBucketLifecycleConfiguration. Check must
// have accepted it before anything else is asked of it.
type Configuration struct {
	XMLName xml.Name `xml:"LifecycleConfiguration"`
	Rules   []Rule   `xml:"Rule"`
	service.Closed
}

// Rule is one rule. Elements that were not given are nil.
type Rule struct {
	ID                             string
	Prefix                         *string // instead of a Filter, in documents of old
	Filter                         *Filter
	Status                         string
	Expiration                     *Expiration
	NoncurrentVersionExpiration    *NoncurrentVersionExpiration
	AbortIncompleteMultipartUpload *AbortIncompleteMultipartUpload
	Transitions                    []struct{} `xml:"Transition"`
	NoncurrentVersionTransitions   []struct{} `xml:"NoncurrentVersionTransition"`
	service.Closed
}

// Filter says what a rule is about: at most one of its elements is there.
type Filter struct {
	And *And
	criteria
	Tag *Tag
	service.Closed
}

// And is several criteria that must all hold.
type And struct {
	criteria
	Tags []Tag `xml:"Tag"`
	service.Closed
}

type criteria struct {
	Prefix                *string
	ObjectSizeGreaterThan *int64
	ObjectSizeLessThan    *int64
}

func (c *criteria) count() (n int) {
	for _, there := range []bool{c.Prefix != nil, c.ObjectSizeGreaterThan != nil, c.ObjectSizeLessThan != nil} {
		if there {
			n++
		}
	}
	return n
}

// Tag is a tag that an object must have.
type Tag struct {
	Key, Value string
	service.Closed
}

// Expiration ends current versions. One element is there.
type Expiration struct {
	Days                      *int
	Date                      *string
	ExpiredObjectDeleteMarker *bool
	service.Closed
}

// NoncurrentVersionExpiration ends versions that are current no more.
type NoncurrentVersionExpiration struct {
	NoncurrentDays          *int
	NewerNoncurrentVersions *int
	service.Closed
}

// AbortIncompleteMultipartUpload ends uploads that nobody completed.
type AbortIncompleteMultipartUpload struct {
	DaysAfterInitiation *int
	service.Closed
}

const (
	enabled  = "Enabled"
	disabled = "Disabled"

	maxRules           = 1000
	maxDays            = math.MaxInt32
	maxID              = 255
	maxNewerNoncurrent = 100
)

// Check refuses what S3 refuses, with the errors that it has for it: MalformedXML,
// InvalidArgument, InvalidRequest, and NotImplemented for transitions. It gives
// an ID to the rules that have none.
func (c *Configuration) Check() error {
	if n := len(c.Rules); n == 0 || n > maxRules {
		return awserr.MalformedXML
	}
	seen := map[string]bool{}
	for i := range c.Rules {
		r := &c.Rules[i]
		if len(r.ID) > maxID {
			return awserr.InvalidArgument.WithMessage("ID length should not exceed allowed limit of %d", maxID)
		}
		if r.ID == "" {
			r.ID = strings.ToLower(rand.Text())
		}
		if seen[r.ID] {
			return awserr.InvalidArgument.WithMessage("Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
		if err := r.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check() error {
	switch {
	case r.Status != enabled && r.Status != disabled:
		return awserr.MalformedXML
	case (r.Prefix == nil) == (r.Filter == nil):
		return awserr.MalformedXML
	case len(r.Transitions)+len(r.NoncurrentVersionTransitions) > 0:
		return awserr.NotImplemented.WithMessage("Transitions are not implemented: this server has one kind of storage, whatever the storage class of an object says.")
	case r.Expiration == nil && r.NoncurrentVersionExpiration == nil && r.AbortIncompleteMultipartUpload == nil:
		return awserr.InvalidRequest.WithMessage("At least one action needs to be specified in a rule")
	}
	if r.Filter != nil {
		if err := r.Filter.check(); err != nil {
			return err
		}
	}
	tags, sized := len(r.tags()) > 0, r.isSized()
	if e := r.Expiration; e != nil {
		if err := e.check(tags); err != nil {
			return err
		}
	}
	if n := r.NoncurrentVersionExpiration; n != nil {
		if err := n.check(); err != nil {
			return err
		}
	}
	if a := r.AbortIncompleteMultipartUpload; a != nil {
		switch {
		case tags:
			return awserr.InvalidRequest.WithMessage("AbortIncompleteMultipartUpload cannot be specified with Tags.")
		case sized:
			return awserr.InvalidRequest.WithMessage("AbortIncompleteMultipartUpload cannot be specified with Object Size.")
		case a.DaysAfterInitiation == nil || *a.DaysAfterInitiation > maxDays:
			return awserr.MalformedXML
		case *a.DaysAfterInitiation <= 0:
			return notPositive("DaysAfterInitiation", "AbortIncompleteMultipartUpload")
		}
	}
	return nil
}

func notPositive(element, action string) error {
	return awserr.InvalidArgument.WithMessage("'%s' for %s action must be a positive integer", element, action)
}

func (f *Filter) check() error {
	n := f.count()
	if f.Tag != nil {
		n++
	}
	if f.And != nil {
		n++
	}
	if n > 1 {
		return awserr.MalformedXML
	}
	if f.And != nil && f.And.count()+len(f.And.Tags) < 2 {
		return awserr.MalformedXML
	}
	keys := map[string]bool{}
	for _, t := range f.tags() {
		if t.Key == "" || len([]rune(t.Key)) > 128 || len([]rune(t.Value)) > 256 {
			return awserr.New("InvalidTag", 400, "The TagKey you have provided is invalid")
		}
		if keys[t.Key] {
			return awserr.InvalidRequest.WithMessage("Duplicate Tag Keys are not allowed.")
		}
		keys[t.Key] = true
	}
	c := f.all()
	greater, less := c.ObjectSizeGreaterThan, c.ObjectSizeLessThan
	switch {
	case greater != nil && *greater < 0 || less != nil && *less <= 0:
		return awserr.InvalidRequest.WithMessage("'ObjectSizeGreaterThan' must not be negative, and 'ObjectSizeLessThan' must be a positive integer")
	case greater != nil && less != nil && *less <= *greater+1:
		return awserr.InvalidRequest.WithMessage("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan' by more than 1")
	}
	return nil
}

func (e *Expiration) check(tags bool) error {
	n := 0
	for _, there := range []bool{e.Days != nil, e.Date != nil, e.ExpiredObjectDeleteMarker != nil} {
		if there {
			n++
		}
	}
	switch {
	case n != 1:
		return awserr.MalformedXML
	case e.ExpiredObjectDeleteMarker != nil && tags:
		return awserr.InvalidRequest.WithMessage("ExpiredObjectDeleteMarker cannot be specified with Tags.")
	case e.Days != nil && *e.Days > maxDays:
		return awserr.MalformedXML
	case e.Days != nil && *e.Days <= 0:
		return notPositive("Days", "Expiration")
	case e.Date != nil:
		at, err := time.Parse(time.RFC3339, *e.Date)
		if err != nil {
			return awserr.MalformedXML
		}
		if at = at.UTC(); !at.Equal(at.Truncate(24 * time.Hour)) {
			return awserr.InvalidArgument.WithMessage("'Date' must be at midnight GMT").With("ArgumentName", "Date").With("ArgumentValue", *e.Date)
		}
	}
	return nil
}

func (n *NoncurrentVersionExpiration) check() error {
	switch {
	case n.NoncurrentDays == nil || *n.NoncurrentDays > maxDays:
		return awserr.MalformedXML
	case *n.NoncurrentDays <= 0:
		return notPositive("NoncurrentDays", "NoncurrentVersionExpiration")
	case n.NewerNoncurrentVersions != nil && (*n.NewerNoncurrentVersions <= 0 || *n.NewerNoncurrentVersions > maxNewerNoncurrent):
		return awserr.InvalidArgument.WithMessage("'NewerNoncurrentVersions' must be between 1 and %d", maxNewerNoncurrent)
	}
	return nil
}

// all returns the criteria of a filter, wherever they stand.
func (f *Filter) all() criteria {
	if f.And != nil {
		return f.And.criteria
	}
	return f.criteria
}

func (f *Filter) tags() []Tag {
	switch {
	case f.And != nil:
		return f.And.Tags
	case f.Tag != nil:
		return []Tag{*f.Tag}
	}
	return nil
}

func (r *Rule) tags() []Tag {
	if r.Filter == nil {
		return nil
	}
	return r.Filter.tags()
}

func (r *Rule) isSized() bool {
	if r.Filter == nil {
		return false
	}
	c := r.Filter.all()
	return c.ObjectSizeGreaterThan != nil || c.ObjectSizeLessThan != nil
}

// prefix is that of the keys that the rule is about.
func (r *Rule) prefix() string {
	p := r.Prefix
	if r.Filter != nil {
		p = r.Filter.all().Prefix
	}
	if p == nil {
		return ""
	}
	return *p
}
