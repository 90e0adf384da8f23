package server

import (
	"cmp"
	"crypto/tls"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/condition"
	"github.com/keywright/keywright/policy/eval"
	"github.com/keywright/keywright/policy/eval/evaltest"
)

// A case is made of short names and of the keys that matter to it. The real
// request of it has real names, and more keys. This file knows the difference,
// and has the engine decide on what really is: where that changes the outcome,
// no request can be the one of the case.

var bucketInARN = regexp.MustCompile(`(arn:aws[a-z-]*:s3:[^:"]*:[^:"]*:)([^/",\\ ]+)`)

// realBucket returns a name that S3 takes, and that begins and ends as the
// case's, so that patterns match both or neither.
func realBucket(name string) string {
	if strings.Contains(name, "$") {
		return name
	}
	name = strings.ToLower(name)                                    // as new buckets' are
	name = strings.Replace(name, "amzn-s3-demo-", "my-s3-demo-", 1) // reserved
	if strings.ContainsAny(name, "*?") || name == "" {
		return name
	}
	for whole := name; len(name) < 3; {
		name += whole
	}
	return name
}

// real puts the names that the server has into a text.
func (w *world) real(text string) string {
	text = bucketInARN.ReplaceAllStringFunc(text, func(found string) string {
		parts := bucketInARN.FindStringSubmatch(found)
		return parts[1] + realBucket(parts[2])
	})
	for _, id := range sortedKeys(w.ids) {
		text = strings.ReplaceAll(text, id, w.ids[id])
	}
	return text
}

var principalTypes = map[string]eval.PrincipalType{
	"anonymous": eval.Anonymous, "root": eval.Root, "user": eval.User, "role": eval.AssumedRole, "federated": eval.FederatedUser,
	"provider": eval.FederatedIdentity,
}

// principal returns who makes the request of a case, as the server knows him.
func (w *world) principal(c *evaltest.Case, uniqueID string) eval.Principal {
	p := c.Principal
	r := eval.Principal{Type: principalTypes[p.Type], ARN: p.ARN, AccountID: p.AccountID, UniqueID: uniqueID}
	if a := w.accounts[p.AccountID]; a != nil {
		r.CanonicalUserID = a.canonicalID
	}
	if p.Type == "role" || p.Type == "federated" {
		r.IssuerARN = p.IssuerARN
	}
	return r
}

// implied returns the keys that a principal brings by being who he is.
func (w *world) implied(c *evaltest.Case, uniqueID string) map[string]string {
	p := c.Principal
	name := p.ARN[strings.LastIndexByte(p.ARN, '/')+1:]
	keys := map[string]string{"aws:viaawsservice": "false", "aws:requestedregion": "us-east-1"}
	if p.Type == "provider" {
		keys["aws:federatedprovider"] = p.ARN
		return keys
	}
	if p.Type == "anonymous" {
		keys["aws:principaltype"], keys["aws:userid"], keys["aws:principalaccount"] = "Anonymous", "anonymous", "anonymous"
		return keys
	}
	keys["aws:principalisawsservice"] = "false"
	keys["aws:principalarn"], keys["aws:principalaccount"] = p.ARN, p.AccountID
	switch p.Type {
	case "root":
		keys["aws:principaltype"], keys["aws:userid"] = "Account", p.AccountID
	case "user":
		keys["aws:principaltype"], keys["aws:userid"], keys["aws:username"] = "User", uniqueID, name
	case "role":
		keys["aws:principaltype"], keys["aws:userid"], keys["aws:principalarn"] = "AssumedRole", uniqueID+":"+name, p.IssuerARN
		if vouching(c) == "" {
			keys["aws:multifactorauthpresent"] = "false"
		}
	case "federated":
		keys["aws:principaltype"], keys["aws:userid"] = "FederatedUser", p.AccountID+":"+name
	}
	return keys
}

// impliedBool are the implied keys that are not texts.
var impliedBool = map[string]bool{"aws:principalisawsservice": true, "aws:viaawsservice": true, "aws:multifactorauthpresent": true}

// base returns the keys that every request as that of a case brings.
func (w *world) base(c *evaltest.Case, b *brought, implied map[string]string) *condition.Context {
	all := &condition.Context{}
	for _, k := range sortedKeys(implied) {
		if impliedBool[k] {
			all.SetBool(k, implied[k] == "true")
		} else {
			all.SetString(k, implied[k])
		}
	}
	now := cmp.Or(b.clock, time.Now())
	all.SetTime("aws:CurrentTime", now)
	all.SetInt("aws:EpochTime", now.Unix())
	all.SetBool("aws:SecureTransport", b.tls != 0)
	all.SetIP("aws:SourceIp", netip.MustParseAddr("127.0.0.1"))
	all.SetString("aws:UserAgent", "aws-sdk-go-v2")
	all.SetString("aws:ResourceAccount", c.Owner)
	if c.Principal.Type == "role" || c.Principal.Type == "federated" || b.temporary {
		all.SetTime("aws:TokenIssueTime", cmp.Or(b.issued, now))
	}
	if b.temporary && c.Principal.Type == "user" {
		all.SetBool("aws:MultiFactorAuthPresent", b.proved)
		if b.proved {
			all.SetInt("aws:MultiFactorAuthAge", int64(now.Sub(cmp.Or(b.issued, now))/time.Second))
		}
	}
	if vouching(c) != "" {
		b.setClaims(all, c)
	}
	switch service, name, _ := strings.Cut(strings.ToLower(c.Action), ":"); {
	case service == "s3":
		s3Base(all, c, b)
		if name == "putobject" {
			all.SetBool("s3:ObjectCreationOperation", true)
		}
	case service == "sts":
		all.SetString("sts:RoleSessionName", b.sessionName)
	}
	return all
}

