package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// world is a server that is brought into the state of one case after another,
// through the operations that every client has. Only what AWS has elsewhere, the
// making of accounts, goes another way.
type world struct {
	t          *testing.T
	server     *running
	secure     *httptest.Server // the same server over TLS, when a case asks for it
	transports map[uint16]*http.Transport
	clock      atomic.Pointer[time.Time] // the time of requests, when a case says it
	accounts   map[string]*account
	buckets    map[string]*bucket // by name
	ids        map[string]string  // the unique and canonical ids of the cases, and those of the server
	sessions   map[string]aws.Credentials
	devices    map[string]*device // for a second factor, by their users' ids
	caller     *entity            // who makes the request of the case, once it is known
	named      int
	others     int // requests of other operations
	vouchers   vouchers

	// A case, allowed or not, is yet to be sent with the AWS CLI too.
	sample, sampleAllowed bool
}

type account struct {
	id, canonicalID string
	root            aws.Credentials
	iam             *iam.Client
	keeper          aws.Credentials // of a user who assumes the roles for the cases
	users, roles    map[string]*entity
	managed         map[string]string // ARNs of managed policies by their documents
}

// newWorld starts a server with the accounts of a file.
func newWorld(t *testing.T, f *evaltest.File) *world {
	w := &world{
		t: t, accounts: map[string]*account{}, buckets: map[string]*bucket{}, ids: map[string]string{},
		sessions: map[string]aws.Credentials{}, devices: map[string]*device{}, transports: map[uint16]*http.Transport{},
	}
	w.newVouchers(f)
	w.server = start(t, Config{AccountID: evaltest.DefaultOwner, TrustedProxies: []string{"127.0.0.1"}, now: w.now, providers: w.reach()})
	for _, p := range f.Principals {
		w.addAccount(p.AccountID, p.CanonicalUserID)
	}
	for _, c := range f.Cases {
		w.addAccount(c.Owner, "")
	}
	for _, p := range f.Principals { // policies may name those who make no request
		if p.UniqueID == "" || w.ids[p.UniqueID] != "" {
			continue
		}
		if _, err := w.holder(p); err != nil && !errors.As(err, new(*impossible)) {
			t.Fatalf("%s: %v", p.Name, err)
		}
	}
	return w
}

func (w *world) now() time.Time {
	if t := w.clock.Load(); t != nil {
		return *t
	}
	return time.Now()
}

// at sets the time of requests; zero is the present.
func (w *world) at(t time.Time) {
	if t.IsZero() {
		w.clock.Store(nil)
		return
	}
	w.clock.Store(&t)
}

// addAccount makes an account, and its root's access key. canonical is what the
// cases call its canonical user id.
func (w *world) addAccount(id, canonical string) {
	if id == "" {
		return
	}
	a := w.accounts[id]
	if a == nil {
		a = w.newAccount(id)
	}
	if canonical != "" {
		w.ids[canonical] = a.canonicalID
	}
}

func (w *world) newAccount(id string) *account {
	w.t.Helper()
	ctx, d := context.Background(), w.server.directory
	root := aws.Credentials{AccessKeyID: givenKey.ID, SecretAccessKey: givenKey.Secret}
	if id != evaltest.DefaultOwner {
		root.AccessKeyID += id
		if _, err := d.CreateAccount(ctx, directory.Account{ID: id}); err != nil {
			w.t.Fatal(err)
		}
		if _, err := d.ImportAccessKey(ctx, id, "", root.AccessKeyID, root.SecretAccessKey); err != nil {
			w.t.Fatal(err)
		}
	}
	made, _ := d.Account(id)
	a := &account{
		id: id, canonicalID: made.CanonicalID, root: root, iam: w.iam(root, nil),
		users: map[string]*entity{}, roles: map[string]*entity{}, managed: map[string]string{},
	}
	w.accounts[id] = a
	keeper, err := w.newEntity(a, "user", "/", "keeper")
	if err != nil {
		w.t.Fatal(err)
	}
	everything := managedPolicy("AdministratorAccess")
	if _, err := a.iam.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: &keeper.name, PolicyArn: &everything}); err != nil {
		w.t.Fatal(err)
	}
	a.keeper = keeper.key
	return a
}

func managedPolicy(name string) string { return "arn:aws:iam::aws:policy/" + name }

