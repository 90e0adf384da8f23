// Package directory knows who and what there is: accounts, users, groups and
// roles, their access keys and policies, and buckets with their configuration.
// It keeps them in a SQL database and, whole, in memory: reads never wait for
// the database, and a change is durable before anybody sees it.
//
// It keeps AWS's rules of names, quotas and what must go before what. It does
// not decide requests: it compiles policies and hands them out. It does not
// know any protocol, and it tells secrets to nobody but the caller of
// Credential.
package directory

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/keywright/keywright/internal/secrets"
)

// flushEvery is how long the last use of a key or role may be in memory only.
const flushEvery = time.Minute

// Options say how a directory is opened.
type Options struct {
	Path    string           // the SQLite file, made when it is absent; required
	Keyring *secrets.Keyring // seals access key secrets; required
	Region  string           // of buckets that are made without one; "" is us-east-1
	Now     func() time.Time // nil is time.Now
	Logger  *slog.Logger     // nil is slog.Default()

	// LegacyBuckets gives new buckets the defaults of before April 2023: no Block
	// Public Access, and no Object Ownership.
	LegacyBuckets bool

	PasswordCost secrets.PasswordCost // of hashes that are made
}

// Directory is an open directory. It is safe for concurrent use. What its
// methods return is a snapshot: it is never changed, and must not be.
//
// Every method with a context changes something. It either returns nil, and the
// change is durable and seen by every later read, or it returns an error, and
// nothing has changed. A context that ends has no effect once the change is
// being written.
type Directory struct {
	store   *store
	keyring *secrets.Keyring
	region  string
	legacy  bool // LegacyBuckets
	now     func() time.Time
	log     *slog.Logger

	attempts     attempts
	passwordCost secrets.PasswordCost
	hashing      chan struct{} // holds one for each password that is being hashed

	writing sync.Mutex   // held through a change: validated, written, seen
	reading sync.RWMutex // guards view; held alone only while it changes
	view    *view
	closed  bool // guarded by writing

	stop    chan struct{}
	stopped chan struct{}
}

// Open opens the directory in the file at options.Path. It fails with ErrLocked
// when another process has it open, and with ErrWrongKeyring when the keyring
// is not the one of its secrets.
func Open(ctx context.Context, options Options) (*Directory, error) {
	d := &Directory{
		keyring: options.Keyring, region: options.Region, legacy: options.LegacyBuckets, now: options.Now, log: options.Logger,
		passwordCost: options.PasswordCost, hashing: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		stop: make(chan struct{}), stopped: make(chan struct{}),
	}
	if d.region == "" {
		d.region = "us-east-1"
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	var err error
	if d.store, err = openStore(ctx, options.Path, d.log); err != nil {
		return nil, fmt.Errorf("opening the directory %s: %w", options.Path, err)
	}
	if err := d.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the directory %s: %w", options.Path, err), d.store.close())
	}
	if err := errors.Join(d.destroyDueKeys(ctx), d.rotateDueKeys(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("destroying and rotating keys in the directory %s: %w", options.Path, err), d.store.close())
	}
	go d.flushRegularly()
	return d, nil
}

// Close writes what is in memory only and closes the database. Reads still
// work after it; changes fail with ErrClosed.
func (d *Directory) Close() error {
	d.writing.Lock()
	if d.closed {
		d.writing.Unlock()
		return nil
	}
	d.closed = true
	close(d.stop)
	d.writing.Unlock()
	<-d.stopped
	return errors.Join(d.flush(), d.store.close())
}

// Ping reports whether the database answers.
func (d *Directory) Ping(ctx context.Context) error {
	if err := d.store.ping(ctx); err != nil {
		return fmt.Errorf("the directory's database: %w", err)
	}
	return nil
}

// load reads the database into a new view.
func (d *Directory) load(ctx context.Context) error {
	if err := d.checkKeyring(ctx); err != nil {
		return err
	}
	v := newView()
	for _, r := range awsManaged() {
		r.putInto(v)
	}
	l := &loader{d.keyring, d.log, v}
	for _, t := range tables {
		err := d.store.each(ctx, t.query, func(s scanner) error {
			r, err := t.scan(l, s)
			if err == nil {
				r.putInto(v)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	d.view = v
	return nil
}

// checkKeyring opens the value that was sealed when the directory was made. A
// directory that has none is new: every later change finds it there.
func (d *Directory) checkKeyring(ctx context.Context) error {
	var sealed []string
	err := d.store.each(ctx, "SELECT sealed FROM keyring_check", func(s scanner) error {
		var text string
		err := s.Scan(&text)
		sealed = append(sealed, text)
		return err
	})
	if err != nil {
		return err
	}
	if len(sealed) == 0 {
		b, err := d.keyring.Seal(nil, checkPurpose)
		if err != nil {
			return err
		}
		return d.store.commit(ctx, []statement{{
			`INSERT INTO keyring_check (id, sealed) VALUES ($1, $2)`, []any{1, base64.StdEncoding.EncodeToString(b)},
		}})
	}
	for _, text := range sealed {
		b, err := base64.StdEncoding.DecodeString(text)
		if err == nil {
			_, err = d.keyring.Open(b, checkPurpose)
		}
		if err != nil {
			return fmt.Errorf("%w: use the key file, or the key in the environment, that it was made with", ErrWrongKeyring)
		}
	}
	return nil
}

// change is what a mutation will do: to the database first, then to the view.
type change struct {
	statements []statement
	apply      []func(*view)
}

func (c *change) put(r record) {
	c.statements = append(c.statements, r.put())
	c.apply = append(c.apply, r.putInto)
}

func (c *change) remove(r removable) {
	c.statements = append(c.statements, r.remove())
	c.apply = append(c.apply, r.removeFrom)
}

// mutate makes one change. plan validates against the view, which nobody else
// changes meanwhile, and says what is to be done.
func (d *Directory) mutate(ctx context.Context, plan func(*view, *change) error) error {
	d.writing.Lock()
	defer d.writing.Unlock()
	if d.closed {
		return ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var c change
	if err := plan(d.view, &c); err != nil {
		return err
	}
	return d.commit(ctx, &c)
}

// commit writes a change and then shows it. The caller holds d.writing.
func (d *Directory) commit(ctx context.Context, c *change) error {
	if len(c.statements) == 0 {
		return nil
	}
	// A commit whose outcome is not known would leave the view in doubt: once
	// begun it is not given up.
	if err := d.store.commit(context.WithoutCancel(ctx), c.statements); err != nil {
		return fmt.Errorf("writing the directory: %w", err)
	}
	d.reading.Lock()
	defer d.reading.Unlock()
	for _, apply := range c.apply {
		apply(d.view)
	}
	return nil
}

// read runs f on the view as it is.
func (d *Directory) read(f func(*view)) {
	d.reading.RLock()
	defer d.reading.RUnlock()
	f(d.view)
}
