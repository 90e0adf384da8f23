package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/keywright/keywright/internal/access"
	"github.com/keywright/keywright/internal/accessanalyzer"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/iam"
	"github.com/keywright/keywright/internal/kms"
	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/objects/disk"
	"github.com/keywright/keywright/internal/oidc"
	"github.com/keywright/keywright/internal/s3"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/sts"
)

// maxHeader is the most that net/http reads of a request's headers. The
// dispatcher's own limit is lower, and its refusal is in the protocol's words.
const maxHeader = 1 << 20

// Server is an endpoint of S3, IAM, STS and KMS: opened, and perhaps serving.
type Server struct {
	config      Config
	listener    net.Listener
	certificate *certificate // nil without TLS
	keyring     *secrets.Keyring
	directory   *directory.Directory
	objects     objects.Store
	account     *directory.Account
	newRootKey  *AccessKey
	handler     *handler
	http        *http.Server

	control         *http.Server
	controlListener net.Listener // nil when there is no control socket

	opened []io.Closer // in the order of opening
}

// Open takes the data directory and the address, and prepares everything. Its
// errors are of type *Error wherever the operator can do something about them.
// Serve must be called then, or Close.
func Open(ctx context.Context, c Config) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Server{config: c}
	for _, step := range []func(context.Context) error{
		s.openFolder, s.listen, s.openStores, s.prepareAccount, s.reconcile, s.assemble, s.openControl,
	} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Server) path(names ...string) string {
	return filepath.Join(append([]string{s.config.DataDir}, names...)...)
}

// openFolder makes the data directory, and locks it.
func (s *Server) openFolder(context.Context) error {
	for _, folder := range []string{s.path(), s.path("keys"), s.path("objects")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return unusable(s.config.DataDir, err)
		}
	}
	lock, err := lockFolder(s.config.DataDir)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, lock)
	return nil
}

// listen takes the address before anything is made, so that a start that cannot
// serve leaves nothing behind. Nobody is answered before Serve.
func (s *Server) listen(ctx context.Context) error {
	if s.config.TLSCert != "" {
		var err error
		if s.certificate, err = openCertificate(s.config.TLSCert, s.config.TLSKey); err != nil {
			return err
		}
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", s.config.Listen)
	if err != nil {
		return cannotListen(s.config.Listen, err)
	}
	s.listener = l
	s.opened = append(s.opened, closeFunc(func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}))
	return nil
}

func cannotListen(address string, err error) error {
	hint := "give --listen an address of this machine, such as 127.0.0.1:9000"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = "another program listens there: stop it, or give --listen another port, such as 127.0.0.1:9001"
	case errors.Is(err, syscall.EACCES):
		hint = "ports below 1024 need a privilege: give --listen a higher one, such as 127.0.0.1:9000"
	}
	return &Error{Problem: "cannot listen on " + address, Err: err, Hint: hint}
}

func (s *Server) openStores(ctx context.Context) error {
	var err error
	if s.keyring, err = s.openKeyring(); err != nil {
		return err
	}
	if err := s.openDirectory(ctx); err != nil {
		return err
	}
	s.objects, err = disk.Open(s.path("objects"), disk.Options{Sealer: s.keyring, Logger: s.config.Log})
	if err != nil {
		return unusable(s.config.DataDir, err)
	}
	s.opened = append(s.opened, s.objects)
	return nil
}

func (s *Server) openDirectory(ctx context.Context) error {
	d, err := directory.Open(ctx, directory.Options{
		Path: s.path("directory.db"), Keyring: s.keyring, Region: s.config.Region, LegacyBuckets: s.config.BucketDefaults == LegacyBuckets, Logger: s.config.Log,
	})
	switch {
	case errors.Is(err, directory.ErrWrongKeyring):
		return &Error{Problem: "the master key is not the one that the secrets in " + s.config.DataDir + " are encrypted under", Err: err, Hint: keyHint}
	case err != nil:
		return unusable(s.config.DataDir, err)
	}
	s.directory = d
	s.opened = append(s.opened, d)
	return nil
}

// keyHint is what to do about a master key that is missing or wrong.
const keyHint = "without the master key the secrets cannot be read: restore keys/master.key from a backup, or set KEYWRIGHT_MASTER_KEY to its text"

// openKeyring reads the master key, or makes one where nothing can have been
// encrypted yet.
func (s *Server) openKeyring() (*secrets.Keyring, error) {
	if s.config.MasterKey != "" {
		k, err := secrets.Parse(s.config.MasterKey)
		if err != nil {
			return nil, &Error{Problem: "KEYWRIGHT_MASTER_KEY cannot be used", Err: err, Hint: "it is the whole text of a keys/master.key that keywright made"}
		}
		return k, nil
	}
	path := s.path("keys", "master.key")
	k, err := secrets.OpenFile(path, s.path("directory.db"))
	if err != nil {
		return nil, &Error{Problem: "cannot use the master key " + path, Err: err, Hint: keyHint}
	}
	return k, nil
}

