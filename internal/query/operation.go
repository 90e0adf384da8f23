package query

import (
	"context"
	"fmt"
	"reflect"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/service"
)

// Spec is one row of the operation table of an API of the Query protocol. In is
// a struct with a field for each parameter that the model gives the operation,
// named as the parameter or by a `query:"name"` tag; a pointer tells a value
// that was not given from an empty one. Out is the struct of its result.
type Spec[In, Out any] struct {
	Name string

	// Check refuses what no shape can: values that contradict each other, or
	// a policy document that breaks the grammar. It looks nothing up. May be
	// nil.
	Check func(*service.Request, *In) error

	// Identity is that of service.Spec.
	Identity func(*In) service.WebIdentity

	// Needs and Unconditional are those of service.Spec.
	Needs         func(*service.Request, *In) ([]service.Need, error)
	Unconditional bool

	// Serve does the work.
	Serve func(context.Context, *service.Request, *In) (*Out, error)
}

// NoResult is the Out of an operation whose answer says only that it was done.
type NoResult struct{}

// Define makes an operation of its row. It panics when the row lacks a part or
// its input differs from the model's.
func Define[In, Out any](m *Model, s Spec[In, Out]) service.Operation {
	members, ok := m.Operations[s.Name]
	if !ok || members == nil {
		panic(fmt.Sprintf("query: the model of %s has no operation %s", m.Namespace, s.Name))
	}
	if s.Serve == nil {
		panic(fmt.Sprintf("query: nobody serves %s", s.Name))
	}
	in := inputOf(m, s.Name, reflect.TypeFor[In](), members)
	row := service.Spec[*In]{
		Name:          s.Name,
		Unconditional: s.Unconditional,
		Parse: func(r *service.Request) (*In, error) {
			v := new(In)
			if err := in.decode(s.Name, r.Params, v); err != nil {
				return nil, err
			}
			if s.Check != nil {
				if err := s.Check(r, v); err != nil {
					return nil, err
				}
			}
			return v, nil
		},
		Identity: s.Identity,
		Needs:    s.Needs,
		Serve: func(ctx context.Context, r *service.Request, v *In) (*service.Response, error) {
			out, err := s.Serve(ctx, r, v)
			if err != nil {
				return nil, err
			}
			return m.answer(r, s.Name, out), nil
		},
	}
	return service.Define(row)
}

// Service is an API of the Query protocol. It implements
// service.DocumentService.
type Service struct {
	name       string
	model      *Model
	operations map[string]service.Operation
	unsigned   bool // whether there is one that brings its caller's credential
}

// New returns the service with the given name in a signature's credential
// scope.
func New(name string, m *Model, operations []service.Operation) *Service {
	s := &Service{name: name, model: m, operations: map[string]service.Operation{}}
	for _, o := range operations {
		if _, twice := s.operations[o.Name]; twice {
			panic("query: operation " + o.Name + " is in the table twice")
		}
		s.operations[o.Name] = o
		s.unsigned = s.unsigned || o.Identifies()
	}
	return s
}

// Name returns the service's name in a signature's credential scope.
func (s *Service) Name() string { return s.name }

// Recognise finds the operation that the parameter Action names. It fails with
// MissingAction, with InvalidAction for one that AWS does not know in the
// version asked for, and with NotImplemented for one that only AWS serves.
func (s *Service) Recognise(r *service.Request) (service.Operation, error) {
	if err := readForm(r); err != nil {
		return service.Operation{}, err
	}
	if len(r.Params["Action"]) > 1 || len(r.Params["Version"]) > 1 {
		return service.Operation{}, awserr.ValidationError.WithMessage("The parameters Action and Version must be given once.")
	}
	action, version := r.Params.Get("Action"), r.Params.Get("Version")
	if action == "" {
		return service.Operation{}, awserr.MissingAction
	}
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	_, known := s.model.Operations[action]
	if !known || version != s.model.Version {
		return service.Operation{}, awserr.InvalidAction.WithMessage("Could not find operation %s for version %s", action, version)
	}
	o, served := s.operations[action]
	if !served {
		return service.Operation{}, awserr.NotImplemented.WithMessage("The operation %s is not implemented.", action)
	}
	return o, nil
}

// Operations returns the names of the operations that the service serves.
func (s *Service) Operations() []string {
	names := make([]string, 0, len(s.operations))
	for name := range s.operations {
		names = append(names, name)
	}
	return names
}
