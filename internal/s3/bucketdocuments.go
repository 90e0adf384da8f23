package s3

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// documentRows are the documents that configure a bucket and have no file of
// their own.
func (s *S3) documentRows() []row {
	return slices.Concat(configurationRows(s, bucketTagging), configurationRows(s, requestPayment), configurationRows(s, website), configurationRows(s, bucketEncryption))
}

// maxBucketTags is the most tags of a bucket ("Using cost allocation S3 bucket
// tags", Amazon S3 User Guide).
const maxBucketTags = 50

var bucketTagging = configuration[putTaggingRequest]{
	subresource: "tagging",
	get:         configurationOperation{"GetBucketTagging", "s3:GetBucketTagging"},
	put:         configurationOperation{"PutBucketTagging", "s3:PutBucketTagging"},
	delete:      configurationOperation{"DeleteBucketTagging", "s3:PutBucketTagging"},
	missing:     awserr.New("NoSuchTagSet", http.StatusNotFound, "The TagSet does not exist"),
	putStatus:   http.StatusNoContent,
	check: func(in *putTaggingRequest) error {
		tags, err := in.tags()
		if err != nil {
			return err
		}
		return checkBucketTags(tags, errSystemTag)
	},
}

func checkBucketTags(tags map[string]string, system *awserr.Error) error {
	if len(tags) > maxBucketTags {
		return awserr.BadRequest.WithMessage("Bucket tag count cannot be greater than %d", maxBucketTags)
	}
	return checkTagTexts(tags, system)
}

type requestPaymentConfiguration struct {
	XMLName xml.Name `xml:"RequestPaymentConfiguration"`
	Payer   string
	closed
}

// payerRequester is the payer of a bucket whose requests others pay for.
const payerRequester = "Requester"

var requestPayment = configuration[requestPaymentConfiguration]{
	subresource: "requestPayment",
	get:         configurationOperation{"GetBucketRequestPayment", "s3:GetBucketRequestPayment"},
	put:         configurationOperation{"PutBucketRequestPayment", "s3:PutBucketRequestPayment"},
	usual:       &requestPaymentConfiguration{Payer: "BucketOwner"},
	check: func(in *requestPaymentConfiguration) error {
		if in.Payer != payerRequester && in.Payer != "BucketOwner" {
			return awserr.MalformedXML
		}
		return nil
	},
}

// checkPayer refuses who does not say that he pays, where he must: anonymous
// callers cannot, and the bucket's owner pays anyway ("Using Requester Pays
// buckets", Amazon S3 User Guide).
func (r *request) checkPayer(bucket *directory.Bucket) error {
	if _, ok := bucket.Configurations[requestPayment.subresource]; !ok || r.Caller.AccountID == bucket.AccountID {
		return nil
	}
	c, err := requestPayment.of(bucket)
	if err != nil || c.Payer != payerRequester {
		return err
	}
	if r.Caller.Anonymous() || !strings.EqualFold(r.HTTP.Header.Get(headerRequestPayer), "requester") {
		return awserr.AccessDenied
	}
	return nil
}

// tellCharged tells who said that he pays that he does.
func (r *request) tellCharged(p *service.Response) {
	if r.Caller.AccountID == r.bucket.AccountID || !strings.EqualFold(r.HTTP.Header.Get(headerRequestPayer), "requester") {
		return
	}
	if c, err := requestPayment.of(r.bucket); err == nil && c.Payer == payerRequester {
		p.SetHeader("X-Amz-Request-Charged", "requester")
	}
}

const headerRequestPayer = "x-amz-request-payer"

type websiteConfiguration struct {
	XMLName       xml.Name `xml:"WebsiteConfiguration"`
	IndexDocument *struct {
		Suffix string
		closed
	}
	ErrorDocument *struct {
		Key string
		closed
	}
	RedirectAllRequestsTo *struct {
		HostName string
		Protocol string `xml:",omitempty"`
		closed
	}
	RoutingRules *struct {
		Rules []routingRule `xml:"RoutingRule"`
		closed
	}
	closed
}

type routingRule struct {
	Condition *struct {
		HTTPErrorCodeReturnedEquals string `xml:"HttpErrorCodeReturnedEquals,omitempty"`
		KeyPrefixEquals             string `xml:",omitempty"`
		closed
	}
	Redirect *struct {
		HostName             string  `xml:",omitempty"`
		HTTPRedirectCode     string  `xml:"HttpRedirectCode,omitempty"`
		Protocol             string  `xml:",omitempty"`
		ReplaceKeyPrefixWith *string // an empty one removes the prefix
		ReplaceKeyWith       *string
		closed
	}
	closed
}

// maxRoutingRules is the most rules of a website ("Configure webpage redirects",
// Amazon S3 User Guide).
const maxRoutingRules = 50

var website = configuration[websiteConfiguration]{
	subresource: "website",
	get:         configurationOperation{"GetBucketWebsite", "s3:GetBucketWebsite"},
	put:         configurationOperation{"PutBucketWebsite", "s3:PutBucketWebsite"},
	delete:      configurationOperation{"DeleteBucketWebsite", "s3:DeleteBucketWebsite"},
	missing:     awserr.New("NoSuchWebsiteConfiguration", http.StatusNotFound, "The specified bucket does not have a website configuration"),
	check:       checkWebsite,
}