// reconcile gives every bucket of the directory its room in the object store: a
// crash may have come between the two.
func (s *Server) reconcile(ctx context.Context) error {
	for _, b := range s.directory.AllBuckets() {
		if err := s.objects.CreateBucket(ctx, objects.Bucket{ID: b.ID, Name: b.Name}); err != nil {
			return fmt.Errorf("prepare bucket %s: %w", b.Name, err)
		}
	}
	return nil
}

// assemble joins the services with the listener.
func (s *Server) assemble(context.Context) error {
	providers := oidc.NewClient(s.config.providers)
	users, err := iam.New(s.directory, providers)
	if err != nil {
		return err
	}
	tokens, err := sts.New(s.directory, s.keyring)
	if err != nil {
		return err
	}
	analyzer, err := accessanalyzer.New()
	if err != nil {
		return err
	}
	keys, err := kms.New(s.directory, s.config.Region)
	if err != nil {
		return err
	}
	dispatcher := service.NewDispatcher(service.Options{
		Authority:   access.New(s.directory, s.keyring, providers, s.config.Region),
		S3:          s3.New(s3.Options{Directory: s.directory, Objects: s.objects, Region: s.config.Region, Domains: s.config.Domains, LifecycleDay: s.config.LifecycleDay, LegacyBuckets: s.config.BucketDefaults == LegacyBuckets}),
		Documents:   []service.DocumentService{tokens, users, analyzer, keys},
		Region:      s.config.Region,
		Proxies:     s.config.proxies,
		Log:         s.config.Log,
		IdleTimeout: s.config.IdleTimeout,
		Now:         s.config.now,
	})
	s.handler = &handler{next: dispatcher, ping: s.directory.Ping, domains: s.config.Domains, log: s.config.Log}
	s.http = &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: s.config.HeaderTimeout,
		IdleTimeout:       s.config.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),

		// "OPTIONS *" is a request like any other.
		DisableGeneralOptionsHandler: true,
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	if s.certificate != nil {
		s.http.TLSConfig = s.certificate.config()
	}
	return nil
}

// Serve serves until ctx ends. Then it accepts nothing more, finishes the
// requests under way within Config.ShutdownTimeout, and closes everything. It
// fails when the listener did, when requests had to be cut off, or when a store
// could not be closed.
func (s *Server) Serve(ctx context.Context) error {
	stop := s.startLifecycle()
	go s.serveControl()
	failed := make(chan error, 1)
	go func() { failed <- s.serveHTTP() }()
	select {
	case err := <-failed:
		stop()
		return errors.Join(fmt.Errorf("serve %s: %w", s.config.Listen, err), s.finish())
	case <-ctx.Done():
		stop()
		return s.finish()
	}
}

func (s *Server) serveHTTP() error {
	if s.certificate != nil {
		return s.http.ServeTLS(s.listener, "", "")
	}
	return s.http.Serve(s.listener)
}

// afterCut is how long handlers get whose connections were closed under them.
const afterCut = 5 * time.Second

// finish ends what is under way and closes everything.
func (s *Server) finish() error {
	var cut error
	ctx, cancel := context.WithTimeout(context.Background(), s.config.ShutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		cut = fmt.Errorf("%d requests did not finish within %s and were cut off", s.handler.underWay(), s.config.ShutdownTimeout)
		s.http.Close()
	}
	select {
	case <-s.handler.drain():
		return errors.Join(cut, s.Close())
	case <-time.After(afterCut):
		// The stores survive a process that ends without closing them, but
		// not one that uses them after.
		return errors.Join(cut, errors.New("the stores were left open, since requests still use them"))
	}
}

// Close gives back the address and the data directory. Requests must not be
// under way: Serve sees to that by itself.
func (s *Server) Close() error {
	var err error
	for _, c := range slices.Backward(s.opened) {
		err = errors.Join(err, c.Close())
	}
	s.opened = nil
	return err
}

// ReloadCertificate reads the TLS files anew, for connections to come. When it
// fails, the certificate that was read before stays in use.
func (s *Server) ReloadCertificate() error {
	if s.certificate == nil {
		return nil
	}
	return s.certificate.reload()
}

// AccountID returns the id of the account that the first start made.
func (s *Server) AccountID() string { return s.account.ID }

// NewRootKey returns the root access key that this start made, or nil. It
// cannot be had again.
func (s *Server) NewRootKey() *AccessKey { return s.newRootKey }

// Endpoint returns the URL under which programs on this machine reach the
// server.
func (s *Server) Endpoint() string {
	scheme := "http"
	if s.certificate != nil {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(s.listener.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

type closeFunc func() error

// Close calls the function.
func (f closeFunc) Close() error { return f() }
