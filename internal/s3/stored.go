package s3

import (
	"strings"

	"github.com/keywright/keywright/internal/objects"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/policy/condition"
)

// stored is the input of an operation on an object that must exist: the object
// that the request names, as it is when the needs are found.
type stored struct {
	version version
	object  objects.Object // nil unless err is
	err     error          // told only to who may know; see revealsKey
}

// version is the version of an object that a request names.
type version struct {
	given bool
	id    string
}

func parseStored(r *service.Request) (*stored, error) {
	v, err := parseVersion(r)
	return &stored{version: v}, err
}

// parseVersion reads the versionId parameter.
func parseVersion(r *service.Request) (version, error) {
	if !r.Query.Has("versionId") {
		return version{}, nil
	}
	return newVersion(r.Query.Get("versionId"))
}

// newVersion returns the version of an id, which is "null" or has the form of
// those that S3 gives out.
func newVersion(id string) (version, error) {
	isFormed := len(id) == 32 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
	if id != objects.NullVersion && !isFormed {
		return version{}, invalidArgument("versionId", id, "Invalid version id specified")
	}
	return version{given: true, id: id}, nil
}

// action returns the action that takes the place of one when a version is named.
func (v version) action(action string) string {
	if !v.given {
		return action
	}
	return strings.Replace(action, "Object", "ObjectVersion", 1)
}

func (v version) key(c *condition.Context) {
	if v.given {
		c.SetString("s3:VersionId", v.id)
	}
}

// open opens the object until the request ends.
func (in *stored) open(r *request) {
	in.object, in.err = r.open(r.bucket, r.Key, in.version)
}

// tell tells in a response which version it is about.
func (in *stored) tell(r *request, p *service.Response) *service.Response {
	return tellVersion(p, r.bucket, in.version, in.object.Info().VersionID)
}

// tags returns the tags of the object, if there is one.
func (in *stored) tags() map[string]string {
	if in.object == nil {
		return nil
	}
	return in.object.Info().Attributes.Tags
}

// need is the need for an action on the object, or on its version when one is
// named.
func (in *stored) need(r *request, action string, more ...keys) service.Need {
	return about(r.onObject(in.version.action(action), append(more, existingTags(in.tags()), in.version.key)...), in.object, in.err)
}

// storedAction returns the needs of an operation that needs one action on an
// object that must exist.
func storedAction(action string) func(*request, *stored) ([]service.Need, error) {
	return func(r *request, in *stored) ([]service.Need, error) {
		in.open(r)
		return []service.Need{in.need(r, action)}, nil
	}
}
