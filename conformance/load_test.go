package conformance

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keywright/keywright/conformance/harness"
)

var loadTime = flag.Duration("load", time.Minute, "how long the clients of TestLoad work")

const loadClients = 64

// shift is what the clients of TestLoad share.
type shift struct {
	t      *testing.T
	s      *harness.Server
	bucket string // versioned, used by all
	role   string // its ARN: any of their users may assume it

	requests atomic.Int64
	mutex    sync.Mutex
	did      map[string]int // steps, by name
	winners  map[string]int // by a key that only one may make
	raced    int            // tries to make such keys
}

// TestLoad has 64 clients use a server that is built with the race detector, all
// of them at once and for a minute: objects, versions, parts, listings, tags,
// policies, users, keys and roles. Each client knows what it has put and which
// permissions it has given, and compares every answer with that; of the objects
// that all of them share, each must be whole. No answer may be a 5xx.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	binary, err := harness.Build(dir, "-race")
	must(t)(err)
	s, err := harness.Start(harness.Options{Binary: binary, Directory: dir})
	must(t)(err)
	l := &shift{t: t, s: s, bucket: newBucket(t, s), did: map[string]int{}, winners: map[string]int{}}
	must(t)(s.S3(s.Root).PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &l.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}))
	account, err := s.Account(t.Context())
	must(t)(err)
	l.role, err = s.NewRole(t.Context(), "load", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"sts:AssumeRole"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	must(t)(err)

	begun := time.Now()
	var all sync.WaitGroup
	for n := range loadClients {
		all.Go(func() {
			if err := l.client(n, begun.Add(*loadTime)); err != nil {
				t.Errorf("client %d: %v", n, err)
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	must(t)(s.Close()) // fails when the log tells of a race
	l.judge(took)
}

// judge looks at what all clients did together.
func (l *shift) judge(took time.Duration) {
	if made, tried := len(l.winners), l.raced; made < tried/8 {
		l.t.Errorf("of %d keys that were raced for, %d were made", tried/8, made)
	}
	for key, n := range l.winners {
		if n != 1 {
			l.t.Errorf("%d clients made %s, which only one may", n, key)
		}
	}
	for _, step := range steps {
		if n := l.did[step.name]; n < loadClients {
			l.t.Errorf("%s was done %d times, want %d or more", step.name, n, loadClients)
		}
	}
	for range l.requests.Load() {
		ran(l.t, "load request")
	}
	fmt.Printf("conformance: load: %d clients made %d requests in %v: %v\n", loadClients, l.requests.Load(), took.Round(time.Second), l.did)
}

// loader is one client: the account's root with a bucket of its own, and a user
// whose permissions it changes.
type loader struct {
	*shift
	ctx      context.Context
	random   *rand.Rand
	http     *http.Client
	s3       *s3.Client
	iam      *iam.Client
	bucket   string
	user     string
	userKey  aws.Credentials
	versions map[string][]stored // of each key of the bucket, the oldest first
	made     int
}

// stored is one version that a client made.
type stored struct {
	id, name string // of the version, and of its content
	size     int64
	marker   bool
}

// client does everything once, and then works until the end.
func (l *shift) client(n int, end time.Time) error {
	c := &loader{shift: l, ctx: l.t.Context(), random: rand.New(rand.NewPCG(uint64(n), 1)), http: l.s.HTTP(), versions: map[string][]stored{},
		bucket: fmt.Sprintf("load-%d", n), user: fmt.Sprintf("load-%d", n)}
	c.http.Transport = &watcher{c.http.Transport, l}
	c.s3, c.iam = c.s3As(l.s.Root), iam.NewFromConfig(c.config(l.s.Root))
	if err := c.prepare(); err != nil {
		return err
	}
	total := 0
	for _, step := range steps {
		if err := c.do(step.name, step.do); err != nil {
			return err
		}
		total += step.weight
	}
	for time.Now().Before(end) && !l.t.Failed() {
		at := c.random.IntN(total)
		for _, step := range steps {
			if at -= step.weight; at < 0 {
				if err := c.do(step.name, step.do); err != nil {
					return err
				}
				break
			}
		}
	}
	return c.listVersions()
}

func (c *loader) do(name string, step func(*loader) error) error {
	if err := step(c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.did[name]++
	return nil
}

func (c *loader) prepare() error {
	_, err := c.s3.CreateBucket(c.ctx, &s3.CreateBucketInput{Bucket: &c.bucket})
	if err == nil {
		_, err = c.s3.PutBucketVersioning(c.ctx, &s3.PutBucketVersioningInput{Bucket: &c.bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	}
	if err == nil {
		_, err = c.iam.CreateUser(c.ctx, &iam.CreateUserInput{UserName: &c.user})
	}
	if err == nil {
		c.userKey, err = c.newKey(c.user)
	}
	if err == nil {
		err = c.put()
	}
	return err
}

// config returns a configuration of the SDK whose requests all go through the
// client's own connections.
func (c *loader) config(creds aws.Credentials) aws.Config {
	cfg := c.s.Config(creds)
	cfg.HTTPClient = c.http
	return cfg
}

func (c *loader) s3As(creds aws.Credentials) *s3.Client {
	return s3.NewFromConfig(c.config(creds), func(o *s3.Options) { o.UsePathStyle = true })
}

func (c *loader) newKey(user string) (aws.Credentials, error) {
	out, err := c.iam.CreateAccessKey(c.ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{AccessKeyID: *out.AccessKey.AccessKeyId, SecretAccessKey: *out.AccessKey.SecretAccessKey}, nil
}

// session returns credentials of the role that may use one folder of the bucket.
func (c *loader) session() (aws.Credentials, error) {
	out, err := sts.NewFromConfig(c.config(c.userKey)).AssumeRole(c.ctx, &sts.AssumeRoleInput{
		RoleArn: &c.role, RoleSessionName: &c.user,
		Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::` + c.bucket + `/session/*"}}`),
	})
	if err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey, SessionToken: *out.Credentials.SessionToken}, nil
}

// watcher counts requests, and fails the test at a 5xx.
type watcher struct {
	http.RoundTripper
	*shift
}

func (w *watcher) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := w.RoundTripper.RoundTrip(r)
	w.requests.Add(1)
	if err == nil && response.StatusCode >= 500 {
		w.t.Errorf("%s %s: %s", r.Method, r.URL, response.Status)
	}
	return response, err
}

// isFault returns an error unless err is the one with the code wanted.
func isFault(err error, code string) error {
	var e smithy.APIError
	if errors.As(err, &e) && e.ErrorCode() == code {
		return nil
	}
	return fmt.Errorf("want %s: %w", code, errOr(err))
}

func errOr(err error) error {
	if err == nil {
		return errors.New("it succeeded")
	}
	return err
}

// same returns an error unless a body is what belongs to the version.
func (v stored) same(body io.ReadCloser, from, length int64) error {
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if want := contentOf(v.name, v.size)[from : from+length]; !bytes.Equal(got, want) {
		return fmt.Errorf("other content than that of %s: %d bytes of %d", v.name, len(got), len(want))
	}
	return nil
}

// latest returns what a get of the key must find.
func (c *loader) latest(key string) (stored, bool) {
	if v := c.versions[key]; len(v) > 0 && !v[len(v)-1].marker {
		return v[len(v)-1], true
	}
	return stored{}, false
}

// any returns a key that has an object, and its newest version.
func (c *loader) any() (string, stored, error) {
	var there []string
	for _, key := range slices.Sorted(maps.Keys(c.versions)) {
		if _, ok := c.latest(key); ok {
			there = append(there, key)
		}
	}
	if there == nil {
		if err := c.put(); err != nil {
			return "", stored{}, err
		}
		return c.any()
	}
	key := there[c.random.IntN(len(there))]
	v, _ := c.latest(key)
	return key, v, nil
}

// next returns a key to write to, and the name and size of what to write.
func (c *loader) next() (key string, v stored) {
	c.made++
	sizes := []int64{0, 1 + c.random.Int64N(4000), 60 << 10, 65<<10 + c.random.Int64N(200<<10)}
	return fmt.Sprintf("folder-%d/key-%d", c.random.IntN(3), c.random.IntN(4)), stored{
		name: fmt.Sprintf("%s write %d", c.user, c.made), size: sizes[c.random.IntN(len(sizes))],
	}
}
