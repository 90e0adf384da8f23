package directory

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"

	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval"
)

// compile fails with a *DocumentError.
func compile(document string, opts eval.Options) (*eval.Policy, error) {
	doc, err := policy.Parse([]byte(document))
	if err != nil {
		return nil, &DocumentError{opts.Name, err}
	}
	p, err := eval.Compile(doc, opts)
	if err != nil {
		return nil, &DocumentError{opts.Name, err}
	}
	return p, nil
}

// denials are the documents that stand in for one that no longer compiles.
var denials = map[eval.PolicyType]string{
	eval.Identity:            `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
	eval.PermissionsBoundary: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
	eval.Resource:            `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`,
	eval.KeyPolicy:           `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`,
	eval.Trust:               `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*"}]}`,
}

// denyAll returns a policy that denies everything, in place of one that cannot
// be read.
func denyAll(opts eval.Options) *eval.Policy {
	p, err := compile(denials[opts.Type], eval.Options{Type: opts.Type, Name: opts.Name})
	if err != nil {
		panic(err) // denials is a constant
	}
	return p
}

// loader reads records into a view.
type loader struct {
	keyring *secrets.Keyring
	log     *slog.Logger
	view    *view
}

// compile compiles a stored document. One that an earlier version of the
// program took and this one does not is never ignored, for a Deny in it would
// be lost: its holders are denied everything until it is replaced.
func (l *loader) compile(document string, opts eval.Options) *eval.Policy {
	p, err := compile(document, opts)
	if err != nil {
		l.log.Error("a stored policy does not compile, and denies everything until it is replaced",
			"policy", opts.Name, "type", opts.Type.String(), "error", err)
		return denyAll(opts)
	}
	return p
}

// known makes sure that the view has the policy that an entity holds. Only one
// of AWS's that another version of the program had can be missing: one that
// denies everything takes its place.
func (l *loader) known(arn string) {
	if arn == "" || l.view.policies[arn] != nil {
		return
	}
	l.log.Error("an attached policy is not known to this version, and denies everything until it is detached", "policy", arn)
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	row := &policyRow{arn: arn, accountID: AWSAccountID, path: "/", name: name, defaultVersion: 1, lastVersion: 1}
	row.putInto(l.view)
	opts := eval.Options{Type: eval.Identity, Name: arn}
	(&versionRow{arn: arn, number: 1, document: denials[eval.Identity], compiled: denyAll(opts)}).putInto(l.view)
}

// unseal opens the secret of an access key.
func (l *loader) unseal(sealed, id string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", fmt.Errorf("the secret of access key %s is damaged", id)
	}
	secret, err := l.keyring.Open(b, secretPurpose(id))
	if err != nil {
		return "", fmt.Errorf("the secret of access key %s: %w", id, err)
	}
	return string(secret), nil
}

func seal(k *secrets.Keyring, secret, id string) (string, error) {
	b, err := k.Seal([]byte(secret), secretPurpose(id))
	return base64.StdEncoding.EncodeToString(b), err
}

// secretPurpose is the associated data that binds a sealed secret to its
// access key.
func secretPurpose(id string) []byte { return []byte("keywright access key " + id) }

// checkPurpose is the associated data of the value that tells a wrong keyring.
var checkPurpose = []byte("keywright directory keyring check")
