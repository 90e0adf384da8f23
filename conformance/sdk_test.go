package conformance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	tmtypes "github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keywright/keywright/conformance/harness"
)

// TestGoTransfers moves objects and folders with the transfer manager of the AWS
// SDK for Go: up in parts with each algorithm, from streams of unknown length,
// and down in parts and in ranges.
func TestGoTransfers(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	const size = 12<<20 + 345
	for _, a := range []tmtypes.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		for _, how := range []tmtypes.GetObjectType{tmtypes.GetObjectParts, tmtypes.GetObjectRanges} {
			m := transfermanager.New(s.S3(s.Root), func(o *transfermanager.Options) {
				o.PartSizeBytes, o.ChecksumAlgorithm, o.GetObjectType, o.MultipartUploadThreshold = 5<<20, a, how, 5<<20
			})
			name := fmt.Sprintf("%s by %s", a, how)
			stream := struct{ io.Reader }{harness.Content(name, size)}
			up, err := m.UploadObject(t.Context(), &transfermanager.UploadObjectInput{Bucket: &bucket, Key: &name, Body: stream})
			must(t)(err)
			if !strings.HasSuffix(aws.ToString(up.ETag), `-3"`) {
				t.Errorf("%s: the ETag %s is not that of three parts", name, aws.ToString(up.ETag))
			}
			down, err := m.GetObject(t.Context(), &transfermanager.GetObjectInput{Bucket: &bucket, Key: &name})
			must(t)(err)
			must(t)(harness.SameContent(down.Body, harness.Content(name, size)))
			file, err := os.Create(filepath.Join(t.TempDir(), "down"))
			must(t)(err)
			_, err = m.DownloadObject(t.Context(), &transfermanager.DownloadObjectInput{Bucket: &bucket, Key: &name, WriterAt: file})
			must(t)(err)
			must(t)(file.Seek(0, io.SeekStart))
			must(t)(harness.SameContent(file, harness.Content(name, size)))
			must(t)(file.Close())
			ran(t, "client go transfer")
		}
	}
	m := transfermanager.New(s.S3(s.Root))
	from, to := t.TempDir(), t.TempDir()
	for i := range 100 {
		path := filepath.Join(from, fmt.Sprint("folder ", i%7), fmt.Sprint("ü+", i))
		must(t)(os.MkdirAll(filepath.Dir(path), 0o700))
		must(t)(os.WriteFile(path, contentOf(path, int64(i*100)), 0o600))
	}
	up, err := m.UploadDirectory(t.Context(), &transfermanager.UploadDirectoryInput{Bucket: &bucket, Source: &from, Recursive: aws.Bool(true), KeyPrefix: aws.String("tree")})
	must(t)(err)
	down, err := m.DownloadDirectory(t.Context(), &transfermanager.DownloadDirectoryInput{Bucket: &bucket, Destination: &to, KeyPrefix: aws.String("tree/")})
	must(t)(err)
	if up.ObjectsUploaded != 100 || down.ObjectsDownloaded != 100 {
		t.Errorf("%d files went up and %d down, want 100", up.ObjectsUploaded, down.ObjectsDownloaded)
	}
	for i := range 100 {
		name := filepath.Join(fmt.Sprint("folder ", i%7), fmt.Sprint("ü+", i))
		got, err := os.ReadFile(filepath.Join(to, name))
		if err != nil || !bytes.Equal(got, contentOf(filepath.Join(from, name), int64(i*100))) {
			t.Fatalf("%s came back otherwise: %v", name, err)
		}
	}
	ran(t, "client go folder")
}

