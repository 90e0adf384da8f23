package directorytest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/directory"
)

// model is a directory as plain maps, with nothing of how a directory is made.
type model struct {
	aliases   map[string]string // by account
	passwords map[string]directory.PasswordPolicy
	blocks    map[string]directory.PublicAccessBlock // of accounts
	entities  []*modelEntity
	policies  []*modelPolicy
	profiles  []*modelProfile
	providers []*directory.OpenIDConnectProvider
	buckets   []*modelBucket
	rootKeys  []*modelKey
}

type modelEntity struct {
	accountID string
	entityDump
	inline   map[string]string
	attached []*modelPolicy
	groups   []*modelEntity
	boundary *modelPolicy
	keys     []*modelKey
	password string // "" for none
}

type modelPolicy struct {
	accountID string
	policyDump
	last int
}

type modelProfile struct {
	accountID string
	profileDump
	role *modelEntity
}

type modelKey struct {
	accountID string
	keyDump
}

type modelBucket struct {
	accountID string
	bucketDump
}

// awsPolicy is one of AWS's in the model: attached like others, never changed.
var awsPolicy = &modelPolicy{accountID: directory.AWSAccountID, policyDump: policyDump{Name: "AdministratorAccess", ARN: administratorAccess}}

// testModel makes random changes to a directory and to a model, and compares
// the two: each answer, and in the end everything there is, before and after
// the directory is opened again.
func testModel(t *testing.T, newStore func(testing.TB) Store) {
	keyring, now := newKeyring(t), func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC) }
	rapid.Check(t, func(rt *rapid.T) {
		r := &run{T: rt, ctx: t.Context(), store: newStore(t), options: directory.Options{Keyring: keyring, Now: now, Logger: quiet, PasswordCost: cheapPasswords}}
		r.model.aliases, r.model.passwords = map[string]string{}, map[string]directory.PasswordPolicy{}
		r.model.blocks = map[string]directory.PublicAccessBlock{}
		r.open()
		defer func() { r.d.Close() }()
		for _, id := range []string{firstAccount, secondAccount} {
			if _, err := r.d.CreateAccount(r.ctx, directory.Account{ID: id}); err != nil {
				rt.Fatal(err)
			}
		}
		rt.Repeat(r.actions())
		r.compare("before reopening")
		if err := r.d.Close(); err != nil {
			rt.Fatal(err)
		}
		r.open()
		r.compare("after reopening")
	})
}

// failure is a kind of error.
type failure string

const (
	none     failure = ""
	notFound failure = "not found"
	exists   failure = "exists"
	inUse    failure = "in use"
	limit    failure = "limit"
	password failure = "password"
	readOnly failure = "read only"
	document failure = "document"

	accessList failure = "access control list"
)

func kindOf(err error) failure {
	var (
		notFoundError *directory.NotFoundError
		existsError   *directory.ExistsError
		inUseError    *directory.InUseError
		limitError    *directory.LimitError
		documentError *directory.DocumentError
		passwordError *directory.PasswordError
		aclError      *directory.ACLError
	)
	switch {
	case err == nil:
		return none
	case errors.As(err, &notFoundError):
		return notFound
	case errors.As(err, &existsError):
		return exists
	case errors.As(err, &inUseError):
		return inUse
	case errors.As(err, &limitError):
		return limit
	case errors.As(err, &passwordError), errors.Is(err, directory.ErrWrongPassword):
		return password
	case errors.As(err, &aclError):
		return accessList
	case errors.As(err, &documentError):
		return document
	case errors.Is(err, directory.ErrReadOnly):
		return readOnly
	}
	return failure(err.Error())
}

// answer checks that a call failed for one of the reasons that the model has,
// or succeeded when it has none, and reports whether it succeeded.
func (r *run) answer(what string, err error, reasons ...failure) bool {
	reasons = slices.DeleteFunc(reasons, func(f failure) bool { return f == none })
	got := kindOf(err)
	if got == none && len(reasons) > 0 || got != none && !slices.Contains(reasons, got) {
		r.Fatalf("%s: %v (%q), and the model has %q", what, err, got, reasons)
	}
	return got == none
}

// when is a failure if a condition holds.
func when(condition bool, f failure) failure {
	if condition {
		return f
	}
	return none
}

func (r *run) compare(what string) {
	got := dump(r.d)
	for i := range got {
		got[i].CanonicalID = ""
		forgetTimes(&got[i])
	}
	if diff := gocmp.Diff(r.model.dump(), got); diff != "" {
		r.Fatalf("%s (-model +directory):\n%s", what, diff)
	}
}

// forgetTimes drops what the model does not know.
func forgetTimes(a *accountDump) {
	for i := range a.Entities {
		a.Entities[i].Created, a.Entities[i].LastUsed = 0, 0
		if l := a.Entities[i].Login; l != nil {
			l.Created, l.Changed, l.LastUsed = 0, 0, 0
		}
		for j := range a.Entities[i].Keys {
			a.Entities[i].Keys[j].Created = 0
		}
	}
	for i := range a.RootKeys {
		a.RootKeys[i].Created = 0
	}
	for i := range a.Profiles {
		a.Profiles[i].Created = 0
	}
	for i := range a.Providers {
		a.Providers[i].Created = time.Time{}
	}
	for i := range a.Buckets {
		a.Buckets[i].Created = 0
	}
}

