package directory

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keywright/keywright/policy/eval"
)

// view is the whole directory in memory. It changes only under
// Directory.reading, by whole records; what it hands out is never changed.
type view struct {
	accounts  map[string]*account     // by id
	canonical map[string]*account     // by canonical user id
	aliases   map[string]bool         // of accounts
	entities  map[string]*entity      // by unique id
	policies  map[string]*managed     // by ARN
	providers map[string]*providerRow // by ARN
	keys      map[string]*accessKey
	buckets   map[string]*Bucket // by name
	bucketIDs map[string]*Bucket
	kmsKeys   map[string]*KMSKey // by id

	aws *account // holds AWS's policies; not among accounts
}

func newView() *view {
	return &view{
		accounts: map[string]*account{}, canonical: map[string]*account{}, aliases: map[string]bool{}, entities: map[string]*entity{},
		policies: map[string]*managed{}, providers: map[string]*providerRow{}, keys: map[string]*accessKey{},
		buckets: map[string]*Bucket{}, bucketIDs: map[string]*Bucket{}, kmsKeys: map[string]*KMSKey{},
		aws: newAccount(&Account{ID: AWSAccountID}),
	}
}

type account struct {
	shown    *Account
	settings *settingsRow

	// generation grows with whatever the policies of the account's users and
	// roles depend on.
	generation uint64

	named     map[EntityKind]map[string]*entity // by name in lower case
	policies  map[string]*managed               // by name in lower case
	devices   map[string]*mfaRow                // by serial number in lower case
	profiles  map[string]*instanceProfileRow    // by name in lower case
	providers map[string]*providerRow           // by URL without https://
	rootKeys  map[string]*accessKey
	buckets   map[string]*Bucket

	kmsAliases map[string]*kmsAliasRow // by name; nil until there is one
}

func newAccount(a *Account) *account {
	return &account{
		shown:    a,
		settings: &settingsRow{accountID: a.ID},
		named:    map[EntityKind]map[string]*entity{KindUser: {}, KindGroup: {}, KindRole: {}},
		policies: map[string]*managed{}, profiles: map[string]*instanceProfileRow{}, devices: map[string]*mfaRow{}, providers: map[string]*providerRow{},
		rootKeys: map[string]*accessKey{}, buckets: map[string]*Bucket{},
	}
}

// entity is a user, group or role with what belongs to it. Its maps are nil
// until they are needed.
type entity struct {
	row     *entityRow
	account *account

	user  *User
	group *Group
	role  atomic.Pointer[Role] // replaced by RecordRoleUse too

	attached map[string]*managed            // by ARN
	inline   map[string]*inlineRow          // by name
	groups   map[string]*entity             // of a user, by id
	members  map[string]*entity             // of a group, by id
	keys     map[string]*accessKey          // of a user
	login    *loginRow                      // of a user; nil when he has no password
	devices  map[string]*mfaRow             // of a user, by serial number
	profiles map[string]*instanceProfileRow // of a role, by id

	current  atomic.Pointer[policySet]
	unstored atomic.Bool // the role's last use is newer than the database
}

// managed is a managed policy with its versions and holders.
type managed struct {
	row      *policyRow
	account  *account
	shown    *ManagedPolicy
	versions map[int]*version
	attached map[string]*entity // by id
	bounding map[string]*entity
}

type version struct {
	row      *versionRow
	boundary atomic.Pointer[eval.Policy] // row.document as a permissions boundary, when it was asked for
}

type accessKey struct {
	row      *keyRow
	user     *entity // nil for the account's root
	used     atomic.Pointer[LastUsed]
	unstored atomic.Bool
}

