package conformance

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keywright/keywright/conformance/harness"
)

// authenticator is a program that shows one-time codes (RFC 6238), written apart
// from the server's.
type authenticator struct {
	secret []byte
	last   int64 // the period of the last code
}

// next returns a code that was not there before: of this period or, when that was
// shown, of the next. However long a command takes, the server is as far.
func (a *authenticator) next() string {
	a.last = max(a.last+1, time.Now().Unix()/30)
	return a.code(a.last)
}

// code returns the code of a period.
func (a *authenticator) code(period int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(period))
	mac := hmac.New(sha1.New, a.secret)
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
}

// TestSecondFactor gives a user a virtual device with the AWS CLI. What a policy
// allows only with a second factor he gets by GetSessionToken, and a role whose
// trust policy asks for one by AssumeRole ("Secure API access with MFA", IAM User
// Guide).
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "secret", "s")
	account, err := s.Account(t.Context())
	must(t)(err)
	root := newShell(t, s, s.Root)
	creds := newUser(t, s, "clerk", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["iam:*MFADevice*","iam:GetUser"],"Resource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:mfa/${aws:username}"]},
		{"Effect":"Allow","Action":["s3:GetObject","iam:ListUsers"],"Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"3600"}}},
		{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`)
	user := newShell(t, s, creds)
	role, err := s.NewRole(t.Context(), "guarded", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+account+`"},"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}`)
	must(t)(err)
	get := []string{"s3api", "get-object", "--bucket", bucket, "--key", "secret", "out"}
	user.fails(get, "AccessDenied")
	user.fails([]string{"iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "eve", "--outfile", "x", "--bootstrap-method", "Base32StringSeed"}, "AccessDenied")

	// The seed comes as text, and as an image to be photographed.
	root.ok("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "spare", "--outfile", "qr.png", "--bootstrap-method", "QRCodePNG")
	picture, err := png.DecodeConfig(bytes.NewReader([]byte(root.read("qr.png"))))
	if err != nil || picture.Width < 100 {
		t.Errorf("the QR code is %+v, %v", picture, err)
	}
	user.ok("iam", "create-virtual-mfa-device", "--virtual-mfa-device-name", "clerk", "--outfile", "seed", "--bootstrap-method", "Base32StringSeed")
	secret, err := base32.StdEncoding.DecodeString(user.read("seed"))
	must(t)(err)
	device, serial := &authenticator{secret: secret}, "arn:aws:iam::"+account+":mfa/clerk"
	enable := func(first, second string) []string {
		return []string{"iam", "enable-mfa-device", "--user-name", "clerk", "--serial-number", serial, "--authentication-code1", first, "--authentication-code2", second}
	}
	user.fails(enable("000000", "000001"), "InvalidAuthenticationCode")
	second := device.next()
	first := device.code(device.last - 1)
	user.ok(enable(first, second)...)
	user.fails(enable(first, second), "EntityAlreadyExists")
	contains(t, user.ok("iam", "list-mfa-devices", "--user-name", "clerk"), serial, `"UserName": "clerk"`)
	contains(t, user.ok("iam", "get-mfa-device", "--serial-number", serial), `"EnableDate"`)
	contains(t, root.ok("iam", "list-virtual-mfa-devices", "--assignment-status", "Unassigned"), ":mfa/spare")
	contains(t, root.ok("iam", "get-account-summary"), `"MFADevices": 2`, `"MFADevicesInUse": 1`)
	ran(t, "client cli mfa")

	// With another code, which counts once.
	proof := []string{"--serial-number", serial, "--token-code"}
	session := func(command []string, code string) []string {
		return append(append([]string{"sts"}, command...), append(proof, code)...)
	}
	token := []string{"get-session-token"}
	user.fails(session(token, "000000"), "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
	code := device.next()
	proved := temporaryShell(t, s, user.ok(session(token, code)...))
	user.fails(session(token, code), "AccessDenied", "MultiFactorAuthentication failed")
	proved.ok(get...)
	contains(t, proved.ok("iam", "list-users"), `"UserName": "clerk"`)
	unproved := temporaryShell(t, s, user.ok("sts", "get-session-token"))
	unproved.fails(get, "AccessDenied")
	unproved.fails([]string{"iam", "get-user"}, "AccessDenied")
	ran(t, "client cli mfa")

	// The role's trust policy asks for the proof; its session has none of it.
	assume := []string{"assume-role", "--role-arn", role, "--role-session-name", "guarded"}
	user.fails(append([]string{"sts"}, assume...), "AccessDenied")
	user.fails(session(assume, "000000"), "AccessDenied")
	guarded := temporaryShell(t, s, user.ok(session(assume, device.next())...))
	guarded.ok("iam", "list-users")
	guarded.fails(get, "AccessDenied")
	proved.ok(append([]string{"sts"}, assume...)...) // his session has proved it
	ran(t, "client cli mfa")

	root.fails([]string{"iam", "delete-virtual-mfa-device", "--serial-number", serial}, "DeleteConflict")
	root.ok("iam", "deactivate-mfa-device", "--user-name", "clerk", "--serial-number", serial)
	user.fails(session(token, device.next()), "AccessDenied")
	root.ok("iam", "delete-virtual-mfa-device", "--serial-number", serial)
	contains(t, root.ok("iam", "list-mfa-devices", "--user-name", "clerk"), `"MFADevices": []`)
	ran(t, "client cli mfa")
}

// temporaryShell runs commands with the credentials that an STS command printed.
func temporaryShell(t *testing.T, s *harness.Server, printed string) *shell {
	t.Helper()
	var out struct{ Credentials types.Credentials }
	must(t)(json.Unmarshal([]byte(printed), &out))
	c := out.Credentials
	return newShell(t, s, aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken})
}
