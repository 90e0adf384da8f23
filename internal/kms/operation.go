package kms

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/keywright/keywright/arn"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

// spec is the row of an operation: In is the members of its request, and Out
// those of its answer.
type spec[In, Out any] struct {
	name string
	// check refuses what no shape can. May be nil.
	check func(*In) error
	needs func(*service.Request, *In) ([]service.Need, error)
	serve func(context.Context, *service.Request, *In) (Out, error)
}

// empty is an answer without members.
type empty struct{}

func define[In, Out any](x spec[In, Out]) service.Operation {
	return service.Define(service.Spec[*In]{
		Name: x.name,
		Parse: func(r *service.Request) (*In, error) {
			data, err := r.ReadBody(maxLength)
			if err != nil {
				return nil, err
			}
			in := new(In)
			if err := decode(data, in); err != nil {
				return nil, err
			}
			if x.check != nil {
				return in, x.check(in)
			}
			return in, nil
		},
		Needs: x.needs,
		Serve: func(ctx context.Context, r *service.Request, in *In) (*service.Response, error) {
			out, err := x.serve(ctx, r, in)
			if err != nil {
				return nil, err
			}
			p := &service.Response{}
			p.SetHeader("Content-Type", contentType)
			p.SetHeader("X-Amzn-Requestid", r.ID)
			if _, none := any(out).(empty); none {
				return p, nil
			}
			p.Data, err = json.Marshal(out)
			return p, err
		},
	})
}

// decode reads the members of a request. One that the operation does not have is
// refused: what it asks for would not be done.
func decode(data []byte, in any) error {
	if len(data) == 0 {
		data = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 || trimmed[0] != '{' || !utf8.Valid(data) {
		return serialization
	}
	if err := d.Decode(in); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			return validation.WithMessage("The member %s is not known to the operation.", name).WithCause(err)
		}
		return serialization.WithCause(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return serialization
	}
	return nil
}

// forKey, in the members of a request, is the key that it is about.
type forKey struct {
	KeyID string `json:"KeyId"`

	key   *directory.KMSKey
	alias string
}

func (f *forKey) checkKey() error { return checkKeyID("KeyId", f.KeyID) }

func checkKeyID(member, name string) error {
	if name == "" || len(name) > 2048 {
		return validation.WithMessage("%s must be given, with at most 2048 characters.", member)
	}
	return nil
}

// find finds the key of a name for an action. Operations that use a key take
// aliases, and those of them that other accounts may use take their keys; all
// others take a key's id or ARN, of the caller's own account.
func (s *Service) find(r *service.Request, name, action string, use bool) (*directory.KMSKey, string, error) {
	account := r.Caller.AccountID
	k, alias, ok := s.directory.FindKMSKey(account, name)
	parsed, err := arn.Parse(name)
	isARN := strings.HasPrefix(name, "arn:")
	switch {
	case isARN && (err != nil || parsed.Service != "kms"):
		return nil, "", refusal("InvalidArnException", "Invalid arn "+name)
	case isARN && !ok && parsed.Region != s.region:
		return nil, "", notFound.WithMessage("Invalid arn %s", parsed.Region)
	case isARN && use && parsed.AccountID != account && !ok:
		return nil, "", accessDenied.WithMessage("%s", NoKeyOfOthers(r, name, action))
	case alias != "" && !use:
		return nil, "", notFound.WithMessage("Invalid keyId '%s'", name)
	case ok && (use || k.AccountID == account):
		return k, alias, nil
	case alias != "":
		return nil, "", notFound.WithMessage("Alias arn:aws:kms:%s:%s:%s is not found.", s.region, account, strings.TrimPrefix(alias, "arn:"))
	case isARN:
		return nil, "", notFound.WithMessage("Key '%s' does not exist", name)
	case strings.Count(name, "-") != 4:
		return nil, "", notFound.WithMessage("Invalid keyId '%s'", name)
	}
	return nil, "", notFound.WithMessage("Key 'arn:aws:kms:%s:%s:key/%s' does not exist", s.region, account, name)
}

// NoKeyOfOthers is the message of a denial to use another account's key or alias
// that does not exist, as though its policy did not allow it.
func NoKeyOfOthers(r *service.Request, name, action string) string {
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s because no resource-based policy allows the %s action", r.Caller.ARN, action, name, action)
}

// keyNeeds returns the needs of an operation that needs one action on its own
// account's key.
func keyNeeds[In any](s *Service, action string, of func(*In) *forKey) func(*service.Request, *In) ([]service.Need, error) {
	return func(r *service.Request, in *In) (_ []service.Need, err error) {
		f := of(in)
		if f.key, f.alias, err = s.find(r, f.KeyID, action, false); err != nil {
			return nil, err
		}
		return []service.Need{Use{Key: f.key}.Need(r, action)}, nil
	}
}

// useNeeds is keyNeeds for an operation that other accounts may use, and which
// takes aliases.
func useNeeds[In any](s *Service, action string, of func(*In) (*forKey, map[string]string)) func(*service.Request, *In) ([]service.Need, error) {
	return func(r *service.Request, in *In) (_ []service.Need, err error) {
		f, bound := of(in)
		if f.key, f.alias, err = s.find(r, f.KeyID, action, true); err != nil {
			return nil, err
		}
		return []service.Need{Use{Key: f.key, Context: bound, Alias: f.alias}.Need(r, action)}, nil
	}
}

// anyNeed returns the needs of an operation that is about no one key.
func anyNeed[In any](action string) func(*service.Request, *In) ([]service.Need, error) {
	return func(r *service.Request, _ *In) ([]service.Need, error) {
		return []service.Need{aboutAny(r, action)}, nil
	}
}