// insert is m[key] = value, for maps that may be nil.
func insert[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

func (r *accountRow) putInto(v *view) {
	a := newAccount((*Account)(r))
	v.accounts[r.ID], v.canonical[r.CanonicalID] = a, a
}

func (r *settingsRow) putInto(v *view) {
	a := v.accounts[r.accountID]
	delete(v.aliases, a.settings.alias)
	if a.settings = r; r.alias != "" {
		v.aliases[r.alias] = true
	}
}

// arn is the ARN of a user, group or role, with its path.
func (r *entityRow) arn() string {
	return "arn:aws:iam::" + r.accountID + ":" + kinds[r.kind].resource + r.path + r.name
}

func (r *entityRow) user() *User {
	return &User{
		AccountID: r.accountID, Path: r.path, Name: r.name, ID: r.id, ARN: r.arn(), Created: r.created,
		PermissionsBoundary: r.boundary, Tags: r.tags,
	}
}

func (r *entityRow) group() *Group {
	return &Group{AccountID: r.accountID, Path: r.path, Name: r.name, ID: r.id, ARN: r.arn(), Created: r.created}
}

func (r *entityRow) role() *Role {
	return &Role{
		AccountID: r.accountID, Path: r.path, Name: r.name, ID: r.id, ARN: r.arn(), Created: r.created,
		Description: r.description, MaxSessionDuration: r.maxSession, TrustPolicy: r.trustPolicy,
		PermissionsBoundary: r.boundary, Tags: r.tags, LastUsed: r.used, Trust: r.trust,
	}
}

func (r *entityRow) putInto(v *view) {
	e := v.entities[r.id]
	if e == nil {
		e = &entity{account: v.accounts[r.accountID]}
		v.entities[r.id] = e
	} else {
		delete(e.account.named[r.kind], foldName(e.row.name))
		e.unbound(v)
	}
	e.row = r
	e.account.named[r.kind][foldName(r.name)] = e
	e.account.generation++
	if p := v.policies[r.boundary]; p != nil {
		insert(&p.bounding, r.id, e)
		p.show()
	}
	e.show()
}

// show renews the snapshot of an entity. A role keeps its last use.
func (e *entity) show() {
	switch e.row.kind {
	case KindUser:
		e.user = e.row.user()
	case KindGroup:
		e.group = e.row.group()
	case KindRole:
		role := e.row.role()
		if old := e.role.Load(); old != nil {
			role.LastUsed = old.LastUsed
		}
		e.role.Store(role)
	}
}

func (e *entity) unbound(v *view) {
	if p := v.policies[e.row.boundary]; p != nil {
		delete(p.bounding, e.row.id)
		p.show()
	}
}

func (r *entityRow) removeFrom(v *view) {
	e := v.entities[r.id]
	e.unbound(v)
	delete(v.entities, r.id)
	delete(e.account.named[r.kind], foldName(e.row.name))
	e.account.generation++
}

func (e *entity) entity() Entity { return Entity{e.row.accountID, e.row.kind, e.row.name} }

func (r *membershipRow) putInto(v *view) {
	g, u := v.entities[r.groupID], v.entities[r.userID]
	insert(&g.members, r.userID, u)
	insert(&u.groups, r.groupID, g)
	g.account.generation++
}

func (r *membershipRow) removeFrom(v *view) {
	g, u := v.entities[r.groupID], v.entities[r.userID]
	delete(g.members, r.userID)
	delete(u.groups, r.groupID)
	g.account.generation++
}

func (r *instanceProfileRow) putInto(v *view) {
	profiles := v.accounts[r.accountID].profiles
	if old := profiles[foldName(r.name)]; old != nil {
		old.leaveRole(v)
	}
	profiles[foldName(r.name)] = r
	if r.roleID != "" {
		insert(&v.entities[r.roleID].profiles, r.id, r)
	}
}

func (r *instanceProfileRow) removeFrom(v *view) {
	r.leaveRole(v)
	delete(v.accounts[r.accountID].profiles, foldName(r.name))
}

func (r *instanceProfileRow) leaveRole(v *view) {
	if r.roleID != "" {
		delete(v.entities[r.roleID].profiles, r.id)
	}
}

func (r *instanceProfileRow) show() *InstanceProfile {
	return &InstanceProfile{
		AccountID: r.accountID, Path: r.path, Name: r.name, ID: r.id,
		ARN:     "arn:aws:iam::" + r.accountID + ":instance-profile" + r.path + r.name,
		Created: r.created, RoleID: r.roleID, Tags: r.tags,
	}
}

func (r *providerRow) arn() string { return OpenIDConnectProviderARN(r.accountID, r.url) }

func (r *providerRow) putInto(v *view) {
	v.providers[r.arn()] = r
	v.accounts[r.accountID].providers[r.url] = r
}

func (r *providerRow) removeFrom(v *view) {
	delete(v.providers, r.arn())
	delete(v.accounts[r.accountID].providers, r.url)
}

func (r *providerRow) show() *OpenIDConnectProvider {
	return &OpenIDConnectProvider{
		AccountID: r.accountID, URL: providerScheme + r.url, ARN: r.arn(), Created: r.created,
		ClientIDs: r.clientIDs, Thumbprints: r.thumbprints, Tags: r.tags,
	}
}

func (r *policyRow) putInto(v *view) {
	p := v.policies[r.arn]
	if p == nil {
		owner := v.aws
		if r.accountID != AWSAccountID {
			owner = v.accounts[r.accountID]
		}
		p = &managed{account: owner, versions: map[int]*version{}}
		v.policies[r.arn] = p
	}
	p.row = r
	p.account.policies[foldName(r.name)] = p
	p.account.generation++
	p.show()
}

func (r *policyRow) removeFrom(v *view) {
	p := v.policies[r.arn]
	delete(v.policies, r.arn)
	delete(p.account.policies, foldName(r.name))
	p.account.generation++
}

// show renews the snapshot of a policy.
func (p *managed) show() { p.shown = p.row.policy(len(p.attached), len(p.bounding)) }

func (r *policyRow) policy(attached, bounding int) *ManagedPolicy {
	return &ManagedPolicy{
		AccountID: r.accountID, Path: r.path, Name: r.name, ID: r.id, ARN: r.arn, Description: r.description,
		DefaultVersionID: versionID(r.defaultVersion), AttachmentCount: attached, BoundaryUsageCount: bounding,
		Created: r.created, Updated: r.updated, Tags: r.tags,
	}
}

func versionID(number int) string { return "v" + strconv.Itoa(number) }

// version finds a version by its id, such as "v1".
func (p *managed) version(id string) *version {
	digits, ok := strings.CutPrefix(id, "v")
	number, err := strconv.Atoi(digits)
	if !ok || err != nil || versionID(number) != id {
		return nil
	}
	return p.versions[number]
}

func (p *managed) defaultVersion() *version { return p.versions[p.row.defaultVersion] }

// asBoundary returns the policy compiled as a permissions boundary.
func (v *version) asBoundary() *eval.Policy {
	if p := v.boundary.Load(); p != nil {
		return p
	}
	opts := eval.Options{Type: eval.PermissionsBoundary, Name: v.row.arn}
	p, err := compile(v.row.document, opts)
	if err != nil {
		p = denyAll(opts)
	}
	v.boundary.Store(p)
	return p
}

func (r *versionRow) show(of *policyRow) *PolicyVersion {
	return &PolicyVersion{
		VersionID: versionID(r.number), Document: r.document, IsDefault: r.number == of.defaultVersion, Created: r.created,
	}
}

func (r *versionRow) putInto(v *view) {
	v.policies[r.arn].versions[r.number] = &version{row: r}
}

func (r *versionRow) removeFrom(v *view) { delete(v.policies[r.arn].versions, r.number) }

func (r *attachmentRow) putInto(v *view) {
	e, p := v.entities[r.entityID], v.policies[r.arn]
	insert(&e.attached, r.arn, p)
	insert(&p.attached, r.entityID, e)
	p.show()
	e.account.generation++
}

func (r *attachmentRow) removeFrom(v *view) {
	e, p := v.entities[r.entityID], v.policies[r.arn]
	delete(e.attached, r.arn)
	delete(p.attached, r.entityID)
	p.show()
	e.account.generation++
}

func (r *inlineRow) putInto(v *view) {
	e := v.entities[r.entityID]
	insert(&e.inline, r.name, r)
	e.account.generation++
}

func (r *inlineRow) removeFrom(v *view) {
	e := v.entities[r.entityID]
	delete(e.inline, r.name)
	e.account.generation++
}

func (r *keyRow) putInto(v *view) {
	k := v.keys[r.id]
	if k == nil {
		k = &accessKey{user: v.entities[r.userID]}
		if !r.used.Time.IsZero() {
			k.used.Store(&r.used)
		}
		v.keys[r.id] = k
		insert(v.keysOf(r), r.id, k)
	}
	k.row = r
}

func (r *keyRow) removeFrom(v *view) {
	delete(v.keys, r.id)
	delete(*v.keysOf(r), r.id)
}

// keysOf returns the keys of the user or root that a key belongs to.
func (v *view) keysOf(r *keyRow) *map[string]*accessKey {
	if r.userID == "" {
		return &v.accounts[r.accountID].rootKeys
	}
	return &v.entities[r.userID].keys
}

func (r *mfaRow) putInto(v *view) {
	devices := v.accounts[r.accountID].devices
	if old := devices[foldName(r.serial)]; old != nil && old.userID != "" {
		delete(v.entities[old.userID].devices, r.serial)
	}
	devices[foldName(r.serial)] = r
	if r.userID != "" {
		insert(&v.entities[r.userID].devices, r.serial, r)
	}
}

func (r *mfaRow) removeFrom(v *view) { delete(v.accounts[r.accountID].devices, foldName(r.serial)) }

func (r *mfaRow) show(v *view) *MFADevice {
	m := &MFADevice{AccountID: r.accountID, Path: r.path, Name: r.name, SerialNumber: r.serial, Created: r.created, Tags: r.tags, Enabled: r.enabled}
	if r.userID != "" {
		m.UserID, m.UserName = r.userID, v.entities[r.userID].row.name
	}
	return m
}

func (r *loginRow) putInto(v *view)    { v.entities[r.userID].login = r }
func (r *loginRow) removeFrom(v *view) { v.entities[r.userID].login = nil }

func (r *loginRow) show(u *entity) *LoginProfile {
	return &LoginProfile{UserName: u.row.name, Created: r.created, Changed: r.changed, LastUsed: r.used, PasswordResetRequired: r.resetRequired}
}

func (k *accessKey) show() AccessKey {
	shown := AccessKey{AccountID: k.row.accountID, ID: k.row.id, Active: k.row.active, Created: k.row.created}
	if k.user != nil {
		shown.UserName = k.user.row.name
	}
	if used := k.used.Load(); used != nil {
		shown.LastUsed = *used
	}
	return shown
}

func (r *bucketRow) putInto(v *view) {
	b := (*Bucket)(r)
	v.buckets[r.Name], v.bucketIDs[r.ID] = b, b
	v.accounts[r.AccountID].buckets[r.Name] = b
}

func (r *bucketRow) removeFrom(v *view) {
	delete(v.buckets, r.Name)
	delete(v.bucketIDs, r.ID)
	delete(v.accounts[r.AccountID].buckets, r.Name)
}

// account finds an account, or fails with a *NotFoundError.
func (v *view) account(id string) (*account, error) {
	if a := v.accounts[id]; a != nil {
		return a, nil
	}
	return nil, &NotFoundError{"account", id}
}

// entity finds a user, group or role, or fails with a *NotFoundError.
func (v *view) entity(of Entity) (*entity, error) {
	a, err := v.account(of.AccountID)
	if err != nil {
		return nil, err
	}
	if e := a.named[of.Kind][foldName(of.Name)]; e != nil {
		return e, nil
	}
	return nil, &NotFoundError{string(of.Kind), of.Name}
}

// instanceProfile finds an instance profile, or fails with a *NotFoundError.
func (v *view) instanceProfile(accountID, name string) (*instanceProfileRow, error) {
	a, err := v.account(accountID)
	if err != nil {
		return nil, err
	}
	if r := a.profiles[foldName(name)]; r != nil {
		return r, nil
	}
	return nil, &NotFoundError{"instance profile", name}
}

// provider finds an OpenID Connect provider, or fails with a *NotFoundError.
func (v *view) provider(arn string) (*providerRow, error) {
	if r := v.providers[arn]; r != nil {
		return r, nil
	}
	return nil, &NotFoundError{"OpenID Connect provider", arn}
}

// policy finds a managed policy, or fails with a *NotFoundError.
func (v *view) policy(arn string) (*managed, error) {
	if p := v.policies[arn]; p != nil {
		return p, nil
	}
	return nil, &NotFoundError{"policy", arn}
}

// customerPolicy finds a policy that may be changed. It fails with ErrReadOnly
// for one of AWS's.
func (v *view) customerPolicy(arn string) (*managed, error) {
	p, err := v.policy(arn)
	if err == nil && p.account == v.aws {
		return nil, fmt.Errorf("%s: %w", arn, ErrReadOnly)
	}
	return p, err
}

// sortedValues returns the values of a map, sorted by a name of each.
func sortedValues[V any](m map[string]V, name func(V) string) []V {
	return slices.SortedFunc(maps.Values(m), func(a, b V) int { return strings.Compare(name(a), name(b)) })
}

func entityName(e *entity) string    { return e.row.name }
func policyName(p *managed) string   { return p.row.name }
func inlineName(r *inlineRow) string { return r.name }

func profileName(r *instanceProfileRow) string { return r.name }

func providerURL(r *providerRow) string { return r.url }

// truncated is the time that is kept: whole seconds, in UTC.
func truncated(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }
