package directorytest

import (
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/eval"
)

// The dump types are everything that a directory can be asked, as plain data.
type (
	accountDump struct {
		ID, CanonicalID string
		Alias           string
		Passwords       directory.PasswordPolicy
		TokenVersion    int
		Block           directory.PublicAccessBlock
		Entities        []entityDump
		Policies        []policyDump
		Devices         []directory.MFADevice
		Profiles        []profileDump
		Providers       []directory.OpenIDConnectProvider
		Buckets         []bucketDump
		RootKeys        []keyDump
		KMSKeys         []kmsKeyDump
		KMSAliases      []directory.KMSAlias
	}
	kmsKeyDump struct {
		ID, ARN, Description, Manager, Policy, Compiled string
		Enabled                                         bool
		Created, Deletion                               int64
		WaitingDays                                     int
		Tags                                            []directory.Tag
		Aliases                                         []string
		RotationDays                                    int
		NextRotation                                    int64
		Rotations                                       []directory.KMSRotation
	}
	entityDump struct {
		Kind                     directory.EntityKind
		Path, Name, ID, ARN      string
		Created                  int64
		Boundary                 string
		Tags                     []directory.Tag
		Description, TrustPolicy string
		MaxSession, LastUsed     int64
		Attached                 []string
		Inline                   map[string]string
		Groups, Members          []string
		Profiles                 []string
		Keys                     []keyDump
		Login                    *loginDump
		Identity                 []string // names of the compiled policies
		CompiledBoundary         string
	}
	policyDump struct {
		Name, Path, ID, ARN, Description, Default string
		Versions                                  map[string]string
		Attachments, Boundaries                   int
		Holders, Bounded                          []directory.Entity
		Tags                                      []directory.Tag
	}
	profileDump struct {
		Path, Name, ID, ARN, RoleID string
		Created                     int64
		Tags                        []directory.Tag
	}
	keyDump struct {
		ID, Secret, UserID, UserName string
		Active                       bool
		Created                      int64
		LastUsed                     directory.LastUsed
	}
	loginDump struct {
		Created, Changed, LastUsed int64
		ResetRequired              bool
	}
	bucketDump struct {
		Name, ID, Region, Ownership string
		Created                     int64
		Policy                      string
		PrincipalIDs                map[string]string
		Block                       *directory.PublicAccessBlock
		Grants                      []acl.Grant
		Configurations              map[string]string
	}
)

func dump(d *directory.Directory) (accounts []accountDump) {
	for _, a := range d.Accounts() {
		one := accountDump{ID: a.ID, CanonicalID: a.CanonicalID, RootKeys: dumpKeys(d, a.ID, "")}
		one.Alias, _ = d.AccountAlias(a.ID)
		one.Passwords, _ = d.PasswordPolicy(a.ID)
		one.TokenVersion = d.TokenVersion(a.ID)
		one.Block, _ = d.AccountPublicAccessBlock(a.ID)
		for _, m := range d.MFADevices(a.ID) {
			one.Devices = append(one.Devices, *m)
		}
		for _, u := range d.Users(a.ID, "") {
			one.Entities = append(one.Entities, dumpUser(d, u))
		}
		for _, g := range d.Groups(a.ID, "") {
			one.Entities = append(one.Entities, dumpGroup(d, g))
		}
		for _, r := range d.Roles(a.ID, "") {
			one.Entities = append(one.Entities, dumpRole(d, r))
		}
		for _, p := range d.Policies(a.ID, "") {
			one.Policies = append(one.Policies, dumpPolicy(d, p))
		}
		for _, p := range d.InstanceProfiles(a.ID, "") {
			one.Profiles = append(one.Profiles, profileDump{p.Path, p.Name, p.ID, p.ARN, p.RoleID, p.Created.Unix(), p.Tags})
		}
		for _, p := range d.OpenIDConnectProviders(a.ID) {
			one.Providers = append(one.Providers, *p)
		}
		for _, b := range d.Buckets(a.ID) {
			one.Buckets = append(one.Buckets, dumpBucket(b))
		}
		for _, k := range d.KMSKeys(a.ID) {
			one.KMSKeys = append(one.KMSKeys, kmsKeyDump{
				k.ID, k.ARN, k.Description, k.Manager, k.Policy, k.Compiled.Type().String() + " " + k.Compiled.Name(),
				k.Enabled, k.Created.Unix(), k.Deletion.Unix(), k.WaitingDays, k.Tags, k.Aliases,
				k.RotationDays, k.NextRotation.Unix(), k.Rotations,
			})
		}
		for _, alias := range d.KMSAliases(a.ID) {
			one.KMSAliases = append(one.KMSAliases, *alias)
		}
		accounts = append(accounts, one)
	}
	return accounts
}

