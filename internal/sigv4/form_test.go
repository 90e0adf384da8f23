package sigv4

import (
	"encoding/base64"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/internal/awserr"
	"github.com/keywright/keywright/internal/postform"
)

const (
	exampleID     = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleBucket = "sigv4examplebucket"
)

// examplePolicy is the policy of AWS's example, with the line ends that its
// signature covers ("Example: Browser-Based Upload using HTTP POST", Amazon S3
// API Reference).
var examplePolicy = base64.StdEncoding.EncodeToString([]byte(strings.ReplaceAll(`{ "expiration": "2015-12-30T12:00:00.000Z",
  "conditions": [
    {"bucket": "sigv4examplebucket"},
    ["starts-with", "$key", "user/user1/"],
    {"acl": "public-read"},
    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
    ["starts-with", "$Content-Type", "image/"],
    {"x-amz-meta-uuid": "14365123651274"},
    {"x-amz-server-side-encryption": "AES256"},
    ["starts-with", "$x-amz-meta-tag", ""],

    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},
    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},
    {"x-amz-date": "20151229T000000Z" }
  ]
}`, "\n", "\r\n")))

// exampleForm are the fields of the example's form, in its order.
var exampleForm = [][2]string{
	{"key", "user/user1/${filename}"},
	{"acl", "public-read"},
	{"success_action_redirect", "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},
	{"Content-Type", "image/jpeg"},
	{"x-amz-meta-uuid", "14365123651274"},
	{"x-amz-server-side-encryption", "AES256"},
	{"X-Amz-Credential", exampleID + "/20151229/us-east-1/s3/aws4_request"},
	{"X-Amz-Algorithm", Algorithm},
	{"X-Amz-Date", "20151229T000000Z"},
	{"x-amz-meta-tag", ""},
	{"Policy", examplePolicy},
	{"X-Amz-Signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"},
}

// postForm reads the example's form with changes: a value for each field, or
// "-" for a field to leave out.
func postForm(t *testing.T, change map[string]string) *postform.Form {
	t.Helper()
	var b strings.Builder
	write := func(name, value string) {
		b.WriteString("--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n")
	}
	for _, x := range exampleForm {
		value, changed := change[x[0]]
		switch {
		case !changed:
			write(x[0], x[1])
		case value != "-":
			write(x[0], value)
		}
	}
	for name, value := range change {
		if strings.HasPrefix(name, "+") {
			write(name[1:], value)
		}
	}
	b.WriteString("--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"MyFilename.jpg\"\r\n\r\ncontent\r\n--B--\r\n")
	r := httptest.NewRequest("POST", "/", strings.NewReader(b.String()))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	f, err := postform.Read(r, exampleBucket)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestForm(t *testing.T) {
	at := time.Date(2015, 12, 29, 12, 0, 0, 0, time.UTC)
	without := func(names ...string) map[string]string {
		m := map[string]string{}
		for _, name := range names {
			m[name] = "-"
		}
		return m
	}
	anonymous := without("Policy", "X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date")
	unsigned := without("X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date")
	for _, c := range []struct {
		name   string
		change map[string]string
		at     time.Time
		code   string // "" is signed, "anonymous" is not
		text   string
	}{
		{"AWS's example", nil, at, "", ""},
		{"anonymous", anonymous, at, "anonymous", ""},
		{"a policy that nobody signed", unsigned, at, "AccessDenied", "Access Denied"},
		{"a token alone", map[string]string{"Policy": "-", "X-Amz-Signature": "-", "X-Amz-Algorithm": "-", "X-Amz-Credential": "-", "X-Amz-Date": "-", "+x-amz-security-token": "t"}, at, "InvalidArgument", "'X-Amz-Signature'"},
		{"no signature", without("X-Amz-Signature"), at, "InvalidArgument", "Bucket POST must contain a field named 'X-Amz-Signature'.  If it is specified, please check the order of the fields."},
		{"no algorithm and no credential", without("X-Amz-Algorithm", "X-Amz-Credential"), at, "InvalidArgument", "'X-Amz-Algorithm'"},
		{"no credential", without("X-Amz-Credential"), at, "InvalidArgument", "'X-Amz-Credential'"},
		{"no date", without("X-Amz-Date"), at, "InvalidArgument", "'X-Amz-Date'"},
		{"no policy", without("Policy"), at, "InvalidArgument", "'policy'"},
		{"Signature Version 2", map[string]string{"+AWSAccessKeyId": "AKIA", "+signature": "c2ln"}, at, "InvalidRequest", "Please use AWS4-HMAC-SHA256."},
		{"Signature Version 2 without a key", map[string]string{"+Signature": "c2ln"}, at, "InvalidRequest", "Please use AWS4-HMAC-SHA256."},
		{"Signature Version 4A", map[string]string{"X-Amz-Algorithm": "AWS4-ECDSA-P256-SHA256"}, at, "NotImplemented", "4A"},
		{"another algorithm", map[string]string{"X-Amz-Algorithm": "AWS4-HMAC-SHA1"}, at, "InvalidArgument", "X-Amz-Algorithm only supports"},
		{"two credentials", map[string]string{"+x-amz-CREDENTIAL": "AKIA/20151229/us-east-1/s3/aws4_request"}, at, "InvalidArgument", "mal-formed"},
		{"an empty access key", map[string]string{"X-Amz-Credential": "/20151229/us-east-1/s3/aws4_request"}, at, "InvalidArgument", "a non-empty Access Key (AKID) must be provided in the credential."},
		{"another service", map[string]string{"X-Amz-Credential": exampleID + "/20151229/us-east-1/iam/aws4_request"}, at, "InvalidArgument", `incorrect service "iam".`},
		{"another day", map[string]string{"X-Amz-Credential": exampleID + "/20151228/us-east-1/s3/aws4_request"}, at, "InvalidArgument", "Invalid credential date"},
		{"no time", map[string]string{"X-Amz-Date": "2015-12-29"}, at, "InvalidArgument", "ISO8601"},
		{"another signature", map[string]string{"X-Amz-Signature": strings.Repeat("0", 64)}, at, "SignatureDoesNotMatch", ""},
		{"an empty signature", map[string]string{"X-Amz-Signature": ""}, at, "SignatureDoesNotMatch", ""},
		{"another region", map[string]string{"X-Amz-Credential": exampleID + "/20151229/eu-west-1/s3/aws4_request"}, at, "SignatureDoesNotMatch", ""},
		{"a policy that was cut", map[string]string{"Policy": examplePolicy[:len(examplePolicy)-2]}, at, "SignatureDoesNotMatch", ""},
		{"the signature after the policy's expiration", nil, time.Date(2015, 12, 30, 12, 0, 1, 0, time.UTC), "AccessDenied", "Invalid according to Policy: Policy expired."},
		{"the signature after seven days", nil, at.Add(8 * 24 * time.Hour), "AccessDenied", "Request has expired"},
		{"the signature before its time", nil, at.Add(-13 * time.Hour), "AccessDenied", "Request is not yet valid"},
		{"another acl", map[string]string{"acl": "private"}, at, "AccessDenied", `Policy Condition failed: ["eq", "$acl", "public-read"]`},
		{"one more field", map[string]string{"+x-amz-meta-more": "1"}, at, "AccessDenied", "Extra input fields: x-amz-meta-more"},
		{"another key", map[string]string{"key": "user/user2/x"}, at, "AccessDenied", `["starts-with", "$key", "user/user1/"]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := postForm(t, c.change)
			s, err := ParseForm(f)
			if c.code == "anonymous" {
				if s != nil || err != nil {
					t.Errorf("%v, %v", s, err)
				}
				return
			}
			if err == nil {
				err = s.Verify(nil, exampleSecret, c.at)
			}
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				body, err := s.Body(nil, exampleSecret)
				if err != nil {
					t.Fatal(err)
				}
				if content, err := io.ReadAll(body); err != nil || string(content) != "content" || f.Get("key") != "user/user1/MyFilename.jpg" {
					t.Errorf("%q under %q, %v", content, f.Get("key"), err)
				}
				return
			}
			e := awserr.From(err)
			if err == nil || e.Code != c.code || !strings.Contains(e.Message, c.text) {
				t.Errorf("%v, want %s: %s", err, c.code, c.text)
			}
		})
	}
}

// TestFormMismatch holds that a client learns what was to be signed, and nothing
// of a signature that would be right.
func TestFormMismatch(t *testing.T) {
	f := postForm(t, map[string]string{"X-Amz-Signature": "abc"})
	s, err := ParseForm(f)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range awserr.From(s.Verify(nil, exampleSecret, time.Now())).Fields {
		names = append(names, x.Name)
		if x.Name == "StringToSign" && x.Value != examplePolicy {
			t.Errorf("%s", x.Value)
		}
	}
	if got := strings.Join(names, " "); got != "AWSAccessKeyId StringToSign SignatureProvided StringToSignBytes" {
		t.Error(got)
	}
}

func TestFormRegion(t *testing.T) {
	s, err := ParseForm(postForm(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	e := awserr.From(s.CheckRegion("us-west-1"))
	if e == nil || e.Code != "InvalidArgument" || e.Message != "the region 'us-east-1' is wrong; expecting 'us-west-1'" || e.Fields[0].Value != "X-Amz-Credential" {
		t.Errorf("%+v", e)
	}
}
