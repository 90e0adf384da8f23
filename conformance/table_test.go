package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// A row is one line of a table in testdata:
//
//	id | who | Operation name="value" ... | expected
//
// Several operations joined by "+" are made one after the other with the same
// parameters. Expected is one of
//
//	allow                       the request succeeds
//	allow a b ...               and lists exactly these prefixes, keys or buckets
//	deny s3:Action key          403 AccessDenied whose message names the caller,
//	                            the action and the resource, and that no
//	                            identity-based policy allows it; without a key
//	                            the resource is the bucket
//	deny s3:Action key -- why   the same with another reason
//	deny                        403 "Access Denied" that tells nothing
//	error 400 Code              an error of this status and code
//
// ${name} stands for what the test says it is.
type row struct {
	line        int
	id, who     string
	operations  []string
	parameters  parameters
	expectation string
}

type parameters map[string]string

// get returns a parameter as the SDK takes it: nil when it is absent, which is
// not the same as "".
func (p parameters) get(name string) *string {
	if v, ok := p[name]; ok {
		return &v
	}
	return nil
}

// number is get for a number.
func (p parameters) number(name string) *int32 {
	n, err := strconv.ParseInt(p[name], 10, 32)
	if err != nil {
		return nil
	}
	return aws.Int32(int32(n))
}

var parameterSyntax = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*")`)

// table reads a table of testdata.
func table(t *testing.T, name string) []row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	must(t)(err)
	return parse(t, name, string(text))
}

// inline reads rows that a test has by itself.
func inline(t *testing.T, rows ...string) []row {
	t.Helper()
	return parse(t, t.Name(), strings.Join(rows, "\n"))
}

func parse(t *testing.T, name, text string) []row {
	t.Helper()
	var rows []row
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRow(line)
		if err != nil {
			t.Fatalf("%s:%d: %v", name, n+1, err)
		}
		r.line = n + 1
		rows = append(rows, r)
	}
	return rows
}