func dumpUser(d *directory.Directory, u *directory.User) entityDump {
	e := entityDump{
		Kind: directory.KindUser, Path: u.Path, Name: u.Name, ID: u.ID, ARN: u.ARN, Created: u.Created.Unix(),
		Boundary: u.PermissionsBoundary, Tags: u.Tags, Keys: dumpKeys(d, u.AccountID, u.Name),
	}
	for _, g := range d.GroupsForUser(u.AccountID, u.Name) {
		e.Groups = append(e.Groups, g.Name)
	}
	if l, ok := d.LoginProfile(u.AccountID, u.Name); ok {
		e.Login = &loginDump{l.Created.Unix(), l.Changed.Unix(), l.LastUsed.Unix(), l.PasswordResetRequired}
	}
	p, _ := d.PoliciesOfUser(u.ID)
	e.setPolicies(p)
	e.setHeld(d, u.AccountID)
	return e
}

func dumpGroup(d *directory.Directory, g *directory.Group) entityDump {
	e := entityDump{Kind: directory.KindGroup, Path: g.Path, Name: g.Name, ID: g.ID, ARN: g.ARN, Created: g.Created.Unix()}
	for _, u := range d.GroupMembers(g.AccountID, g.Name) {
		e.Members = append(e.Members, u.Name)
	}
	e.setHeld(d, g.AccountID)
	return e
}

func dumpRole(d *directory.Directory, r *directory.Role) entityDump {
	e := entityDump{
		Kind: directory.KindRole, Path: r.Path, Name: r.Name, ID: r.ID, ARN: r.ARN, Created: r.Created.Unix(),
		Boundary: r.PermissionsBoundary, Tags: r.Tags, Description: r.Description, TrustPolicy: r.TrustPolicy,
		MaxSession: int64(r.MaxSessionDuration.Seconds()), LastUsed: r.LastUsed.Time.Unix(),
	}
	for _, p := range d.InstanceProfilesForRole(r.AccountID, r.Name) {
		e.Profiles = append(e.Profiles, p.Name)
	}
	p, _ := d.PoliciesOfRole(r.ID)
	e.setPolicies(p)
	e.setHeld(d, r.AccountID)
	return e
}

func (e *entityDump) setPolicies(p directory.Policies) {
	e.Identity = policyNames(p.Identity)
	if p.Boundary != nil {
		e.CompiledBoundary = p.Boundary.Type().String() + " " + p.Boundary.Name()
	}
}

func policyNames(list []*eval.Policy) (names []string) {
	for _, p := range list {
		names = append(names, p.Name())
	}
	return names
}

func (e *entityDump) setHeld(d *directory.Directory, accountID string) {
	of := directory.Entity{AccountID: accountID, Kind: e.Kind, Name: e.Name}
	for _, p := range d.AttachedPolicies(of) {
		e.Attached = append(e.Attached, p.ARN)
	}
	for _, name := range d.InlinePolicies(of) {
		if e.Inline == nil {
			e.Inline = map[string]string{}
		}
		e.Inline[name], _ = d.InlinePolicy(of, name)
	}
}

func dumpKeys(d *directory.Directory, accountID, userName string) (keys []keyDump) {
	for _, k := range d.AccessKeys(accountID, userName) {
		c, _ := d.Credential(k.ID)
		keys = append(keys, keyDump{k.ID, c.Secret, c.UserID, k.UserName, k.Active && c.Active, k.Created.Unix(), k.LastUsed})
	}
	return keys
}

func dumpPolicy(d *directory.Directory, p *directory.ManagedPolicy) policyDump {
	one := policyDump{
		Name: p.Name, Path: p.Path, ID: p.ID, ARN: p.ARN, Description: p.Description, Default: p.DefaultVersionID, Versions: map[string]string{},
		Attachments: p.AttachmentCount, Boundaries: p.BoundaryUsageCount,
		Holders: d.EntitiesForPolicy(p.ARN), Bounded: d.BoundaryEntities(p.ARN), Tags: p.Tags,
	}
	for _, v := range d.PolicyVersions(p.ARN) {
		one.Versions[v.VersionID] = v.Document
	}
	return one
}

func dumpBucket(b *directory.Bucket) bucketDump {
	one := bucketDump{Name: b.Name, ID: b.ID, Region: b.Region, Ownership: b.Ownership, Created: b.Created.Unix(), Block: b.PublicAccessBlock, Grants: b.ACL.Grants, Configurations: b.Configurations}
	if b.Policy != nil {
		one.Policy, one.PrincipalIDs = string(b.Policy.Document), b.Policy.PrincipalIDs
	}
	return one
}
