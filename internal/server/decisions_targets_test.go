package server

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keywright/keywright/policy/acl"
	"github.com/keywright/keywright/policy/lint"
)

// onEverything is the address of what acts on no resource.
func onEverything(_ *world, a *attempt) error {
	if a.resource != "*" {
		return cannot("the operation has no resource")
	}
	if a.c.Principal.Type == "anonymous" {
		return cannot("nobody unsigned can ask for that")
	}
	return nil
}

// s3Address splits the resource into a bucket and a key.
func s3Address(a *attempt) (name, key string, err error) {
	rest, ok := strings.CutPrefix(a.resource, "arn:aws:s3:::")
	if !ok || rest == "" {
		return "", "", cannot("no request names such a resource")
	}
	name, key, _ = strings.Cut(rest, "/")
	return name, key, nil
}

func onABucket(w *world, a *attempt) error {
	name, key, err := s3Address(a)
	if err != nil {
		return err
	}
	if key != "" || strings.Contains(a.resource, "/") {
		return cannot("the operation acts on buckets")
	}
	a.bucket, err = w.bucketOf(name, w.accounts[a.c.Owner])
	return err
}

func onAnObject(w *world, a *attempt) error {
	name, key, err := s3Address(a)
	if err != nil {
		return err
	}
	if key == "" {
		return cannot("the operation acts on objects")
	}
	a.key = key
	a.bucket, err = w.bucketOf(name, w.accounts[a.c.Owner])
	return err
}

// configure gives the bucket of an attempt the case's policy. One that does not
// name the bucket is another bucket's: then this one has none.
func configure(w *world, a *attempt) error {
	if err := w.prepareACLs(a); err != nil {
		return err
	}
	a.restricted = a.c.RestrictPublicBuckets
	ignores := a.c.ACLs != nil && a.c.ACLs.IgnorePublic
	p := a.c.State.Resource
	if p == nil {
		return a.bucket.configure("", nil, a.restricted, ignores)
	}
	if p.Type != "resource" {
		return cannot("a bucket has no policy of that type")
	}
	document := w.real(p.Document)
	if p.Bound != nil && a.bucket.policy == document && w.stillBound(a.bucket.bound, p.Bound) {
		a.bucketPolicy, a.bound = document, a.bucket.bound
		return a.bucket.configure(document, a.bucket.bound, a.restricted, ignores)
	}
	bound, err := w.bind(document, p.Bound)
	if err != nil {
		return err
	}
	if !namesBucket(document, a.bucket.name) {
		return a.bucket.configure("", nil, a.restricted, ignores)
	}
	a.bucketPolicy, a.bound = document, bound
	return a.bucket.configure(document, bound, a.restricted, ignores)
}

// namesBucket reports whether a policy can be that of a bucket as far as its
// resources go.
func namesBucket(document, name string) bool {
	_, findings := lint.Parse([]byte(document), lint.Bucket, lint.Options{Bucket: name})
	for _, f := range findings {
		if f.Severity == lint.Error && lint.S3Message(f) == "Policy has invalid resource" {
			return false
		}
	}
	return true
}

// stillBound reports whether those whom a policy was bound to are those whom the
// case says.
func (w *world) stillBound(bound, named map[string]string) bool {
	for name, id := range bound {
		if w.ids[named[name]] != id {
			return false
		}
	}
	return true
}

func onBucket(send func(*s3.Client, *attempt) error, answers ...string) operation {
	return operation{
		address: onABucket, prepare: configure, answers: answers,
		run: func(w *world, a *attempt) error { return send(w.s3(a.creds, a.brought), a) },
	}
}

// changingBucket is onBucket for what changes the bucket's configuration.
func changingBucket(send func(*s3.Client, *attempt) error, answers ...string) operation {
	op := onBucket(send, answers...)
	op.after = func(_ *world, a *attempt) { a.bucket.unsure = true }
	return op
}

// emptyBucket makes a bucket that can be deleted.
func emptyBucket(w *world, a *attempt) error {
	if err := a.bucket.empty(); err != nil {
		return err
	}
	return configure(w, a)
}

func onObject(send func(*s3.Client, *attempt) error, answers ...string) operation {
	return operation{
		address: onAnObject, answers: answers,
		prepare: func(w *world, a *attempt) error {
			if a.c.ACLs == nil {
				if err := a.bucket.put(a.key, asQuery(a.brought.existingTags)); err != nil {
					return err
				}
			}
			return configure(w, a)
		},
		run: func(w *world, a *attempt) error { return send(w.s3(a.creds, a.brought), a) },
	}
}

// changingObject is onObject for what changes the object.
func changingObject(send func(*s3.Client, *attempt) error, answers ...string) operation {
	op := onObject(send, answers...)
	op.after = func(_ *world, a *attempt) { a.bucket.objects[a.key] = unknown }
	return op
}

