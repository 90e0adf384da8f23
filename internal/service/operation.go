package service

import (
	"context"
	"fmt"

	"github.com/keywright/keywright/internal/access"
)

// Need is one permission that a request needs; see access.Need.
type Need = access.Need

// Caller is who makes a request; see access.Caller.
type Caller = access.Caller

// WebIdentity is the credential of a request that is not signed; see
// access.WebIdentity.
type WebIdentity = access.WebIdentity

// Spec is one row of an operation table: how a request is understood, what it
// needs, and who serves it. In is the operation's parsed input.
type Spec[In any] struct {
	// Name is AWS's name of the operation, such as "GetObject".
	Name string

	// Parse reads and checks the request's parameters, and its body when that
	// is a document. It changes nothing and looks nothing up, since nobody has
	// been asked yet whether the caller may.
	Parse func(*Request) (In, error)

	// Identity is the credential that stands in the input: who shows it is then
	// the request's caller, whether or not the request is signed. It is asked
	// for before Needs. nil for operations that ask for a signature.
	Identity func(In) WebIdentity

	// Needs lists what the caller must be allowed to do. All of it is decided
	// before Serve is called. A need may depend on what is stored; an error
	// ends the request, so it must say only what any caller may know.
	Needs func(*Request, In) ([]Need, error)

	// Unconditional marks an operation that every authenticated caller may
	// use, such as GetCallerIdentity. Needs is then nil.
	Unconditional bool

	// Reveals is the need without which a caller is not told that what he
	// asked for does not exist: he gets 403 for 404. May be nil.
	Reveals func(*Request, In) Need

	// Serve does the work. It runs only when every need that is not optional
	// was allowed.
	Serve func(context.Context, *Request, In) (*Response, error)
}

// Operation is a row of an operation table. The zero value serves nothing.
type Operation struct {
	Name string

	unconditional bool
	identifies    bool // brings its caller's credential itself
	plan          func(*Request) (*plan, error)
}

// Identifies reports whether the operation brings its caller's credential itself.
func (o Operation) Identifies() bool { return o.identifies }

// Served reports whether there is anything that serves the operation.
func (o Operation) Served() bool { return o.plan != nil }

// plan is an operation with the input of one request.
type plan struct {
	needs   []Need
	reveals func() Need
	serve   func(context.Context) (*Response, error)
}

// Define makes an operation of its row. It panics when the row lacks a part,
// so that no operation can be served without its needs: tables are built when
// the program starts.
func Define[In any](s Spec[In]) Operation {
	if s.Name == "" || s.Parse == nil || s.Serve == nil || (s.Needs == nil) != s.Unconditional || s.Unconditional && s.Identity != nil {
		panic(fmt.Sprintf("operation %q: a row says how it is parsed, what it needs and who serves it", s.Name))
	}
	return Operation{Name: s.Name, unconditional: s.Unconditional, identifies: s.Identity != nil, plan: func(r *Request) (*plan, error) {
		in, err := s.Parse(r)
		if err != nil {
			return nil, err
		}
		if s.Identity != nil {
			if r.Caller, err = r.identify(s.Identity(in)); err != nil {
				return nil, err
			}
		}
		p := &plan{serve: func(ctx context.Context) (*Response, error) { return s.Serve(ctx, r, in) }}
		if s.Needs != nil {
			if p.needs, err = s.Needs(r, in); err != nil {
				return nil, err
			}
		}
		if s.Reveals != nil {
			p.reveals = func() Need { return s.Reveals(r, in) }
		}
		return p, nil
	}}
}

// NoInput is the Parse of an operation without parameters.
func NoInput(*Request) (struct{}, error) { return struct{}{}, nil }
