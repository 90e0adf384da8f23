package iam

import (
	"context"
	_ "embed"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

// api is the model of IAM: the shapes of the operations that are served, as AWS
// publishes them, and the names of all others. It leaves out one value: an
// access key cannot be set to Expired. The pattern of account aliases is written
// without a lookahead.
//
//go:embed api.json
var api []byte

// New returns the IAM service over a directory. providers looks at the OpenID
// Connect providers that are made.
func New(d *directory.Directory, providers Providers) (*query.Service, error) {
	m, err := query.ParseModel(api)
	if err != nil {
		return nil, err
	}
	h := &handlers{directory: d, providers: providers, model: m}
	return query.New("iam", m, h.operations()), nil
}

// handlers serve the operations. Each returns the directory's errors as they
// are; row puts them into IAM's words.
type handlers struct {
	directory *directory.Directory
	providers Providers
	model     *query.Model
	reports   credentialReports
	deletions deletions
}

// input is the parameters of an operation.
type input interface {
	// check refuses what no shape can.
	check(*service.Request) error
	// resource returns what the operation acts on, as it is and as the request
	// describes it.
	resource(*handlers, *service.Request) resource
}

// mover is the input of an operation that gives its resource another ARN, on
// which the caller must be allowed to perform it too.
type mover interface {
	destination(*handlers, *service.Request) resource
}

// passer is the input of an operation that gives a role to a service, which the
// caller must be allowed to pass.
type passer interface {
	passed(*handlers, *service.Request) resource
}

// owned is the input of an operation that some users are allowed unless it is
// denied to them. owner returns the unique id of the caller when he is one of
// them, and else "".
type owned interface {
	owner(*handlers, *service.Request) string
}

// row returns the row of an operation that needs the permission of its own name
// on its resource, as all of IAM's do.
func row[In input, Out any](h *handlers, name string, serve func(context.Context, *service.Request, *In) (*Out, error)) service.Operation {
	action := "iam:" + name
	return query.Define(h.model, query.Spec[In, Out]{
		Name:  name,
		Check: func(r *service.Request, in *In) error { return (*in).check(r) },
		Needs: func(r *service.Request, in *In) ([]service.Need, error) {
			needs := []service.Need{(*in).resource(h, r).need(action)}
			if o, is := any(*in).(owned); is {
				needs[0].Owner = o.owner(h, r)
			}
			if m, moves := any(*in).(mover); moves {
				needs = append(needs, m.destination(h, r).need(action))
			}
			if p, passes := any(*in).(passer); passes {
				needs = append(needs, p.passed(h, r).need("iam:PassRole"))
			}
			return needs, nil
		},
		Serve: func(ctx context.Context, r *service.Request, in *In) (*Out, error) {
			out, err := serve(ctx, r, in)
			if err != nil {
				return nil, fault(err)
			}
			return out, nil
		},
	})
}

// done is the result of an operation that only does something.
func done(err error) (*query.NoResult, error) { return &query.NoResult{}, err }

func (h *handlers) operations() []service.Operation {
	var all []service.Operation
	for _, family := range [][]service.Operation{
		h.userOperations(), h.groupOperations(), h.roleOperations(), h.policyOperations(),
		h.attachmentOperations(), h.inlineOperations(), h.accessKeyOperations(), h.accountOperations(),
		h.simulationOperations(), h.instanceProfileOperations(), h.settingsOperations(), h.reportOperations(), h.absentOperations(),
		h.loginProfileOperations(), h.serviceLinkedOperations(), h.mfaOperations(), h.grantOperations(),
		h.openIDConnectOperations(),
	} {
		all = append(all, family...)
	}
	return all
}