func parseRow(line string) (row, error) {
	cells := strings.Split(line, " | ")
	if len(cells) != 4 {
		return row{}, fmt.Errorf("%d cells, want 4", len(cells))
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	names, rest, _ := strings.Cut(cells[2], " ")
	r := row{id: cells[0], who: cells[1], operations: strings.Split(names, "+"), parameters: parameters{}, expectation: cells[3]}
	for _, m := range parameterSyntax.FindAllStringSubmatch(rest, -1) {
		value, err := strconv.Unquote(m[2])
		if err != nil {
			return row{}, fmt.Errorf("%s: %w", m[0], err)
		}
		r.parameters[m[1]] = value
	}
	if left := strings.TrimSpace(parameterSyntax.ReplaceAllString(rest, "")); left != "" {
		return row{}, fmt.Errorf("%q is no parameter", left)
	}
	return r, nil
}

// with returns the row with its variables, each a name and its value, filled in.
func (r row) with(variables ...string) row {
	replacer := strings.NewReplacer(variables...)
	filled := parameters{}
	for name, value := range r.parameters {
		filled[name] = replacer.Replace(value)
	}
	r.parameters, r.expectation = filled, replacer.Replace(r.expectation)
	return r
}

// caller makes the requests of a table's rows.
type caller struct {
	arn    string // as denials name it
	bucket string // when a row names none
	client *s3.Client
	upload string // id of the multipart upload that was created last
	etag   string // of the part that was uploaded last
}

// check makes the requests of a row and compares the answers with what the row
// expects.
func (c *caller) check(t *testing.T, r row) {
	t.Helper()
	for _, name := range r.operations {
		operation, ok := operations[name]
		if !ok {
			t.Fatalf("line %d: no operation %q", r.line, name)
		}
		listing, err := operation(t.Context(), c, r.parameters)
		if problem := c.judge(name, r, listing, err); problem != "" {
			t.Errorf("line %d: %s %s %v as %s: %s\nwant %s", r.line, r.id, name, r.parameters, c.arn, problem, r.expectation)
		}
		ran(t, r.id)
	}
}

// judge returns what is wrong with an answer, or "".
func (c *caller) judge(operation string, r row, listing []string, err error) string {
	verdict, rest, _ := strings.Cut(r.expectation, " ")
	if verdict == "allow" {
		if err != nil {
			return err.Error()
		}
		if want := slices.Sorted(slices.Values(strings.Fields(rest))); rest != "" && !slices.Equal(listing, want) {
			return fmt.Sprintf("listed %q", listing)
		}
		return ""
	}
	if err == nil {
		return "allowed"
	}
	status, code, message := answer(err)
	got := fmt.Sprintf("%d %s: %s", status, code, message)
	if verdict == "error" {
		if wantStatus, wantCode, _ := strings.Cut(rest, " "); strconv.Itoa(status) != wantStatus || code != wantCode && !headless(operation) {
			return got
		}
		return ""
	}
	if status != 403 {
		return got
	}
	if headless(operation) { // its answer has no body
		return ""
	}
	if want := c.denial(r, rest); code != "AccessDenied" || message != want {
		return got + "\nwant the message " + want
	}
	return ""
}

// denial returns the message of AccessDenied that a row expects ("Troubleshoot
// access denied (403 Forbidden) errors in Amazon S3", Amazon S3 User Guide).
func (c *caller) denial(r row, what string) string {
	if what == "" {
		return "Access Denied"
	}
	what, reason, explained := strings.Cut(what, " -- ")
	action, key, _ := strings.Cut(what, " ")
	if !explained {
		reason = "because no identity-based policy allows the " + action + " action"
	}
	if action == "s3:ListAllMyBuckets" { // there is no resource to name
		return fmt.Sprintf("User: %s is not authorized to perform: %s %s", c.arn, action, reason)
	}
	resource := "arn:aws:s3:::" + c.bucketOf(r.parameters)
	if key != "" {
		resource += "/" + key
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %q %s", c.arn, action, resource, reason)
}

func headless(operation string) bool { return strings.HasPrefix(operation, "Head") }

// answer returns the HTTP status, the code and the message of an SDK error.
func answer(err error) (status int, code, message string) {
	if response := new(awshttp.ResponseError); errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return status, api.ErrorCode(), api.ErrorMessage()
	}
	return status, "", err.Error()
}

func (c *caller) bucketOf(p parameters) string {
	if b, ok := p["bucket"]; ok {
		return b
	}
	return c.bucket
}

// operations are the requests that tables can make: each returns what it
// listed, if anything.
var operations = map[string]func(context.Context, *caller, parameters) ([]string, error){
	"ListBuckets": func(ctx context.Context, c *caller, _ parameters) ([]string, error) {
		out, err := c.client.ListBuckets(ctx, &s3.ListBucketsInput{})
		if err != nil {
			return nil, err
		}
		var names []string
		for _, b := range out.Buckets {
			names = append(names, aws.ToString(b.Name))
		}
		return names, nil
	},
	"GetBucketLocation": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: aws.String(c.bucketOf(p))})
		return nil, err
	},
	"HeadBucket": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(c.bucketOf(p))})
		return nil, err
	},
	"ListObjects": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		out, err := c.client.ListObjects(ctx, &s3.ListObjectsInput{
			Bucket: aws.String(c.bucketOf(p)), Prefix: p.get("prefix"), Delimiter: p.get("delimiter"), MaxKeys: p.number("maxKeys")})
		if err != nil {
			return nil, err
		}
		return listed(out.Contents, out.CommonPrefixes), nil
	},
	"ListObjectsV2": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		out, err := c.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{
			Bucket: aws.String(c.bucketOf(p)), Prefix: p.get("prefix"), Delimiter: p.get("delimiter"), MaxKeys: p.number("maxKeys")})
		if err != nil {
			return nil, err
		}
		return listed(out.Contents, out.CommonPrefixes), nil
	},
	"ListObjectVersions": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{
			Bucket: aws.String(c.bucketOf(p)), Prefix: p.get("prefix"), Delimiter: p.get("delimiter")})
		return nil, err
	},
	"GetObject": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		out, err := c.client.GetObject(ctx, &s3.GetObjectInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), VersionId: p.get("versionId"), Range: p.get("range")})
		if err != nil {
			return nil, err
		}
		return nil, out.Body.Close()
	},
	"HeadObject": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.HeadObject(ctx, &s3.HeadObjectInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), VersionId: p.get("versionId")})
		return nil, err
	},
	"PutObject": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), Body: strings.NewReader(p["body"]),
			ACL: types.ObjectCannedACL(p["acl"]), Tagging: p.get("tagging"), StorageClass: types.StorageClass(p["storageClass"])})
		return nil, err
	},
	"DeleteObject": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), VersionId: p.get("versionId")})
		return nil, err
	},
	"CopyObject": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.CopyObject(ctx, &s3.CopyObjectInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), CopySource: aws.String(c.bucketOf(p) + "/" + p["source"]),
			StorageClass: types.StorageClass(p["storageClass"]), ServerSideEncryption: types.ServerSideEncryption(p["sse"])})
		return nil, err
	},
	"PutObjectAcl": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.PutObjectAcl(ctx, &s3.PutObjectAclInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), ACL: types.ObjectCannedACL(p["acl"])})
		return nil, err
	},
	"GetObjectAcl": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.GetObjectAcl(ctx, &s3.GetObjectAclInput{Bucket: aws.String(c.bucketOf(p)), Key: p.get("key")})
		return nil, err
	},
	"GetObjectTagging": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: aws.String(c.bucketOf(p)), Key: p.get("key")})
		return nil, err
	},
	"PutObjectTagging": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.PutObjectTagging(ctx, &s3.PutObjectTaggingInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"),
			Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}})
		return nil, err
	},
	"CreateMultipartUpload": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		out, err := c.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(c.bucketOf(p)), Key: p.get("key")})
		if err != nil {
			return nil, err
		}
		c.upload = aws.ToString(out.UploadId)
		return nil, nil
	},
	"UploadPart": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		out, err := c.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), UploadId: &c.upload, PartNumber: aws.Int32(1), Body: strings.NewReader(p["body"])})
		if err != nil {
			return nil, err
		}
		c.etag = aws.ToString(out.ETag)
		return nil, nil
	},
	"ListParts": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.ListParts(ctx, &s3.ListPartsInput{Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), UploadId: &c.upload})
		return nil, err
	},
	"CompleteMultipartUpload": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), UploadId: &c.upload,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: &c.etag}}}})
		return nil, err
	},
	"AbortMultipartUpload": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: aws.String(c.bucketOf(p)), Key: p.get("key"), UploadId: &c.upload})
		return nil, err
	},
	"ListMultipartUploads": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: aws.String(c.bucketOf(p)), Prefix: p.get("prefix")})
		return nil, err
	},
	"GetBucketPolicy": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: aws.String(c.bucketOf(p))})
		return nil, err
	},
	"GetBucketPolicyStatus": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.GetBucketPolicyStatus(ctx, &s3.GetBucketPolicyStatusInput{Bucket: aws.String(c.bucketOf(p))})
		return nil, err
	},
	"PutBucketPolicy": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String(c.bucketOf(p)), Policy: p.get("policy")})
		return nil, err
	},
	"DeleteBucketPolicy": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: aws.String(c.bucketOf(p))})
		return nil, err
	},
	"DeleteBucket": func(ctx context.Context, c *caller, p parameters) ([]string, error) {
		_, err := c.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(c.bucketOf(p))})
		return nil, err
	},
}

// listed returns the keys and the common prefixes of a page in the order of
// their bytes.
func listed(contents []types.Object, prefixes []types.CommonPrefix) []string {
	var names []string
	for _, o := range contents {
		names = append(names, aws.ToString(o.Key))
	}
	for _, p := range prefixes {
		names = append(names, aws.ToString(p.Prefix))
	}
	slices.Sort(names)
	return names
}