func checkWebsite(in *websiteConfiguration) error {
	if to := in.RedirectAllRequestsTo; to != nil {
		if in.IndexDocument != nil || in.ErrorDocument != nil || in.RoutingRules != nil {
			return invalidArgument("RedirectAllRequestsTo", "not null", "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.")
		}
		if to.HostName == "" {
			return awserr.MalformedXML
		}
		return checkProtocol(to.Protocol)
	}
	if in.IndexDocument == nil {
		return invalidArgument("IndexDocument", "null", "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty")
	}
	if s := in.IndexDocument.Suffix; s == "" || strings.Contains(s, "/") {
		return invalidArgument("IndexDocument", s, "The IndexDocument Suffix is not well formed")
	}
	if in.ErrorDocument != nil && in.ErrorDocument.Key == "" {
		return awserr.MalformedXML
	}
	if in.RoutingRules == nil {
		return nil
	}
	if n := len(in.RoutingRules.Rules); n == 0 || n > maxRoutingRules {
		return awserr.MalformedXML
	}
	for _, rule := range in.RoutingRules.Rules {
		if err := rule.check(); err != nil {
			return err
		}
	}
	return nil
}

func (rule *routingRule) check() error {
	if rule.Redirect == nil {
		return awserr.MalformedXML
	}
	if rule.Redirect.ReplaceKeyPrefixWith != nil && rule.Redirect.ReplaceKeyWith != nil {
		return awserr.InvalidRequest.WithMessage("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
	}
	if c := rule.Condition; c != nil && c.HTTPErrorCodeReturnedEquals == "" && c.KeyPrefixEquals == "" {
		return awserr.InvalidRequest.WithMessage("Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.")
	}
	return checkProtocol(rule.Redirect.Protocol)
}

func checkProtocol(p string) error {
	if p != "" && p != "http" && p != "https" {
		return awserr.InvalidRequest.WithMessage("Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.")
	}
	return nil
}

type encryptionConfiguration struct {
	XMLName xml.Name         `xml:"ServerSideEncryptionConfiguration"`
	Rules   []encryptionRule `xml:"Rule"`
	closed
}

type encryptionRule struct {
	ApplyServerSideEncryptionByDefault *encryptionByDefault `xml:",omitempty"`
	BucketKeyEnabled                   bool
	BlockedEncryptionTypes             *blockedEncryption `xml:",omitempty"`
	closed
}

type blockedEncryption struct {
	EncryptionType []string
	closed
}

// The values of BlockedEncryptionTypes.
const (
	blockedNone     = "NONE"
	blockedCustomer = "SSE-C"
)

type encryptionByDefault struct {
	SSEAlgorithm   string
	KMSMasterKeyID string `xml:",omitempty"`
	closed
}

// bucketEncryption is how a bucket has objects encrypted that come without a wish,
// and whether it takes objects under keys of customers, as none does that was not
// asked to ("Setting default server-side encryption
// behavior for Amazon S3 buckets", Amazon S3 User Guide).
var bucketEncryption = configuration[encryptionConfiguration]{
	subresource: "encryption",
	get:         configurationOperation{"GetBucketEncryption", "s3:GetEncryptionConfiguration"},
	put:         configurationOperation{"PutBucketEncryption", "s3:PutEncryptionConfiguration"},
	delete:      configurationOperation{"DeleteBucketEncryption", "s3:PutEncryptionConfiguration"},
	read:        &readDocuments[encryptionConfiguration]{},
	usual: &encryptionConfiguration{Rules: []encryptionRule{{
		ApplyServerSideEncryptionByDefault: &encryptionByDefault{SSEAlgorithm: encryption},
		BlockedEncryptionTypes:             &blockedEncryption{EncryptionType: []string{blockedCustomer}},
	}}},
	check: func(in *encryptionConfiguration) error {
		if len(in.Rules) != 1 {
			return awserr.MalformedXML
		}
		rule := &in.Rules[0]
		if b := rule.BlockedEncryptionTypes; b != nil && (len(b.EncryptionType) != 1 || b.EncryptionType[0] != blockedNone && b.EncryptionType[0] != blockedCustomer) {
			return awserr.MalformedXML
		}
		if rule.ApplyServerSideEncryptionByDefault == nil {
			if rule.BlockedEncryptionTypes == nil {
				return awserr.MalformedXML
			}
			rule.ApplyServerSideEncryptionByDefault = &encryptionByDefault{SSEAlgorithm: encryption}
		}
		switch d := rule.ApplyServerSideEncryptionByDefault; {
		case d.SSEAlgorithm == kmsEncryption:
		case d.SSEAlgorithm == kmsDualEncryption:
			return errDualEncryption
		case d.SSEAlgorithm != encryption:
			return awserr.MalformedXML
		case d.KMSMasterKeyID != "":
			return awserr.InvalidArgument.WithMessage("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse").With("ArgumentName", "ApplyServerSideEncryptionByDefault")
		}
		return nil
	},
}

// nothingBlocked is the encryption of a bucket that takes objects under keys of
// customers.
var nothingBlocked = &encryptionConfiguration{Rules: []encryptionRule{{
	ApplyServerSideEncryptionByDefault: &encryptionByDefault{SSEAlgorithm: encryption},
	BlockedEncryptionTypes:             &blockedEncryption{EncryptionType: []string{blockedNone}},
}}}

// defaultEncryption returns the one rule of a bucket's encryption.
func defaultEncryption(b *directory.Bucket) (*encryptionRule, error) {
	c, err := bucketEncryption.of(b)
	if err != nil {
		return nil, err
	}
	return &c.Rules[0], nil
}
