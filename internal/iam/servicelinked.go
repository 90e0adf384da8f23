package iam

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) serviceLinkedOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateServiceLinkedRole", h.createServiceLinkedRole),
		row(h, "DeleteServiceLinkedRole", h.deleteServiceLinkedRole),
		row(h, "GetServiceLinkedRoleDeletionStatus", h.getServiceLinkedRoleDeletionStatus),
	}
}

//go:embed servicelinkedroles.txt
var serviceLinkedText string

// linkedService is a service that has a service-linked role.
type linkedService struct {
	role   string // its name
	suffix bool   // whether there may be more than one
}

var linkedServices = func() map[string]linkedService {
	services := map[string]linkedService{}
	for line := range strings.Lines(serviceLinkedText) {
		if word := strings.Fields(line); len(word) >= 2 && word[0] != "#" {
			services[word[0]] = linkedService{word[1], len(word) > 2}
		}
	}
	return services
}()

type createServiceLinkedRoleInput struct{ AWSServiceName, Description, CustomSuffix string }

// check refuses services that have no such role: nobody could say how it is
// called.
func (in createServiceLinkedRoleInput) check(*service.Request) error {
	of, ok := linkedServices[in.AWSServiceName]
	switch {
	case !ok:
		return awserr.InvalidInput.WithMessage("Service-linked roles are not supported for %s", in.AWSServiceName)
	case in.CustomSuffix != "" && !of.suffix:
		return awserr.InvalidInput.WithMessage("Custom suffix is not allowed for %s", in.AWSServiceName)
	}
	return nil
}

func (in createServiceLinkedRoleInput) roleName() string {
	name := linkedServices[in.AWSServiceName].role
	if in.CustomSuffix != "" {
		name += "_" + in.CustomSuffix
	}
	return name
}

func (in createServiceLinkedRoleInput) resource(_ *handlers, r *service.Request) resource {
	return resource{
		arn:        entityARN(r.Caller.AccountID, "role", "/aws-service-role/"+in.AWSServiceName+"/", in.roleName()),
		awsService: in.AWSServiceName,
	}
}

// createServiceLinkedRole makes the role without the policies that AWS attaches:
// the service that would use them is not here.
func (h *handlers) createServiceLinkedRole(ctx context.Context, r *service.Request, in *createServiceLinkedRoleInput) (*roleResult, error) {
	created, err := h.directory.CreateServiceLinkedRole(ctx, r.Caller.AccountID, in.AWSServiceName, in.roleName(), in.Description)
	var exists *directory.ExistsError
	if errors.As(err, &exists) {
		return nil, awserr.InvalidInput.WithMessage("Service role name %s has been taken in this account, please try a different suffix.", exists.Name)
	}
	if err != nil {
		return nil, err
	}
	x := wholeRole(created)
	x.RoleLastUsed = nil
	return &roleResult{x}, nil
}

// maxDeletions is how many deletions are remembered.
const maxDeletions = 1000

// deletion is a service-linked role that was deleted.
type deletion struct{ task, accountID, roleARN string }

// deletions are the last service-linked roles that were deleted, until the
// server stops. It is safe for concurrent use.
type deletions struct {
	mu   sync.Mutex
	last []deletion
}

func (d *deletions) add(accountID string, role *directory.Role) string {
	name := strings.TrimPrefix(role.ARN, "arn:aws:iam::"+accountID+":role/")
	b := rand.Text()
	one := deletion{"task/" + name + "/" + strings.ToLower(fmt.Sprintf("%s-%s-%s", b[:8], b[8:12], b[12:24])), accountID, role.ARN}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.last) == maxDeletions {
		d.last = slices.Delete(d.last, 0, 1)
	}
	d.last = append(d.last, one)
	return one.task
}

func (d *deletions) find(accountID, task string) (deletion, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.last, func(x deletion) bool { return x.task == task && x.accountID == accountID })
	if i < 0 {
		return deletion{}, false
	}
	return d.last[i], true
}

type deleteServiceLinkedRoleInput struct{ ofRole }

type deleteServiceLinkedRoleResult struct {
	DeletionTaskID string `xml:"DeletionTaskId"`
}

// deleteServiceLinkedRole deletes at once: no service uses the role.
func (h *handlers) deleteServiceLinkedRole(ctx context.Context, r *service.Request, in *deleteServiceLinkedRoleInput) (*deleteServiceLinkedRoleResult, error) {
	role, err := h.directory.DeleteServiceLinkedRole(ctx, r.Caller.AccountID, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &deleteServiceLinkedRoleResult{h.deletions.add(r.Caller.AccountID, role)}, nil
}

type getServiceLinkedRoleDeletionStatusInput struct{ DeletionTaskId string }

func (getServiceLinkedRoleDeletionStatusInput) check(*service.Request) error { return nil }

// resource is the role that was deleted, or, of a task that nobody knows, the one
// that its id names.
func (in getServiceLinkedRoleDeletionStatusInput) resource(h *handlers, r *service.Request) resource {
	if d, ok := h.deletions.find(r.Caller.AccountID, in.DeletionTaskId); ok {
		return resource{arn: d.roleARN}
	}
	name := strings.TrimPrefix(in.DeletionTaskId, "task/")
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[:i]
	}
	return resource{arn: entityARN(r.Caller.AccountID, "role", "/", name)}
}

type getServiceLinkedRoleDeletionStatusResult struct{ Status string }

func (h *handlers) getServiceLinkedRoleDeletionStatus(_ context.Context, r *service.Request, in *getServiceLinkedRoleDeletionStatusInput) (*getServiceLinkedRoleDeletionStatusResult, error) {
	if _, ok := h.deletions.find(r.Caller.AccountID, in.DeletionTaskId); !ok {
		return nil, awserr.NoSuchEntity.WithMessage("Deletion task with id %s cannot be found.", in.DeletionTaskId)
	}
	return &getServiceLinkedRoleDeletionStatusResult{"SUCCEEDED"}, nil
}