// TestGoPresign hands out requests that somebody without a key sends.
func TestGoPresign(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket, key := newBucket(t, s), "a folder/ü+%20"
	client := s.S3(s.Root)
	presign := s3.NewPresignClient(client, s3.WithPresignExpires(time.Minute))
	send := func(method, url string, header http.Header, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		must(t)(err)
		for name, values := range header {
			if name != "Host" && name != "Content-Length" {
				request.Header[name] = values
			}
		}
		reply, err := harness.Send(s.HTTP(), request)
		must(t)(err)
		ran(t, "client go presign")
		return reply.Status, string(reply.Body)
	}
	put, err := presign.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, ContentLength: aws.Int64(5), Metadata: map[string]string{"by": "url"}})
	must(t)(err)
	if status, text := send("PUT", put.URL, put.SignedHeader, "hello"); status != 200 {
		t.Errorf("put: %d %s", status, text)
	}
	get, err := presign.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, ResponseContentType: aws.String("text/x-own")})
	must(t)(err)
	if status, text := send("GET", get.URL, nil, ""); status != 200 || text != "hello" {
		t.Errorf("get: %d %s", status, text)
	}
	if status, _ := send("GET", get.URL+"0", nil, ""); status != 403 {
		t.Errorf("another signature: %d", status)
	}
	head, err := presign.PresignHeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	must(t)(err)
	if status, _ := send("HEAD", head.URL, nil, ""); status != 200 {
		t.Errorf("head: %d", status)
	}
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	must(t)(err)
	part, err := presign.PresignUploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId, PartNumber: aws.Int32(1)})
	must(t)(err)
	if status, text := send("PUT", part.URL, part.SignedHeader, "part"); status != 200 {
		t.Errorf("part: %d %s", status, text)
	}
	parts, err := client.ListParts(t.Context(), &s3.ListPartsInput{Bucket: &bucket, Key: &key, UploadId: upload.UploadId})
	must(t)(err)
	if len(parts.Parts) != 1 {
		t.Errorf("%d parts", len(parts.Parts))
	}
	gone, err := presign.PresignDeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &key})
	must(t)(err)
	if status, _ := send("DELETE", gone.URL, nil, ""); status != 204 {
		t.Errorf("delete: %d", status)
	}
	// What authenticators of others verify a caller with.
	who, err := sts.NewPresignClient(s.STS(s.Root)).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	must(t)(err)
	if status, text := send("GET", who.URL, nil, ""); status != 200 || !strings.Contains(text, ":root</Arn>") {
		t.Errorf("who asks: %d %s", status, text)
	}
}

// TestGoIdentities pages through identities, waits for them, and takes on roles
// as the SDK's providers of credentials do, one from another.
func TestGoIdentities(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.IAM(s.Root)
	const path = "/go-identities/"
	var want []string
	for i := range 25 {
		name := fmt.Sprintf("go-%02d", i)
		want = append(want, name)
		must(t)(client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: aws.String(path)}))
		must(t)(iam.NewUserExistsWaiter(client).Wait(t.Context(), &iam.GetUserInput{UserName: &name}, time.Minute))
	}
	var got []string
	pages := 0
	for p := iam.NewListUsersPaginator(client, &iam.ListUsersInput{PathPrefix: aws.String(path), MaxItems: aws.Int32(7)}); p.HasMorePages(); pages++ {
		page, err := p.NextPage(t.Context())
		must(t)(err)
		for _, u := range page.Users {
			got = append(got, *u.UserName)
		}
	}
	if !slices.Equal(got, want) || pages != 4 {
		t.Errorf("%d pages of %v", pages, got)
	}
	ran(t, "client go pages")

	user := newUser(t, s, "go-user", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}`)
	account, err := s.Account(t.Context())
	must(t)(err)
	first, err := s.NewRole(t.Context(), "go-first", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::`+account+`:user/go-user"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"of-go"}}}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::`+account+`:role/go-second"}}`)
	must(t)(err)
	second, err := s.NewRole(t.Context(), "go-second", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+first+`"},"Action":"sts:AssumeRole"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::`+bucket+`/*"}}`)
	must(t)(err)
	chained := func(externalID string) *s3.Client {
		cfg := s.Config(user)
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), first, func(o *stscreds.AssumeRoleOptions) { o.ExternalID = &externalID }))
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg.Copy()), second))
		return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	}
	put := func(client *s3.Client, bucket string) error {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: strings.NewReader("x")})
		return err
	}
	must(t)(put(chained("of-go"), bucket))
	fault(t, "put where the second role may not", put(chained("of-go"), "another-bucket-of-go"), 404, "NoSuchBucket")
	if err := put(chained("of-others"), bucket); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("another external id: %v", err)
	}
	ran(t, "client go roles")
	must(t)(s3.NewObjectExistsWaiter(s.S3(s.Root)).Wait(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("k")}, time.Minute))
	for _, a := range []types.ChecksumAlgorithm{"CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		key := "checksum-" + string(a)
		must(t)(s.S3(s.Root).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x"), ChecksumAlgorithm: a}))
		out, err := s.S3(s.Root).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		must(t)(err)
		must(t)(io.Copy(io.Discard, out.Body)) // fails when the checksum does not hold
		must(t)(out.Body.Close())
		ran(t, "client go checksum")
	}
}
