package directorytest

import "github.com/keywright/keywright/internal/directory"

func testServiceLinkedRoles(f *fixture) {
	const service, name = "ecs.amazonaws.com", "AWSServiceRoleForECS"
	made := must[*directory.Role](f)(f.d.CreateServiceLinkedRole(f.ctx, f.account, service, name, "runs tasks"))
	if !made.ServiceLinked() || made.ARN != "arn:aws:iam::"+f.account+":role/aws-service-role/"+service+"/"+name || made.Trust == nil {
		f.Errorf("the role is %+v", made)
	}
	of := f.entity(directory.KindRole, name)
	p := f.policy("p")
	protected := &directory.ProtectedRoleError{Name: name}
	for what, call := range map[string]func() error{
		"delete": func() error { return f.d.DeleteRole(f.ctx, f.account, name) },
		"attach": func() error { return f.d.AttachPolicy(f.ctx, of, p.ARN) },
		"detach": func() error { return f.d.DetachPolicy(f.ctx, of, p.ARN) },
		"inline": func() error { return f.d.PutInlinePolicy(f.ctx, of, "i", allowAll) },
		"remove": func() error { return f.d.DeleteInlinePolicy(f.ctx, of, "i") },
		"bound":  func() error { return f.d.SetBoundary(f.ctx, of, p.ARN) },
		"trust": func() error {
			_, err := f.d.UpdateRole(f.ctx, f.account, name, directory.RoleUpdate{TrustPolicy: ptr(trustAll)})
			return err
		},
	} {
		f.fails(what, call, protected)
	}
	f.fails("the path", func() error {
		_, err := f.d.CreateRole(f.ctx, directory.Role{AccountID: f.account, Path: "/aws-service-role/x/", Name: "r", TrustPolicy: trustAll})
		return err
	}, &directory.InvalidError{Field: "path"})
	f.fails("twice", func() error {
		_, err := f.d.CreateServiceLinkedRole(f.ctx, f.account, service, name, "")
		return err
	}, &directory.ExistsError{Kind: "role", Name: name})
	f.role("r")
	f.fails("another kind of role", func() error {
		_, err := f.d.DeleteServiceLinkedRole(f.ctx, f.account, "r")
		return err
	}, &directory.NotFoundError{Kind: "role", Name: "r"})
	f.ok(f.d.TagEntity(f.ctx, of, []directory.Tag{{Key: "k", Value: "v"}}))
	_, err := f.d.UpdateRole(f.ctx, f.account, name, directory.RoleUpdate{Description: ptr("other")})
	f.ok(err)
	f.reopen()
	gone := must[*directory.Role](f)(f.d.DeleteServiceLinkedRole(f.ctx, f.account, name))
	if _, ok := f.d.Role(f.account, name); ok || gone.ID != made.ID || gone.Description != "other" {
		f.Errorf("deleted %+v, and it is there: %v", gone, ok)
	}
	f.reopen()
}