func s3Base(all *condition.Context, c *evaltest.Case, b *brought) {
	all.SetString("s3:ResourceAccount", c.Owner)
	if strings.Contains(strings.ToLower(c.Action), "objectversion") {
		all.SetString("s3:VersionId", nullVersion)
	}
	if b.tls != 0 {
		all.SetString("s3:TlsVersion", "1."+strconv.Itoa(int(b.tls)-tls.VersionTLS10))
	}
	if c.Principal.Type == "anonymous" {
		return
	}
	all.SetString("s3:signatureversion", "AWS4-HMAC-SHA256")
	if b.presigned {
		all.SetString("s3:authType", "REST-QUERY-STRING")
		all.SetInt("s3:signatureAge", 0)
	} else {
		all.SetString("s3:authType", "REST-HEADER")
		all.SetString("s3:x-amz-content-sha256", emptySHA256)
	}
}

// realKeys returns keys with the names of the server in their values.
func (w *world) realKeys(keys []evaltest.Key) []evaltest.Key {
	var list []evaltest.Key
	for _, k := range keys {
		k.Values = slices.Clone(k.Values)
		for i, v := range k.Values {
			k.Values[i] = w.real(v)
		}
		list = append(list, k)
	}
	return list
}

// decide decides a case as it is on the server. It fails with *impossible when
// the outcome is not the case's.
func (w *world) decide(a *attempt) (eval.Decision, error) {
	policies, err := a.compile()
	if err != nil {
		return eval.Decision{}, err
	}
	keys := &condition.Context{}
	evaltest.SetKeys(keys, w.realKeys(a.c.Principal.Keys))
	evaltest.SetKeys(keys, w.realKeys(a.c.Keys))
	base := w.base(a.c, a.brought, a.implied)
	keys.Over(base)
	request := &eval.Request{Principal: a.principal, Action: a.c.Action, Resource: a.resource, ResourceAccount: a.c.Owner, Context: keys}
	d := eval.Decide(request, policies)
	if a.wants(d) {
		return d, a.alsoAllowed(*request, policies)
	}
	for _, key := range base.Keys() {
		if _, given := a.implied[key]; given {
			continue
		}
		less := base.Clone()
		less.Delete(key)
		keys.Over(less)
		if a.wants(eval.Decide(request, policies)) {
			return d, cannot("every request brings %s, which the case leaves out", key)
		}
	}
	return d, cannot("the names of the server, or its caller's keys, decide otherwise")
}

// alsoAllowed fails with *impossible unless the caller is allowed what else the
// operation needs to come to an answer: then nothing but the case's action
// decides.
func (a *attempt) alsoAllowed(request eval.Request, policies *eval.Policies) error {
	needs := a.op.first
	if a.op.also != nil && a.c.Effect == "allowed" {
		needs = append(slices.Clone(needs), a.op.also(a)...)
	}
	for _, action := range needs {
		request.Action = action
		if !eval.Decide(&request, policies).Allowed() {
			return cannot("the operation needs %s too, which the case does not allow", action)
		}
	}
	return nil
}

// compile returns the policies of an attempt as the server has them.
func (a *attempt) compile() (*eval.Policies, error) {
	p := &eval.Policies{HasSession: a.hasSession, RestrictPublicBuckets: a.restricted, ACLs: a.acls}
	var err error
	list := func(kind eval.PolicyType, documents ...string) (list []*eval.Policy) {
		for _, text := range documents {
			if text == "" || err != nil {
				continue
			}
			var compiled *eval.Policy
			if compiled, err = compileReal(kind, text, a.bound); err == nil {
				list = append(list, compiled)
			}
		}
		return list
	}
	p.Identity = list(eval.Identity, a.identity...)
	p.Session = list(eval.Session, a.session...)
	if boundary := list(eval.PermissionsBoundary, a.boundary); len(boundary) > 0 {
		p.Boundary = boundary[0]
	}
	if policy := list(eval.Resource, a.bucketPolicy); len(policy) > 0 {
		p.Resource = policy[0]
	}
	if trust := list(eval.Trust, a.trust); len(trust) > 0 {
		p.Resource = trust[0]
	}
	return p, err
}

func compileReal(kind eval.PolicyType, document string, ids map[string]string) (*eval.Policy, error) {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, cannot("the API takes no such policy: %v", err)
	}
	p, err := eval.Compile(doc, eval.Options{Type: kind, PrincipalIDs: ids})
	if err != nil {
		return nil, cannot("the API takes no such policy: %v", err)
	}
	return p, nil
}
