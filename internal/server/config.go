package server

import (
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/proxy"
)

// Config says how a server is run.
type Config struct {
	DataDir   string // made when it does not exist
	Listen    string // host:port; port 0 is any free one
	AccountID string // of the account that the first start makes, 12 to 20 digits; "" is random
	Region    string
	Domains   []string // whose subdomains are buckets (virtual-hosted-style addressing)

	// TrustedProxies are addresses and networks in CIDR notation. Only what a
	// connection from there says of its client in X-Forwarded-For, Forwarded
	// and X-Forwarded-Proto is believed. Empty trusts nobody.
	TrustedProxies []string
	proxies        proxy.Trusted // of TrustedProxies

	// BucketDefaults is what new buckets begin with: CurrentBuckets, or "", or
	// LegacyBuckets.
	BucketDefaults string

	// LifecycleDay is how long a day of the buckets' lifecycle rules is, for
	// tests of them; 0 is a day.
	LifecycleDay time.Duration

	// TLSCert and TLSKey are PEM files; both or neither. Without them the
	// server speaks plain HTTP.
	TLSCert, TLSKey string

	// MasterKey is the key that secrets are encrypted under, as the text of
	// a keys/master.key; "" keeps it in that file, made at the first start.
	MasterKey string

	// RootKey is the access key of the account's root. At the first start the
	// zero value has one made. At a later start the zero value leaves what is
	// there, and a key that is not there replaces the root's keys.
	RootKey AccessKey

	Log *slog.Logger

	HeaderTimeout   time.Duration // for a request's headers to arrive; 0 is 30 seconds
	IdleTimeout     time.Duration // of a body that does not move, and of a connection without requests; 0 is a minute
	ShutdownTimeout time.Duration // for requests under way to finish; 0 is 30 seconds

	now func() time.Time // when a request comes; nil is time.Now

	providers oidc.Options // how identity providers are reached
}

// The defaults of new buckets ("Default settings for new S3 buckets FAQ", Amazon S3
// User Guide).
const (
	CurrentBuckets = "current" // ACLs disabled, and all of Block Public Access on
	LegacyBuckets  = "legacy"  // those of before April 2023: neither
)

// AccessKey is an access key with its secret.
type AccessKey struct{ ID, Secret string }

// String returns the key's id: no format shows the secret by accident.
func (k AccessKey) String() string { return k.ID }

// GoString is String.
func (k AccessKey) GoString() string { return k.ID }

// Error is a failure to start, with what the operator can do about it.
type Error struct {
	Problem string // what is wrong, and where
	Hint    string // what to do
	Usage   bool   // the configuration itself is wrong
	Err     error  // the cause; may be nil

	inUse bool // another process holds the lock of the data directory
}

// Is reports whether target is errInUse and that is the problem.
func (e *Error) Is(target error) bool { return e.inUse && target == errInUse }

// Error returns the problem and its cause, without the hint.
func (e *Error) Error() string {
	if e.Err == nil {
		return e.Problem
	}
	return e.Problem + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

var (
	accountIDPattern = regexp.MustCompile(`^[0-9]{12,20}$`)
	regionPattern    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	domainPattern    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	// "AccessKey", IAM API Reference: 16 to 128 word characters.
	keyIDPattern  = regexp.MustCompile(`^[A-Za-z0-9_]{16,128}$`)
	secretPattern = regexp.MustCompile(`^[!-~]{16,128}$`)
)

// complete fills in the defaults and checks the rest.
func (c *Config) complete() error {
	if c.HeaderTimeout == 0 {
		c.HeaderTimeout = 30 * time.Second
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = time.Minute
	}
	if c.ShutdownTimeout == 0 {
		c.ShutdownTimeout = 30 * time.Second
	}
	for i, d := range c.Domains {
		c.Domains[i] = strings.ToLower(d)
	}
	return c.check()
}

func (c *Config) check() error {
	switch {
	case c.DataDir == "":
		return wrong("the data directory has no name", "give it with --data")
	case c.AccountID != "" && !accountIDPattern.MatchString(c.AccountID):
		return wrong(fmt.Sprintf("%q is not an account id", c.AccountID), "an account id has 12 to 20 digits")
	case !regionPattern.MatchString(c.Region):
		return wrong(fmt.Sprintf("%q is not the name of a region", c.Region), "a region is of small letters, digits and hyphens, such as us-east-1")
	case c.BucketDefaults != "" && c.BucketDefaults != CurrentBuckets && c.BucketDefaults != LegacyBuckets:
		return wrong(fmt.Sprintf("there are no bucket defaults %q", c.BucketDefaults), "--bucket-defaults is "+CurrentBuckets+" or "+LegacyBuckets)
	case c.LifecycleDay < 0 || c.LifecycleDay > 0 && c.LifecycleDay < time.Second:
		return wrong(fmt.Sprintf("a lifecycle day of %s is too short", c.LifecycleDay), "give --lifecycle-day a second or more, such as 10s")
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return wrong("TLS needs both a certificate and its key", "give --tls-cert and --tls-key together, or neither")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return wrong(fmt.Sprintf("cannot listen on %q", c.Listen), "an address is host:port, such as 127.0.0.1:9000, or :9000 for every interface")
	}
	for _, d := range c.Domains {
		if !domainPattern.MatchString(d) || len(d) > 253 {
			return wrong(fmt.Sprintf("%q is not a domain", d), "a domain is a name without port, such as s3.example.com")
		}
	}
	if err := c.parseProxies(); err != nil {
		return err
	}
	return c.checkRootKey()
}

func (c *Config) parseProxies() error {
	for _, text := range c.TrustedProxies {
		p, err := proxy.Parse(text)
		if err != nil {
			return wrong("a trusted proxy cannot be understood: "+err.Error(), "give the proxy's address, such as 10.0.0.5, or the network of the proxies, such as 10.0.0.0/28")
		}
		c.proxies = append(c.proxies, p)
	}
	return nil
}

func (c *Config) checkRootKey() error {
	switch k := c.RootKey; {
	case k == AccessKey{}:
		return nil
	case k.ID == "" || k.Secret == "":
		return wrong("a root access key needs both an id and a secret", "set KEYWRIGHT_ROOT_ACCESS_KEY_ID and KEYWRIGHT_ROOT_SECRET_ACCESS_KEY together, or neither")
	case !keyIDPattern.MatchString(k.ID):
		return wrong("KEYWRIGHT_ROOT_ACCESS_KEY_ID is not an access key id", "it has 16 to 128 letters, digits and underscores")
	case !secretPattern.MatchString(k.Secret):
		return wrong("KEYWRIGHT_ROOT_SECRET_ACCESS_KEY cannot be used as a secret", "it has 16 to 128 printable ASCII characters, without blanks; AWS's have 40")
	}
	return nil
}

func wrong(problem, hint string) error { return &Error{Problem: problem, Hint: hint, Usage: true} }
