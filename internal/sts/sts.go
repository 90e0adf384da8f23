package sts

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/encodedmessage"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
	"github.com/keywright/keywright/internal/session"
)

// api is the model of STS: the shapes of the operations that are served, as AWS
// publishes them, and the names of all others. It holds a session policy of
// AssumeRole to 2,048 characters too, where AWS's own has no maximum but the
// packed size.
//
//go:embed api.json
var api []byte

// New returns the STS service. sealer makes the session tokens that
// internal/access opens.
func New(d *directory.Directory, sealer session.Sealer) (*query.Service, error) {
	m, err := query.ParseModel(api)
	if err != nil {
		return nil, err
	}
	h := &handlers{directory: d, sealer: sealer}
	return query.New("sts", m, []service.Operation{
		query.Define(m, query.Spec[struct{}, getCallerIdentityResult]{
			Name: "GetCallerIdentity", Unconditional: true, Serve: getCallerIdentity,
		}),
		query.Define(m, query.Spec[getAccessKeyInfoInput, getAccessKeyInfoResult]{
			Name: "GetAccessKeyInfo", Needs: needGetAccessKeyInfo, Serve: h.getAccessKeyInfo,
		}),
		query.Define(m, query.Spec[assumeRoleInput, assumeRoleResult]{
			Name: "AssumeRole", Check: checkAssumeRole, Needs: h.needAssumeRole, Serve: h.assumeRole,
		}),
		query.Define(m, query.Spec[assumeRoleWithWebIdentityInput, assumeRoleWithWebIdentityResult]{
			Name: "AssumeRoleWithWebIdentity", Check: checkAssumeRoleWithWebIdentity, Identity: webIdentity,
			Needs: h.needAssumeRoleWithWebIdentity, Serve: h.assumeRoleWithWebIdentity,
		}),
		query.Define(m, query.Spec[getSessionTokenInput, getSessionTokenResult]{
			Name: "GetSessionToken", Check: checkGetSessionToken, Needs: needGetSessionToken, Serve: h.getSessionToken,
		}),
		query.Define(m, query.Spec[getFederationTokenInput, getFederationTokenResult]{
			Name: "GetFederationToken", Check: checkGetFederationToken, Needs: needGetFederationToken, Serve: h.getFederationToken,
		}),
		query.Define(m, query.Spec[decodeAuthorizationMessageInput, decodeAuthorizationMessageResult]{
			Name: "DecodeAuthorizationMessage", Needs: needDecodeAuthorizationMessage, Serve: h.decodeAuthorizationMessage,
		}),
	}), nil
}

type handlers struct {
	directory *directory.Directory
	sealer    session.Sealer
}

type getCallerIdentityResult struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

func getCallerIdentity(_ context.Context, r *service.Request, _ *struct{}) (*getCallerIdentityResult, error) {
	return &getCallerIdentityResult{r.Caller.ARN, r.Caller.UserID, r.Caller.AccountID}, nil
}

type getAccessKeyInfoInput struct{ AccessKeyId string }

type getAccessKeyInfoResult struct{ Account string }

func needGetAccessKeyInfo(*service.Request, *getAccessKeyInfoInput) ([]service.Need, error) {
	return []service.Need{{Action: "sts:GetAccessKeyInfo", Resource: "*"}}, nil
}

// getAccessKeyInfo knows the keys that are kept, and the caller's own, which may be
// temporary: those of other sessions are nowhere.
func (h *handlers) getAccessKeyInfo(_ context.Context, r *service.Request, in *getAccessKeyInfoInput) (*getAccessKeyInfoResult, error) {
	if in.AccessKeyId == r.Caller.AccessKeyID {
		return &getAccessKeyInfoResult{r.Caller.AccountID}, nil
	}
	k, ok := h.directory.AccessKey(in.AccessKeyId)
	if !ok {
		return nil, awserr.NoSuchEntity.WithMessage("The Access Key with id %s cannot be found.", in.AccessKeyId)
	}
	return &getAccessKeyInfoResult{k.AccountID}, nil
}

type decodeAuthorizationMessageInput struct{ EncodedMessage string }

type decodeAuthorizationMessageResult struct{ DecodedMessage string }

func needDecodeAuthorizationMessage(*service.Request, *decodeAuthorizationMessageInput) ([]service.Need, error) {
	return []service.Need{{Action: "sts:DecodeAuthorizationMessage", Resource: "*"}}, nil
}

// decodeAuthorizationMessage opens the messages of the caller's account only.
func (h *handlers) decodeAuthorizationMessage(_ context.Context, r *service.Request, in *decodeAuthorizationMessageInput) (*decodeAuthorizationMessageResult, error) {
	text, err := encodedmessage.Decode(h.sealer, r.Caller.AccountID, in.EncodedMessage)
	if err != nil {
		return nil, awserr.InvalidAuthorizationMessage.WithCause(err)
	}
	return &decodeAuthorizationMessageResult{text}, nil
}

// credentials are temporary credentials in an answer.
type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

// seal returns the credentials of a session, and how much of the space for a
// session its policies and tags take, in percent; 0 when it has none. It fails
// with PackedPolicyTooLarge.
func (h *handlers) seal(s *session.Session) (*credentials, int, error) {
	token, err := session.Seal(h.sealer, s)
	if errors.Is(err, session.ErrTooLarge) {
		return nil, 0, awserr.PackedPolicyTooLarge.WithMessage("Packed size of session policies and tags consumes more than 100%% of allotted space, please use smaller ones.")
	}
	if err != nil {
		return nil, 0, err
	}
	size := 0
	if s.Policy != "" || len(s.PolicyARNs) > 0 || len(s.Tags) > 0 {
		size = (100*len(token) + session.MaxTokenLength - 1) / session.MaxTokenLength
	}
	return &credentials{s.AccessKeyID, s.SecretAccessKey, token, query.Timestamp(s.Expires)}, size, nil
}

// durationOf returns a number of seconds, or the default when none is given.
func durationOf(given *int, otherwise time.Duration) time.Duration {
	if given == nil {
		return otherwise
	}
	return time.Duration(*given) * time.Second
}
