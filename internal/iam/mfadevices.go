package iam

import (
	"bytes"
	"context"
	"encoding/base64"
	"image/png"
	"net/url"
	"slices"

	"github.com/pquerna/otp"

	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/query"
	"github.com/keywright/keywright/internal/service"
)

func (h *handlers) mfaOperations() []service.Operation {
	return []service.Operation{
		row(h, "CreateVirtualMFADevice", h.createVirtualMFADevice),
		row(h, "DeleteVirtualMFADevice", h.deleteVirtualMFADevice),
		row(h, "ListVirtualMFADevices", h.listVirtualMFADevices),
		row(h, "EnableMFADevice", h.enableMFADevice),
		row(h, "ResyncMFADevice", h.resyncMFADevice),
		row(h, "DeactivateMFADevice", h.deactivateMFADevice),
		row(h, "GetMFADevice", h.getMFADevice),
		row(h, "ListMFADevices", h.listMFADevices),
		row(h, "TagMFADevice", h.tagMFADevice),
		row(h, "UntagMFADevice", h.untagMFADevice),
		row(h, "ListMFADeviceTags", h.listMFADeviceTags),
	}
}

// mfaDevice is a user's device in an answer.
type mfaDevice struct{ UserName, SerialNumber, EnableDate string }

func mfaDeviceOf(m *directory.MFADevice) mfaDevice {
	return mfaDevice{m.UserName, m.SerialNumber, query.Timestamp(m.Enabled)}
}

// virtualMFADevice is a device in an answer. The seed is in that of
// CreateVirtualMFADevice only, as text and as the image that programs for
// one-time codes read.
type virtualMFADevice struct {
	SerialNumber     string
	Base32StringSeed string `xml:",omitempty"` // base64 of base32
	QRCodePNG        string `xml:",omitempty"` // base64
	User             *user
	EnableDate       string `xml:",omitempty"`
	Tags             *query.List[directory.Tag]
}

func serialNumber(m *directory.MFADevice) string { return m.SerialNumber }

// ofMFADevice is the part of an input that names a device by its serial number.
type ofMFADevice struct{ SerialNumber string }

func (ofMFADevice) check(*service.Request) error { return nil }

func (in ofMFADevice) resource(h *handlers, r *service.Request) resource {
	if m, ok := h.directory.MFADevice(r.Caller.AccountID, in.SerialNumber); ok {
		return resource{arn: m.SerialNumber, tags: m.Tags}
	}
	if prefix := "arn:aws:iam::" + r.Caller.AccountID + ":mfa/"; len(in.SerialNumber) > len(prefix) && in.SerialNumber[:len(prefix)] == prefix {
		return resource{arn: in.SerialNumber}
	}
	return resource{arn: entityARN(r.Caller.AccountID, "mfa", "", in.SerialNumber)}
}

type createVirtualMFADeviceInput struct {
	Path, VirtualMFADeviceName string
	Tags                       []directory.Tag
}

func (in createVirtualMFADeviceInput) check(*service.Request) error { return checkTags(in.Tags) }

func (in createVirtualMFADeviceInput) resource(_ *handlers, r *service.Request) resource {
	return resource{
		arn:     entityARN(r.Caller.AccountID, "mfa", in.Path, in.VirtualMFADeviceName),
		created: true, requestTags: in.Tags,
	}
}

type createVirtualMFADeviceResult struct{ VirtualMFADevice virtualMFADevice }

func (h *handlers) createVirtualMFADevice(ctx context.Context, r *service.Request, in *createVirtualMFADeviceInput) (*createVirtualMFADeviceResult, error) {
	m, seed, err := h.directory.CreateMFADevice(ctx, directory.MFADevice{
		AccountID: r.Caller.AccountID, Path: in.Path, Name: in.VirtualMFADeviceName, Tags: in.Tags,
	})
	if err != nil {
		return nil, err
	}
	image, err := qrCode(m.Name, m.AccountID, seed)
	if err != nil {
		return nil, err
	}
	return &createVirtualMFADeviceResult{virtualMFADevice{
		SerialNumber:     m.SerialNumber,
		Base32StringSeed: base64.StdEncoding.EncodeToString([]byte(seed)),
		QRCodePNG:        base64.StdEncoding.EncodeToString(image),
		Tags:             tagsOf(m.Tags),
	}}, nil
}

// qrCodeSize is the width and height of the image, in pixels.
const qrCodeSize = 256

// qrCode returns the image of otpauth://totp/NAME@ACCOUNT?secret=SEED
// ("VirtualMFADevice", IAM API Reference).
func qrCode(name, account, seed string) ([]byte, error) {
	address := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + name + "@" + account, RawQuery: "secret=" + seed}
	key, err := otp.NewKeyFromURL(address.String())
	if err != nil {
		return nil, err
	}
	image, err := key.Image(qrCodeSize, qrCodeSize)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = png.Encode(&b, image)
	return b.Bytes(), err
}

type deleteVirtualMFADeviceInput struct{ ofMFADevice }

func (h *handlers) deleteVirtualMFADevice(ctx context.Context, r *service.Request, in *deleteVirtualMFADeviceInput) (*query.NoResult, error) {
	return done(h.directory.DeleteMFADevice(ctx, r.Caller.AccountID, in.SerialNumber))
}

type listVirtualMFADevicesInput struct {
	whole
	AssignmentStatus string
	query.Paging
}

type listVirtualMFADevicesResult struct {
	VirtualMFADevices query.List[virtualMFADevice]
	query.Page
}

