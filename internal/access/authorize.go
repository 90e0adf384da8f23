package access

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/proxy"
	"github.com/keywright/keywright/internal/session"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
)

// Query asks whether a caller may do what one need says. It may be asked again
// with another Need: what describes the request and its caller is gathered
// once, so the other fields must stay. It is for one goroutine at a time.
type Query struct {
	Context context.Context
	HTTP    *http.Request
	Client  proxy.Client // where HTTP came from
	Time    time.Time
	Caller  *Caller
	Need    Need

	gathered bool
	common   condition.Context // the keys of the request and its caller
	own      condition.Context // over it, those of Need
	policies eval.Policies
	acls     eval.AccessControl // of policies, where they count
}

// Authorize returns nil when the caller is allowed what he needs, and
// AccessDenied with AWS's words for the reason when he is not ("Troubleshoot
// access denied error messages", IAM User Guide).
func (a *Access) Authorize(q *Query) error {
	if err := q.bound(); err != nil {
		return awserr.InternalError.WithCause(err)
	}
	if e := sessionLimits(q); e != nil {
		return a.withMessage(q, nil, e)
	}
	request := eval.Request{
		Principal:       q.Caller.principal,
		Action:          q.Need.Action,
		Resource:        q.Need.Resource,
		ResourceAccount: q.resourceAccount(),
	}
	if !q.gathered {
		a.gather(q)
	}
	request.Context = q.needContext(request.ResourceAccount)
	a.bindResource(q)
	d := eval.Decide(&request, &q.policies)
	if d.Allowed() || d.Effect == eval.ImplicitDeny && q.Need.Owner != "" && q.Need.Owner == q.Caller.UserID {
		return nil
	}
	return a.withMessage(q, &request, q.denied(d))
}

// bound reports an error unless the need carries the bucket, the object, the role
// or the key that takes part in its decision: a policy that was not looked up must
// not be passed over, nor an access control list.
func (q *Query) bound() error {
	n := q.Need
	switch service, _, _ := strings.Cut(n.Action, ":"); {
	case n.Bucket != nil:
		rest, ok := strings.CutPrefix(n.Resource, "arn:aws:s3:::"+n.Bucket.Name)
		if !ok || rest != "" && rest[0] != '/' {
			return errUnboundNeed
		}
		if !n.Bucket.ACLsDisabled() && (n.Bucket.ACL == nil || n.Object == nil && !n.NoObject && eval.NeedsObject(n.Action)) {
			return errUnboundNeed
		}
	case service == "s3" && n.Action != "s3:CreateBucket" && n.Action != "s3:ListAllMyBuckets" && n.Resource != "*":
		return errUnboundNeed
	case n.Role != nil && n.Resource != n.Role.ARN:
		return errUnboundNeed
	case n.Key != nil && n.Resource != n.Key.ARN, n.Key == nil && strings.HasPrefix(n.Action, "kms:") && strings.Contains(n.Resource, ":key/"):
		return errUnboundNeed
	}
	return nil
}

func (q *Query) resourceAccount() string {
	switch {
	case q.Need.Bucket != nil:
		return q.Need.Bucket.AccountID
	case q.Need.Role != nil:
		return q.Need.Role.AccountID
	case q.Need.Key != nil:
		return q.Need.Key.AccountID
	}
	// AWS's managed policies belong to every account.
	if p := strings.SplitN(q.Need.Resource, ":", 6); len(p) == 6 && p[4] != "" && p[4] != directory.AWSAccountID {
		return p[4]
	}
	return q.Caller.AccountID
}

// How many keys most requests have, and most needs.
const (
	commonKeys = 16
	needKeys   = 8
)

// gather fills what is the same for every need of a request: the keys of every
// request ("AWS global condition context keys", IAM User Guide), and the
// caller's policies.
func (a *Access) gather(q *Query) {
	c := q.Caller
	q.common.Grow(commonKeys + len(c.tags))
	a.requestKeys(&q.common, q)
	principalKeys(&q.common, c, q.Time)
	q.policies = eval.Policies{
		Identity:   c.policies.Identity,
		Boundary:   c.policies.Boundary,
		Session:    c.sessions,
		HasSession: narrowed(c.Session),
	}
	q.gathered = true
}