// client returns what an SDK client needs to speak to the server as the holder
// of credentials; empty ones are nobody's.
func (w *world) client(creds aws.Credentials, b *brought) aws.Config {
	endpoint, version := w.server.Endpoint(), uint16(0)
	if b != nil && b.tls != 0 {
		version = b.tls
		endpoint = w.overTLS()
	}
	c := aws.Config{
		Region: "us-east-1", BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: w.transport(version)},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} }, Credentials: aws.AnonymousCredentials{},
	}
	if creds.AccessKeyID != "" {
		c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, nil })
	}
	if b != nil {
		c.APIOptions = append(c.APIOptions, b.modify)
	}
	return c
}

func (w *world) transport(version uint16) *http.Transport {
	t := w.transports[version]
	if t == nil {
		t = &http.Transport{DisableCompression: true}
		if version != 0 {
			t.TLSClientConfig = w.secure.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
			t.TLSClientConfig.MinVersion, t.TLSClientConfig.MaxVersion = version, version
		}
		w.transports[version] = t
		w.t.Cleanup(t.CloseIdleConnections)
	}
	return t
}

// overTLS returns the address under which the same server speaks TLS.
func (w *world) overTLS() string {
	if w.secure == nil {
		w.secure = httptest.NewUnstartedServer(w.server.http.Handler)
		w.secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		w.secure.StartTLS()
		w.t.Cleanup(w.secure.Close)
	}
	return w.secure.URL
}

// signer signs at the time of the world, or earlier, and in the URL when the
// request is to be presigned.
type signer struct {
	*v4.Signer
	now     func() time.Time
	brought *brought
}

// SignHTTP signs a request.
func (s signer) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, hash, service, region string, _ time.Time, more ...func(*v4.SignerOptions)) error {
	if s.brought == nil {
		return s.Signer.SignHTTP(ctx, c, r, hash, service, region, s.now(), more...)
	}
	at := s.now().Add(-s.brought.age)
	if !s.brought.presigned {
		return s.Signer.SignHTTP(ctx, c, r, hash, service, region, at, more...)
	}
	r.Header.Del("X-Amz-Content-Sha256")
	address, headers, err := s.Signer.PresignHTTP(ctx, c, r, "UNSIGNED-PAYLOAD", service, region, at, more...)
	if err != nil {
		return err
	}
	for _, kept := range []string{"User-Agent", "X-Forwarded-For"} {
		if v := r.Header.Get(kept); v != "" {
			headers.Set(kept, v)
		}
	}
	r.Header = headers
	r.URL, err = url.Parse(address)
	return err
}

func (w *world) s3(creds aws.Credentials, b *brought) *s3.Client {
	return s3.NewFromConfig(w.client(creds, b), func(o *s3.Options) {
		o.UsePathStyle = true
		o.HTTPSignerV4 = signer{v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), w.now, b}
	})
}

func (w *world) iam(creds aws.Credentials, b *brought) *iam.Client {
	return iam.NewFromConfig(w.client(creds, b), func(o *iam.Options) { o.HTTPSignerV4 = signer{v4.NewSigner(), w.now, b} })
}

func (w *world) sts(creds aws.Credentials, b *brought) *sts.Client {
	return sts.NewFromConfig(w.client(creds, b), func(o *sts.Options) { o.HTTPSignerV4 = signer{v4.NewSigner(), w.now, b} })
}

// impossible is why no real request can be the one of a case.
type impossible struct{ reason string }

// Error returns the reason.
func (e *impossible) Error() string { return e.reason }

func cannot(format string, args ...any) error { return &impossible{fmt.Sprintf(format, args...)} }

// refusal turns the refusal of a policy into why the case cannot be: the server
// takes no document that AWS's API would not.
func refusal(err error) error {
	var api smithy.APIError
	if errors.As(err, &api) && strings.HasPrefix(api.ErrorCode(), "MalformedPolicy") {
		return cannot("the API takes no such policy: %s", api.ErrorMessage())
	}
	return err
}

func isCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// name returns a name that nothing has yet.
func (w *world) name() string {
	w.named++
	return fmt.Sprintf("p%d", w.named)
}

// managedARN returns the managed policy of an account that has a document.
func (w *world) managedARN(a *account, document string) (string, error) {
	if known, ok := a.managed[document]; ok {
		return known, nil
	}
	out, err := a.iam.CreatePolicy(context.Background(), &iam.CreatePolicyInput{PolicyName: aws.String(w.name()), PolicyDocument: &document})
	if err != nil {
		return "", refusal(err)
	}
	a.managed[document] = *out.Policy.Arn
	return *out.Policy.Arn, nil
}

// sortedKeys returns the keys of a map in order, so that a run is like the next.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
