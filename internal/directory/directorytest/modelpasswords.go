package directorytest

import (
	"pgregory.net/rapid"

	"github.com/keywright/keywright/internal/directory"
)

// weakPassword is allowed by no password policy of the model's.
const weakPassword = "weak"

func (r *run) pickPassword() string {
	return r.pick("password", onePassword, otherPassword, weakPassword)
}

func (r *run) createLogin() {
	of, text, reset := r.pickEntity(directory.KindUser), r.pickPassword(), rapid.Bool().Draw(r.T, "reset")
	u := r.model.entity(of)
	_, err := r.d.CreateLoginProfile(r.ctx, of.AccountID, of.Name, text, reset)
	if r.answer("createLogin", err, when(u == nil, notFound), when(u != nil && u.password != "", exists), when(text == weakPassword, password)) {
		u.password, u.Login = text, &loginDump{ResetRequired: reset}
	}
}

func (r *run) changeLogin() {
	of, text, old := r.pickEntity(directory.KindUser), r.pickPassword(), r.pickPassword()
	u := r.model.entity(of)
	has := u != nil && u.password != ""
	missing := when(!has, notFound)
	switch r.pick("change", "update", "reset", "change", "sign in", "delete") {
	case "update":
		if r.answer("updateLogin", r.d.UpdateLoginProfile(r.ctx, of.AccountID, of.Name, &text, nil), missing, when(text == weakPassword, password)) {
			u.password = text
		}
	case "reset":
		reset := rapid.Bool().Draw(r.T, "reset")
		if r.answer("resetLogin", r.d.UpdateLoginProfile(r.ctx, of.AccountID, of.Name, nil, &reset), missing) {
			u.Login = &loginDump{ResetRequired: reset}
		}
	case "change":
		err := r.d.ChangePassword(r.ctx, of.AccountID, of.Name, old, text)
		if r.answer("changePassword", err, missing, when(has && old != u.password || text == weakPassword, password)) {
			u.password, u.Login = text, &loginDump{}
		}
	case "sign in":
		_, _, err := r.d.SignIn(r.ctx, of.AccountID, of.Name, text)
		r.answer("signIn", err, when(!has || text != u.password, password))
	case "delete":
		if r.answer("deleteLogin", r.d.DeleteLoginProfile(r.ctx, of.AccountID, of.Name), missing) {
			u.password, u.Login = "", nil
		}
	}
}