func (h *handlers) listVirtualMFADevices(_ context.Context, r *service.Request, in *listVirtualMFADevicesInput) (*listVirtualMFADevicesResult, error) {
	all := slices.DeleteFunc(h.directory.MFADevices(r.Caller.AccountID), func(m *directory.MFADevice) bool {
		return in.AssignmentStatus == "Assigned" && m.UserID == "" || in.AssignmentStatus == "Unassigned" && m.UserID != ""
	})
	devices, page, err := query.Paginate(all, serialNumber, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listVirtualMFADevicesResult{query.ListOf(devices, h.listedVirtualMFADevice), page}, nil
}

// listedVirtualMFADevice returns a device as the list shows it: with its user, and
// without tags.
func (h *handlers) listedVirtualMFADevice(m *directory.MFADevice) virtualMFADevice {
	x := virtualMFADevice{SerialNumber: m.SerialNumber}
	if u, ok := h.directory.UserByID(m.UserID); ok {
		of := h.withPassword(listedUser(u), u)
		x.User, x.EnableDate = &of, query.Timestamp(m.Enabled)
	}
	return x
}

type mfaCodesInput struct {
	ofUser
	SerialNumber, AuthenticationCode1, AuthenticationCode2 string
}

func (h *handlers) enableMFADevice(ctx context.Context, r *service.Request, in *mfaCodesInput) (*query.NoResult, error) {
	return done(h.directory.EnableMFADevice(ctx, r.Caller.AccountID, in.UserName, in.SerialNumber, in.AuthenticationCode1, in.AuthenticationCode2))
}

func (h *handlers) resyncMFADevice(ctx context.Context, r *service.Request, in *mfaCodesInput) (*query.NoResult, error) {
	return done(h.directory.ResyncMFADevice(ctx, r.Caller.AccountID, in.UserName, in.SerialNumber, in.AuthenticationCode1, in.AuthenticationCode2))
}

type deactivateMFADeviceInput struct {
	ofCaller
	SerialNumber string
}

func (h *handlers) deactivateMFADevice(ctx context.Context, r *service.Request, in *deactivateMFADeviceInput) (*query.NoResult, error) {
	name := in.name(r)
	if name == "" { // root has none
		return nil, &directory.NotFoundError{Kind: "device of the user", Name: in.SerialNumber}
	}
	return done(h.directory.DeactivateMFADevice(ctx, r.Caller.AccountID, name, in.SerialNumber))
}

type getMFADeviceInput struct {
	ofCaller
	SerialNumber string
}

func (h *handlers) getMFADevice(_ context.Context, r *service.Request, in *getMFADeviceInput) (*mfaDevice, error) {
	if err := h.findNamed(r, in.ofCaller); err != nil {
		return nil, err
	}
	m, ok := h.directory.MFADevice(r.Caller.AccountID, in.SerialNumber)
	if u, found := h.directory.User(r.Caller.AccountID, in.name(r)); !ok || !found || m.UserID != u.ID {
		return nil, &directory.NotFoundError{Kind: "device of the user", Name: in.SerialNumber}
	}
	x := mfaDeviceOf(m)
	return &x, nil
}

type listMFADevicesInput struct {
	ofCaller
	query.Paging
}

type listMFADevicesResult struct {
	MFADevices query.List[mfaDevice]
	query.Page
}

func (h *handlers) listMFADevices(_ context.Context, r *service.Request, in *listMFADevicesInput) (*listMFADevicesResult, error) {
	if err := h.findNamed(r, in.ofCaller); err != nil {
		return nil, err
	}
	devices, page, err := query.Paginate(h.directory.MFADevicesForUser(r.Caller.AccountID, in.name(r)), serialNumber, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listMFADevicesResult{query.ListOf(devices, mfaDeviceOf), page}, nil
}

type tagMFADeviceInput struct {
	ofMFADevice
	Tags []directory.Tag
}

func (in tagMFADeviceInput) check(*service.Request) error { return checkTags(in.Tags) }

func (in tagMFADeviceInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofMFADevice.resource(h, r)
	x.requestTags = in.Tags
	return x
}

func (h *handlers) tagMFADevice(ctx context.Context, r *service.Request, in *tagMFADeviceInput) (*query.NoResult, error) {
	return done(h.directory.TagMFADevice(ctx, r.Caller.AccountID, in.SerialNumber, in.Tags))
}

type untagMFADeviceInput struct {
	ofMFADevice
	TagKeys []string
}

func (in untagMFADeviceInput) resource(h *handlers, r *service.Request) resource {
	x := in.ofMFADevice.resource(h, r)
	x.tagKeys = in.TagKeys
	return x
}

func (h *handlers) untagMFADevice(ctx context.Context, r *service.Request, in *untagMFADeviceInput) (*query.NoResult, error) {
	return done(h.directory.UntagMFADevice(ctx, r.Caller.AccountID, in.SerialNumber, in.TagKeys))
}

type listMFADeviceTagsInput struct {
	ofMFADevice
	query.Paging
}

func (h *handlers) listMFADeviceTags(_ context.Context, r *service.Request, in *listMFADeviceTagsInput) (*listTagsResult, error) {
	m, ok := h.directory.MFADevice(r.Caller.AccountID, in.SerialNumber)
	if !ok {
		return nil, &directory.NotFoundError{Kind: "MFA device", Name: in.SerialNumber}
	}
	tags, page, err := query.Paginate(m.Tags, tagKey, in.Paging)
	if err != nil {
		return nil, err
	}
	return &listTagsResult{query.ListOf(tags, sameTag), page}, nil
}
