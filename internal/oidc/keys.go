package oidc

import (
	"container/list"
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
)

// How long the keys of a provider are believed, and how often it is asked.
const (
	freshFor   = 10 * time.Minute // then they are fetched anew
	staleFor   = time.Hour        // so long they serve while that fails
	retryAfter = 5 * time.Second  // how long nobody asks again when that has failed
	rotateTime = 30 * time.Second // how long nobody looks again for a key that is not there

	maxProviders = 256
	maxKeys      = 100 // of RSA, and of elliptic curves
	minRSABits   = 2048
	maxRSABits   = 8192
)

// errNoKey is in the words of AWS for keys that cannot be had, or do not help.
var errNoKey = ErrInvalid.WithMessage("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")

// Verify checks who wrote a token: that the provider has signed it, for one of
// its clients, and that it is good at a time. It fails with ErrInvalid,
// ErrExpired and ErrCommunication. The provider's keys are fetched when they are
// not remembered, or do not have the token's.
func (c *Client) Verify(ctx context.Context, p Provider, t *Token, now time.Time) error {
	if err := t.check(p, now); err != nil {
		return err
	}
	header := t.signed.Signatures[0].Protected
	of := c.provider(p)
	keys, err := of.current(ctx, c, p, now, func(s *keySet) bool { return s.find(header.KeyID, header.Algorithm) != nil })
	if err != nil {
		return err
	}
	key := keys.find(header.KeyID, header.Algorithm)
	switch {
	case keys.tooMany[family(header.Algorithm)]:
		return errNoKey.WithCause(fmt.Errorf("the provider has more than %d keys of a kind", maxKeys))
	case key == nil:
		return errNoKey.WithCause(fmt.Errorf("the provider has no key %q for %s", header.KeyID, header.Algorithm))
	}
	if _, err := t.signed.Verify(key); err != nil {
		return ErrInvalid.WithMessage("The signature of the ID Token is not valid").WithCause(err)
	}
	return nil
}

// keySet is what a provider published.
type keySet struct {
	keys    []jose.JSONWebKey
	tooMany map[string]bool // by family: there are more than AWS takes
}

// family is what kind of key an algorithm needs.
func family(algorithm string) string { return algorithm[:2] }

// find returns the public key that a token names, or nil. A token that names
// none is signed with the only one that fits.
func (s *keySet) find(id, algorithm string) any {
	var found any
	for _, k := range s.keys {
		if id != "" && k.KeyID != id || k.Algorithm != "" && k.Algorithm != algorithm || !fits(k.Key, algorithm) {
			continue
		}
		if found != nil {
			return nil // it could be either
		}
		found = k.Key
	}
	return found
}

func fits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return family(algorithm) == "RS"
	case *ecdsa.PublicKey:
		return map[string]int{"ES256": 256, "ES384": 384, "ES512": 521}[algorithm] == k.Curve.Params().BitSize
	}
	return false
}

// parseKeys reads a set of keys. Those that are not for signatures, or of a kind
// that AWS does not take, are passed over (RFC 7517, section 5).
func parseKeys(data []byte) (*keySet, error) {
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		return nil, err
	}
	s := &keySet{tooMany: map[string]bool{}}
	count := map[string]int{}
	for _, raw := range document.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) != nil || k.Use != "" && k.Use != "sig" || !usable(k.Key) {
			continue
		}
		of := "ES"
		if _, ok := k.Key.(*rsa.PublicKey); ok {
			of = "RS"
		}
		if count[of]++; count[of] > maxKeys {
			s.tooMany[of] = true
			continue
		}
		s.keys = append(s.keys, k)
	}
	if len(s.keys) == 0 {
		return nil, errors.New("there is no key that AWS would take")
	}
	return s, nil
}

func usable(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSABits && k.N.BitLen() <= maxRSABits
	case *ecdsa.PublicKey:
		return true
	}
	return false
}

// cache remembers the keys of the providers that were used last.
type cache struct {
	mutex  sync.Mutex
	byName map[string]*list.Element // of *remembered
	recent list.List                // the last used first
}

// remembered is the keys of one provider, as one account trusts it.
type remembered struct {
	name string
	turn chan struct{} // held by who fetches: the others wait for what he gets

	mutex   sync.Mutex
	keys    *keySet   // nil until they were fetched
	fetched time.Time // keys
	asked   time.Time // the last attempt to fetch them; when it failed, its end
	problem error     // of the last attempt; nil when it succeeded
}

// provider returns what is remembered of a provider. Who trusts other
// certificates remembers it apart.
func (c *Client) provider(p Provider) *remembered {
	thumbprints := slices.Sorted(slices.Values(p.Thumbprints))
	name := p.URL + " " + strings.ToLower(strings.Join(thumbprints, " "))
	c.cache.mutex.Lock()
	defer c.cache.mutex.Unlock()
	if e, ok := c.cache.byName[name]; ok {
		c.cache.recent.MoveToFront(e)
		return e.Value.(*remembered)
	}
	r := &remembered{name: name, turn: make(chan struct{}, 1)}
	if c.cache.byName == nil {
		c.cache.byName = map[string]*list.Element{}
	}
	c.cache.byName[name] = c.cache.recent.PushFront(r)
	if c.cache.recent.Len() > maxProviders {
		oldest := c.cache.recent.Remove(c.cache.recent.Back()).(*remembered)
		delete(c.cache.byName, oldest.name)
	}
	return r
}

// current returns the provider's keys: those that are remembered while they are
// fresh and have what is wanted, else those that it publishes now.
func (r *remembered) current(ctx context.Context, c *Client, p Provider, now time.Time, wanted func(*keySet) bool) (*keySet, error) {
	if keys, err, done := r.lookup(now, wanted); done {
		return keys, err
	}
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return nil, ErrCommunication.WithCause(ctx.Err())
	}
	if keys, err, done := r.lookup(now, wanted); done { // somebody else has fetched them
		return keys, err
	}
	begun := time.Now()
	keys, err := c.fetchKeys(ctx, p)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.asked, r.problem = now, err
	if err != nil {
		// Those who came while it did not answer do not ask it one after the other.
		r.asked = now.Add(time.Since(begun))
	} else {
		r.keys, r.fetched = keys, now
	}
	return r.best(now)
}

// lookup returns what is remembered, when that is what there is to say now.
func (r *remembered) lookup(now time.Time, wanted func(*keySet) bool) (*keySet, error, bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch fresh := r.keys != nil && now.Sub(r.fetched) < freshFor; {
	case r.problem != nil && now.Sub(r.asked) < retryAfter:
	case fresh && (wanted(r.keys) || now.Sub(r.asked) < rotateTime):
	default:
		return nil, nil, false
	}
	keys, err := r.best(now)
	return keys, err, true
}

// best returns the newest keys, unless they are too old to be believed.
func (r *remembered) best(now time.Time) (*keySet, error) {
	if r.keys != nil && now.Sub(r.fetched) < staleFor {
		return r.keys, nil
	}
	return nil, r.problem
}