func (m *model) dump() (all []accountDump) {
	for _, id := range []string{firstAccount, secondAccount} {
		a := accountDump{ID: id, TokenVersion: 1, Alias: m.aliases[id], Passwords: m.passwords[id], Block: m.blocks[id], RootKeys: keysOf(id, m.rootKeys)}
		for _, kind := range []directory.EntityKind{directory.KindUser, directory.KindGroup, directory.KindRole} {
			for _, e := range sorted(m.entities, func(e *modelEntity) string { return e.Name }) {
				if e.accountID == id && e.Kind == kind {
					a.Entities = append(a.Entities, m.entityDump(e))
				}
			}
		}
		for _, p := range sorted(m.policies, func(p *modelPolicy) string { return p.Name }) {
			if p.accountID == id {
				a.Policies = append(a.Policies, m.policyDump(p))
			}
		}
		for _, p := range sorted(m.profiles, func(p *modelProfile) string { return p.Name }) {
			if p.accountID == id {
				a.Profiles = append(a.Profiles, p.dump())
			}
		}
		for _, p := range sorted(m.providers, func(p *directory.OpenIDConnectProvider) string { return p.URL }) {
			if p.AccountID == id {
				a.Providers = append(a.Providers, *p)
			}
		}
		for _, b := range sorted(m.buckets, func(b *modelBucket) string { return b.Name }) {
			if b.accountID == id {
				a.Buckets = append(a.Buckets, b.bucketDump)
			}
		}
		all = append(all, a)
	}
	return all
}

func sorted[E any](list []E, by func(E) string) []E {
	return slices.SortedFunc(slices.Values(list), func(a, b E) int { return cmp.Compare(by(a), by(b)) })
}

func keysOf(accountID string, keys []*modelKey) (all []keyDump) {
	for _, k := range sorted(keys, func(k *modelKey) string { return k.ID }) {
		if k.accountID == accountID {
			all = append(all, k.keyDump)
		}
	}
	return all
}

func (m *model) entityDump(e *modelEntity) entityDump {
	d := e.entityDump
	d.ARN = "arn:aws:iam::" + e.accountID + ":" + string(e.Kind) + e.Path + e.Name
	if len(e.inline) > 0 {
		d.Inline = e.inline
	}
	if e.boundary != nil {
		d.Boundary, d.CompiledBoundary = e.boundary.ARN, "permissions boundary "+e.boundary.ARN
	}
	holders := append([]*modelEntity{e}, sorted(e.groups, func(g *modelEntity) string { return g.Name })...)
	for i, h := range holders {
		attached := sorted(h.attached, func(p *modelPolicy) string { return p.Name })
		if i > 0 {
			d.Groups = append(d.Groups, h.Name)
		} else {
			d.Attached = arns(attached)
		}
		if e.Kind != directory.KindGroup {
			d.Identity = append(append(d.Identity, inlineNames(h)...), arns(attached)...)
		}
	}
	for _, u := range sorted(m.entities, func(e *modelEntity) string { return e.Name }) {
		if slices.Contains(u.groups, e) {
			d.Members = append(d.Members, u.Name)
		}
	}
	for _, p := range sorted(m.profiles, func(p *modelProfile) string { return p.Name }) {
		if p.role == e {
			d.Profiles = append(d.Profiles, p.Name)
		}
	}
	for _, k := range e.keys {
		k.UserName = e.Name
	}
	d.Keys = keysOf(e.accountID, e.keys)
	return d
}

func inlineNames(e *modelEntity) (names []string) {
	for name := range e.inline {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func arns(list []*modelPolicy) (all []string) {
	for _, p := range list {
		all = append(all, p.ARN)
	}
	return all
}

func (m *model) policyDump(p *modelPolicy) policyDump {
	d := p.policyDump
	for _, e := range sorted(m.entities, func(e *modelEntity) string { return e.Name + " " + e.ID }) {
		named := directory.Entity{AccountID: e.accountID, Kind: e.Kind, Name: e.Name}
		if slices.Contains(e.attached, p) {
			d.Holders, d.Attachments = append(d.Holders, named), d.Attachments+1
		}
		if e.boundary == p {
			d.Bounded, d.Boundaries = append(d.Bounded, named), d.Boundaries+1
		}
	}
	return d
}

// entity finds a user, group or role, or returns nil.
func (m *model) entity(of directory.Entity) *modelEntity {
	i := slices.IndexFunc(m.entities, func(e *modelEntity) bool {
		return e.accountID == of.AccountID && e.Kind == of.Kind && strings.EqualFold(e.Name, of.Name)
	})
	if i < 0 {
		return nil
	}
	return m.entities[i]
}

func (m *model) policy(arn string) *modelPolicy {
	if arn == administratorAccess {
		return awsPolicy
	}
	i := slices.IndexFunc(m.policies, func(p *modelPolicy) bool { return p.ARN == arn })
	if i < 0 {
		return nil
	}
	return m.policies[i]
}

func (p *modelProfile) dump() profileDump {
	d := p.profileDump
	d.ARN = "arn:aws:iam::" + p.accountID + ":instance-profile" + p.Path + p.Name
	if p.role != nil {
		d.RoleID = p.role.ID
	}
	return d
}

func (m *model) profile(accountID, name string) *modelProfile {
	i := slices.IndexFunc(m.profiles, func(p *modelProfile) bool { return p.accountID == accountID && strings.EqualFold(p.Name, name) })
	if i < 0 {
		return nil
	}
	return m.profiles[i]
}

func (m *model) provider(arn string) *directory.OpenIDConnectProvider {
	i := slices.IndexFunc(m.providers, func(p *directory.OpenIDConnectProvider) bool { return p.ARN == arn })
	if i < 0 {
		return nil
	}
	return m.providers[i]
}

func (m *model) bucket(name string) *modelBucket {
	i := slices.IndexFunc(m.buckets, func(b *modelBucket) bool { return b.Name == name })
	if i < 0 {
		return nil
	}
	return m.buckets[i]
}

func without[E comparable](list []E, gone E) []E {
	return slices.DeleteFunc(slices.Clone(list), func(e E) bool { return e == gone })
}