// needContext returns the keys of the need, over those of the request.
func (q *Query) needContext(resourceAccount string) *condition.Context {
	q.own.Reset()
	q.own.Grow(needKeys)
	q.own.Over(&q.common)
	if resourceAccount != "" {
		q.own.SetString("aws:ResourceAccount", resourceAccount)
	}
	if q.Need.Context != nil {
		q.Need.Context(&q.own)
	}
	return &q.own
}

// bindResource sets the policies that the need's bucket, role or key brings. Block
// Public Access, which is the account's too, is asked for only where there is
// something public that it could hold back.
func (a *Access) bindResource(q *Query) {
	p := &q.policies
	p.Resource, p.ACLs, p.RestrictPublicBuckets = nil, nil, false
	if b := q.Need.Bucket; b != nil {
		if b.Policy != nil {
			p.Resource = b.Policy.Compiled
			p.RestrictPublicBuckets = p.Resource.Public() && a.directory.PublicAccess(b).RestrictPublicBuckets
		}
		if !b.ACLsDisabled() {
			q.acls = eval.AccessControl{
				Bucket: b.ACL, Object: q.Need.Object, NoObject: q.Need.NoObject, IgnorePublic: a.directory.PublicAccess(b).IgnorePublicAcls,
			}
			p.ACLs = &q.acls
		}
	}
	if r := q.Need.Role; r != nil {
		p.Resource = r.Trust
	} else if q.Need.assumes() {
		p.Resource = nobodysTrust
	}
	if k := q.Need.Key; k != nil {
		p.Resource = k.Compiled
	}
}

// nobodysTrust is the trust policy of a role that does not exist: asking for one
// is answered as asking for one that trusts somebody else.
var nobodysTrust = constant(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"nobody.invalid"},"Action":"sts:AssumeRole"}]}`,
	eval.Options{Type: eval.Trust, Name: "the trust policy of no role"})

// constant compiles a document that is a constant.
func constant(document string, options eval.Options) *eval.Policy {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		panic(err)
	}
	p, err := eval.Compile(doc, options)
	if err != nil {
		panic(err)
	}
	return p
}

// rootsPolicy is what the root of an account may do, where a policy must say it.
var rootsPolicy = constant(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	eval.Options{Type: eval.Identity, Name: "the root of the account"})

// narrowed reports whether session policies limit a session: those of a role
// when any were passed, and a federated user always ("Permissions for
// GetFederationToken", IAM User Guide).
func narrowed(s *session.Session) bool {
	return s != nil && (s.Kind == session.FederatedUser || s.Policy != "" || len(s.PolicyARNs) > 0)
}

// sessionLimits applies what temporary credentials of a user may never do
// ("Compare AWS STS credentials", IAM User Guide). A role can be assumed with
// those of GetSessionToken, and what AssumeRole asks for besides is part of it.
// IAM takes them only from who has proved a second factor.
func sessionLimits(q *Query) *awserr.Error {
	s := q.Caller.Session
	if s == nil || s.Kind == session.AssumedRole {
		return nil
	}
	service, _, _ := strings.Cut(q.Need.Action, ":")
	if service == "iam" && (s.Kind == session.FederatedUser || s.MultiFactorAuth.IsZero()) || service == "sts" && (s.Kind == session.FederatedUser || q.Need.Action != "sts:AssumeRole" && !q.Need.assumes()) {
		return awserr.AccessDenied.WithMessage("Cannot call %s with session credentials", q.Need.Action)
	}
	return nil
}

// denied puts a decision into AWS's words. S3 gives the reason only to callers
// of the bucket's own account, and names no resource where there is none.
func (q *Query) denied(d eval.Decision) *awserr.Error {
	n, c := q.Need, q.Caller
	if c.Anonymous() {
		return awserr.AccessDenied
	}
	if c.Federated() {
		return awserr.AccessDenied.WithMessage("Not authorized to perform %s", n.Action)
	}
	resource := " on resource: " + cmp.Or(n.Shown, n.Resource)
	if strings.HasPrefix(n.Action, "s3:") {
		if n.Bucket != nil && n.Bucket.AccountID != c.AccountID {
			return awserr.AccessDenied
		}
		resource = ` on resource: "` + n.Resource + `"`
		if n.Action == "s3:ListAllMyBuckets" || n.Resource == "*" {
			resource = ""
		}
	}
	message := fmt.Sprintf("User: %s is not authorized to perform: %s%s %s", c.ARN, n.Action, resource, d.Because(n.Action))
	return awserr.AccessDenied.WithMessage("%s", strings.TrimRight(message, " "))
}