func onUpload(send func(*s3.Client, *attempt, string) error) operation {
	return operation{
		address: onAnObject,
		prepare: func(w *world, a *attempt) (err error) {
			if a.upload, err = a.bucket.upload(a.key); err != nil {
				return err
			}
			return configure(w, a)
		},
		run: func(w *world, a *attempt) error { return send(w.s3(a.creds, a.brought), a, a.upload) },
	}
}

// ownACL is the access control list that is there: of the object, when the attempt
// is about one, or of the bucket. Where ACLs are disabled it takes no other.
func (a *attempt) ownACL() *s3types.AccessControlPolicy {
	switch {
	case a.acls == nil:
		return documentOf(acl.Private(a.bucket.owner.canonicalID))
	case a.key != "" && a.acls.Object != nil:
		return documentOf(a.acls.Object)
	}
	return documentOf(a.acls.Bucket)
}

// bringsACL reports whether the request has an access control list in its
// headers.
func (a *attempt) bringsACL() bool {
	for name := range a.brought.headers {
		if strings.HasPrefix(name, "X-Amz-Acl") || strings.HasPrefix(name, "X-Amz-Grant") {
			return true
		}
	}
	return false
}

// onRole is AssumeRole.
func onRole() operation {
	return operation{
		address: func(w *world, a *attempt) error {
			switch a.c.Principal.Type {
			case "anonymous":
				return cannot("nobody unsigned can ask for that")
			case "root":
				return cannot("a root can assume no role, whatever a policy says")
			case "federated":
				return cannot("a federated user can assume no role, whatever a policy says")
			}
			return nil
		},
		prepare: func(w *world, a *attempt) error {
			switch {
			case a.op.action == "sts:TagSession" && !a.brought.tagged:
				a.brought.requestTags = map[string]string{"key": "value"}
			case a.op.action == "sts:SetSourceIdentity" && a.brought.identity == "":
				a.brought.identity = "somebody"
			}
			return prepareRole(w, a)
		},
		run: func(w *world, a *attempt) error {
			b := a.brought
			in := &sts.AssumeRoleInput{RoleArn: &a.resource, RoleSessionName: &b.sessionName, ExternalId: b.externalID, Tags: stsTags(b.requestTags), TransitiveTagKeys: b.transitive}
			if b.identity != "" {
				in.SourceIdentity = &b.identity
			}
			_, err := w.sts(a.creds, b).AssumeRole(context.Background(), in)
			return err
		},
	}
}

// prepareRole makes the role with the case's trust policy.
func prepareRole(w *world, a *attempt) error {
	p := a.c.State.Resource
	if p == nil {
		return cannot("a role always has a trust policy")
	}
	if p.Type != "trust" {
		return cannot("a role has no policy of that type")
	}
	var err error
	if a.role, err = w.entityOf(a.resource, ""); err != nil {
		return err
	}
	if a.role != a.holder {
		if err := w.grantTags(a.role, granted{tags: a.brought.targetTags}); err != nil {
			return err
		}
	}
	a.trust = w.real(p.Document)
	if a.bound, err = w.bind(a.trust, p.Bound); err != nil {
		return err
	}
	return w.setTrust(a.role, a.trust, a.bound)
}

// onFederatedUser is GetFederationToken.
func onFederatedUser() operation {
	return operation{
		address: func(_ *world, a *attempt) error {
			prefix := "arn:aws:sts::" + a.c.Principal.AccountID + ":federated-user/"
			switch {
			case a.c.Principal.Type != "user":
				return cannot("only a user can have federated users here, whatever a policy says")
			case !strings.HasPrefix(a.resource, prefix):
				return cannot("no request names such a resource")
			}
			return nil
		},
		run: func(w *world, a *attempt) error {
			name := lastElement(a.resource)
			_, err := w.sts(a.creds, a.brought).GetFederationToken(context.Background(), &sts.GetFederationTokenInput{Name: &name, Tags: stsTags(a.brought.requestTags)})
			return err
		},
	}
}

// onNoBucket sees to it that there is no bucket of the name.
func onNoBucket(w *world, a *attempt) error {
	name, _, err := s3Address(a)
	switch {
	case err != nil:
		return err
	case strings.Contains(a.resource, "/"):
		return cannot("the operation acts on buckets")
	case a.c.Principal.Type == "anonymous":
		return cannot("nobody unsigned can ask for that")
	case a.c.Owner != a.c.Principal.AccountID:
		return cannot("a bucket belongs to who makes it")
	}
	if b := w.buckets[name]; b != nil {
		return w.deleteBucket(b)
	}
	return nil
}
