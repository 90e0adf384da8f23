package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/keywright/keywright/conformance/harness"
)

// TestUnsupportedOperations asks for what S3 has and this server may not have,
// and for what nobody has. Whatever the answer, it is never another operation:
// the bucket and the object stay as they are.
func TestUnsupportedOperations(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket, keep := newBucket(t, s), "value"
	put(t, s.S3(s.Root), bucket, "key", keep)
	empty := bucket + "-empty"
	must(t)(s.S3(s.Root).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &empty}))

	for _, uri := range []string{"/" + empty, "/" + bucket + "/key"} {
		for _, query := range []string{
			"unknown", "unknown=1", "Policy", "policy2", "%70olicy2", "lifecycles", "foo&bar", "x-amz-unknown=1", "list-type=3", "website=x&unknown",
		} {
			refused(t, s, "DELETE "+uri+"?"+query, harness.Raw{Method: "DELETE", URI: uri + "?" + query, Credentials: s.Root}, 501, "NotImplemented")
			ran(t, "input operation")
		}
	}
	for _, query := range []string{
		"abac", "accelerate", "acl&policy", "analytics&id=1", "intelligent-tiering&id=1", "inventory&id=1", "logging", "metadataConfiguration",
		"metadataInventoryTable", "metadataJournalTable", "metadataTable", "metrics&id=1", "notification", "ownershipControls&acl", "replication",
		"session", "uploads&versions",
	} {
		for _, method := range []string{"GET", "PUT", "DELETE", "POST"} {
			reply := raw(t, s, harness.Raw{Method: method, URI: "/" + empty + "?" + query, Credentials: s.Root})
			if reply.Status != 501 && reply.Status != 405 && reply.Status != 404 && reply.Status != 400 && (method != "GET" || reply.Status != 200) {
				t.Errorf("%s ?%s: %d %s", method, query, reply.Status, reply.Body)
			}
			ran(t, "input operation")
		}
	}
	for _, r := range []harness.Raw{
		{Method: "PATCH", URI: "/" + bucket + "/key"},
		{Method: "BREW", URI: "/" + bucket + "/key"},
		{Method: "POST", URI: "/" + bucket + "/key"},
		{Method: "POST", URI: "/" + bucket + "/key?select&select-type=2"},
		{Method: "POST", URI: "/" + bucket + "/key?restore"},
		{Method: "PUT", URI: "/"},
		{Method: "DELETE", URI: "/"},
		{Method: "TRACE", URI: "/" + bucket},
	} {
		r.Credentials = s.Root
		reply := raw(t, s, r)
		if reply.Status < 400 || reply.Status == 500 || reply.Error.Code == "" {
			t.Errorf("%s %s: %d %s", r.Method, r.URI, reply.Status, reply.Body)
		}
		ran(t, "input operation")
	}
	must(t)(s.S3(s.Root).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &empty}))
	if got := body(t, s.S3(s.Root), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")}); got != keep {
		t.Errorf("the object holds %q", got)
	}
}

// TestUnsupportedHeaders sends headers that ask for what must not be left out
// silently.
func TestUnsupportedHeaders(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	for name, value := range map[string]string{
		"X-Amz-Server-Side-Encryption":                    "aws:kms:dsse",
		"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256",
		"X-Amz-Object-Lock-Mode":                          "COMPLIANCE",
		"X-Amz-Object-Lock-Legal-Hold":                    "ON",
		"X-Amz-Write-Offset-Bytes":                        "0",
		"X-Amz-Acl":                                       "public-read",
		"X-Amz-Grant-Read":                                `uri="http://acs.amazonaws.com/groups/global/AllUsers"`,
		"X-Amz-Storage-Class":                             "CARDBOARD",
		"X-Amz-Expected-Bucket-Owner":                     "000000000000",
	} {
		reply := raw(t, s, harness.Raw{Method: "PUT", URI: "/" + bucket + "/key", Body: []byte("x"), Credentials: s.Root, Header: http.Header{name: {value}}})
		if reply.Status < 400 || reply.Status == 500 || reply.Error.Code == "" {
			t.Errorf("%s: %s: %d %s", name, value, reply.Status, reply.Body)
		}
		ran(t, "input header")
	}
	if got := keys(t, s, bucket); got != "[] and 0 uploads" {
		t.Errorf("there are %s", got)
	}
}

// TestMalformedXML sends documents that are none, or not the right ones.
func TestMalformedXML(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "key", "value")
	upload, err := s.S3(s.Root).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("parts")})
	must(t)(err)
	bomb := `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "key"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`
	external := `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&a;</Key></Object></Delete>`
	for _, document := range []string{
		"", " ", "<", "<Delete>", "</Delete>", "<Delete/>", "<Delete></Delete", "not XML", "{}", "\x00\x01", "<a></b>", "<Delete><Object></Object></Delete>",
		"<Delete><Object><Key></Key></Object></Delete>", "<Wrong><Object><Key>key</Key></Object></Wrong>", bomb, external,
		"<Delete>" + strings.Repeat("<Object>", 10000), "\xff\xfe<\x00D\x00", strings.Repeat("<a>", 100000),
	} {
		for _, uri := range []string{"/" + bucket + "?delete", "/" + bucket + "/parts?uploadId=" + aws.ToString(upload.UploadId)} {
			reply := raw(t, s, harness.Raw{Method: "POST", URI: uri, Body: []byte(document), Credentials: s.Root, Header: http.Header{"Content-Md5": {md5Of(document)}}})
			if reply.Status != 400 || reply.Error.Code == "" {
				t.Errorf("POST %s %.60q: %d %s", uri, document, reply.Status, reply.Body)
			}
			ran(t, "input xml")
		}
	}
	for _, document := range []string{"<", "not XML", "<CreateBucketConfiguration>", "<Other/>", bomb,
		"<CreateBucketConfiguration><LocationConstraint>mars-north-1</LocationConstraint></CreateBucketConfiguration>"} {
		reply := raw(t, s, harness.Raw{Method: "PUT", URI: "/" + bucket + "-other", Body: []byte(document), Credentials: s.Root})
		if reply.Status != 400 || reply.Error.Code == "" {
			t.Errorf("create bucket with %.60q: %d %s", document, reply.Status, reply.Body)
		}
		ran(t, "input xml")
	}
	huge := "<Delete>" + strings.Repeat(" ", 3<<20) + "<Object><Key>key</Key></Object></Delete>"
	reply := raw(t, s, harness.Raw{Method: "POST", URI: "/" + bucket + "?delete", Body: []byte(huge), Credentials: s.Root, Header: http.Header{"Content-Md5": {md5Of(huge)}}})
	if reply.Status != 400 {
		t.Errorf("a document of 3 MiB: %d %s", reply.Status, reply.Body)
	}
	if got := keys(t, s, bucket); got != `["key"] and 1 uploads` {
		t.Errorf("there are %s", got)
	}
	fault(t, "a bucket that was refused", headBucket(t, s, bucket+"-other"), 404, "NotFound")
}

func headBucket(t testing.TB, s *harness.Server, bucket string) error {
	_, err := s.S3(s.Root).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket})
	return err
}

// TestParts completes uploads with parts that are missing, wrong or too small.
func TestParts(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	client := s.S3(s.Root)
	upload, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("key")})
	must(t)(err)
	etags := map[int32]*string{}
	for number, size := range map[int32]int64{1: 5 << 20, 2: 100, 3: 5 << 20} {
		out, err := client.UploadPart(t.Context(), &s3.UploadPartInput{Bucket: &bucket, Key: aws.String("key"), UploadId: upload.UploadId, PartNumber: &number, Body: harness.Content(fmt.Sprint(number), size)})
		must(t)(err)
		etags[number] = out.ETag
	}
	complete := func(key string, id *string, numbers ...int32) error {
		var parts []types.CompletedPart
		for _, n := range numbers {
			etag := etags[n]
			if etag == nil {
				etag = aws.String(`"00000000000000000000000000000000"`)
			}
			parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(max(n, -n)), ETag: etag})
		}
		_, err := client.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		return err
	}
	for _, c := range []struct {
		what   string
		err    error
		status int
		code   string
	}{
		{"descending", complete("key", upload.UploadId, 3, 1), 400, "InvalidPartOrder"},
		{"twice", complete("key", upload.UploadId, 1, 1), 400, "InvalidPartOrder"},
		{"a part that is not there", complete("key", upload.UploadId, 1, 4), 400, "InvalidPart"},
		{"another ETag", complete("key", upload.UploadId, -1), 400, "InvalidPart"},
		{"a small part in the middle", complete("key", upload.UploadId, 1, 2, 3), 400, "EntityTooSmall"},
		{"no parts", complete("key", upload.UploadId), 400, "InvalidRequest"},
		{"another key", complete("other", upload.UploadId, 1), 404, "NoSuchUpload"},
		{"another upload", complete("key", aws.String("invented"), 1), 404, "NoSuchUpload"},
	} {
		fault(t, c.what, c.err, c.status, c.code)
		ran(t, "input part")
	}
	for _, number := range []string{"0", "-1", "10001", "x", "", "1.5", "99999999999999999999"} {
		refused(t, s, "part number "+number, harness.Raw{Method: "PUT", URI: "/" + bucket + "/key?partNumber=" + number + "&uploadId=" + aws.ToString(upload.UploadId), Body: []byte("x"), Credentials: s.Root}, 400, "InvalidArgument")
		ran(t, "input part")
	}
	if got := keys(t, s, bucket); got != "[] and 1 uploads" {
		t.Errorf("there are %s", got)
	}
	must(t)(complete("key", upload.UploadId, 1, 3))
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")})
	must(t)(err)
	defer out.Body.Close()
	must(t)(harness.SameContent(out.Body, io.MultiReader(harness.Content("1", 5<<20), harness.Content("3", 5<<20))))
}

// TestBucketNames tries names that no bucket can have.
func TestBucketNames(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	for _, name := range []string{"ab", strings.Repeat("a", 64), "Upper", "under_score", "-start", "end-", "two..dots", "192.168.5.4", "xn--bucket", "a%20b", "bucket-s3alias", "a%00b", "..", "%2e%2e"} {
		reply := raw(t, s, harness.Raw{Method: "PUT", URI: "/" + name, Credentials: s.Root})
		if reply.Status < 400 || reply.Status >= 500 || reply.Error.Code == "" {
			t.Errorf("bucket %q: %d %s", name, reply.Status, reply.Body)
		}
		ran(t, "input bucket")
	}
}

// unsent is the head of a signed PUT, with a length of one's choice and nothing
// of its body.
func unsent(t testing.TB, s *harness.Server, creds aws.Credentials, uri string, length int64, header string) string {
	t.Helper()
	r, err := s.Request(t.Context(), harness.Raw{Method: "PUT", URI: uri, Credentials: creds, Payload: harness.Unsigned, Stream: http.NoBody})
	must(t)(err)
	return fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nX-Amz-Date: %s\r\nX-Amz-Content-Sha256: %s\r\nContent-Length: %d\r\n%s\r\n",
		uri, s.Addr(), r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), harness.Unsigned, length, header)
}

// dialog sends bytes and reads one answer, which must come although nothing
// more is sent, long before the server ends connections that stand still.
func dialog(t testing.TB, s *harness.Server, text string) *http.Response {
	t.Helper()
	connection, err := net.Dial("tcp", s.Addr())
	must(t)(err)
	t.Cleanup(func() { connection.Close() })
	connection.SetDeadline(time.Now().Add(45 * time.Second))
	must(t)(io.WriteString(connection, text))
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	must(t)(err)
	return response
}

// TestSizes announces bodies that are too large, and gives no length at all.
func TestSizes(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	for _, length := range []int64{5<<30 + 1, 1 << 60} {
		if reply := dialog(t, s, unsent(t, s, s.Root, "/"+bucket+"/huge", length, "")); reply.StatusCode != 400 {
			t.Errorf("%d bytes: %s", length, reply.Status)
		}
		ran(t, "input size")
	}
	refused(t, s, "no length", harness.Raw{Method: "PUT", URI: "/" + bucket + "/key", Credentials: s.Root, Payload: harness.Unsigned, Stream: struct{ io.Reader }{strings.NewReader("x")}, Length: -1}, 411, "MissingContentLength")
	if got := keys(t, s, bucket); got != "[] and 0 uploads" {
		t.Errorf("there are %s", got)
	}
}

// TestRefusedBeforeTheBody waits for the answer to a request that is refused
// before it sends the body, as "Expect: 100-continue" asks for.
func TestRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	stranger := newUser(t, s, bucket)
	for _, length := range []int64{1, 1000, 1 << 20, 5 << 30} {
		if reply := dialog(t, s, unsent(t, s, stranger, "/"+bucket+"/key", length, "Expect: 100-continue\r\n")); reply.StatusCode != 403 {
			t.Errorf("%d bytes: %s", length, reply.Status)
		}
		ran(t, "input expect")
	}
	if reply := dialog(t, s, unsent(t, s, stranger, "/"+bucket+"/key", 1<<20, "")); reply.StatusCode != 403 {
		t.Errorf("without Expect: %s", reply.Status)
	}
	if reply := dialog(t, s, unsent(t, s, s.Root, "/"+bucket+"/key", 10, "Expect: 100-continue\r\n")); reply.StatusCode != 100 {
		t.Errorf("an allowed request: %s", reply.Status)
	}
	ran(t, "input expect")
}

// TestTruncatedBodies ends connections in the middle of a body; nothing of it may
// be seen.
func TestTruncatedBodies(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "kept", "value")
	upload, err := s.S3(s.Root).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("parts")})
	must(t)(err)
	before := keys(t, s, bucket)
	for _, target := range []string{"new", "kept", "parts?partNumber=1&uploadId=" + aws.ToString(upload.UploadId)} {
		for _, size := range []int{1000, 100_000, 8 << 20} {
			connection, err := net.Dial("tcp", s.Addr())
			must(t)(err)
			must(t)(io.WriteString(connection, unsent(t, s, s.Root, "/"+bucket+"/"+target, int64(size), "")))
			connection.Write(make([]byte, size-1))
			must(t)(connection.(*net.TCPConn).CloseWrite())
			response, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err == nil && response.StatusCode < 400 {
				t.Errorf("%s of %d bytes less one: %s", target, size, response.Status)
			}
			connection.Close()
			ran(t, "input truncated")
		}
	}
	if after := keys(t, s, bucket); after != before {
		t.Errorf("before %s, after %s", before, after)
	}
	if got := body(t, s.S3(s.Root), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("kept")}); got != "value" {
		t.Errorf("the object holds %d bytes", len(got))
	}
	parts, err := s.S3(s.Root).ListParts(t.Context(), &s3.ListPartsInput{Bucket: &bucket, Key: aws.String("parts"), UploadId: upload.UploadId})
	must(t)(err)
	if len(parts.Parts) != 0 {
		t.Errorf("there are %d parts", len(parts.Parts))
	}
}

// TestHeaders sends ten thousand headers, and one that is too long.
func TestHeaders(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	for name, header := range map[string]func() http.Header{
		"10,000 headers": func() http.Header {
			h := http.Header{}
			for i := range 10_000 {
				h.Set(fmt.Sprintf("X-Header-%d", i), "value")
			}
			return h
		},
		"10,000 values": func() http.Header {
			h := http.Header{}
			for range 10_000 {
				h.Add("X-Header", "value")
			}
			return h
		},
		"a value of 64 KiB": func() http.Header { return http.Header{"X-Header": {strings.Repeat("x", 64<<10)}} },
		"a value of 4 MiB":  func() http.Header { return http.Header{"X-Header": {strings.Repeat("x", 4<<20)}} },
	} {
		request, err := http.NewRequest("GET", s.Endpoint+"/", nil)
		must(t)(err)
		request.Header = header()
		response, err := s.HTTP().Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode < 400 || response.StatusCode >= 500 {
				t.Errorf("%s: %s", name, response.Status)
			}
		}
		ran(t, "input header")
	}
	must(t)(s.S3(s.Root).ListBuckets(t.Context(), &s3.ListBucketsInput{}))
}

// TestGarbage sends what is no HTTP, or no request that anybody makes; the
// server goes on serving.
func TestGarbage(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	random := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 4096)
	random.Read(noise)
	for _, text := range []string{
		string(noise), "\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET //////../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "PUT /b/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"GET /?Action=ListUsers&Version=2010-05-08 HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 3\r\n\r\n%%%",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 3\r\n\r\n--b", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET / HTTP/1.1\r\nHost: \r\n\r\n",
		"GET /b/k?uploadId=1&partNumber=1&acl&policy&versionId=x HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		connection, err := net.Dial("tcp", s.Addr())
		must(t)(err)
		connection.SetDeadline(time.Now().Add(2 * time.Minute))
		io.WriteString(connection, text)
		connection.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(connection)
		connection.Close()
		if bytes.HasPrefix(answer, []byte("HTTP/1.1 5")) && !bytes.HasPrefix(answer, []byte("HTTP/1.1 501")) && !bytes.HasPrefix(answer, []byte("HTTP/1.1 505")) || bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
			t.Errorf("%.60q: %.200s", text, answer)
		}
		ran(t, "input garbage")
	}
	must(t)(s.S3(s.Root).ListBuckets(t.Context(), &s3.ListBucketsInput{}))
}

// TestSlowClients stands still in the middle of the headers and of a body. The
// server ends both; nothing of the body may be seen.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	bucket := newBucket(t, s)
	stranger := newUser(t, s, bucket)
	standing := []string{
		"GET / HTTP/1.1\r\nHost: x\r\nX-",
		unsent(t, s, s.Root, "/"+bucket+"/slow", 1000, "") + "half",
		unsent(t, s, stranger, "/"+bucket+"/slow", 1000, "") + "half",
	}
	ended := make(chan string)
	for _, text := range standing {
		go func() {
			connection, err := net.Dial("tcp", s.Addr())
			if err != nil {
				ended <- err.Error()
				return
			}
			defer connection.Close()
			connection.SetDeadline(time.Now().Add(3 * time.Minute))
			io.WriteString(connection, text)
			answer, err := io.ReadAll(connection)
			if err != nil && len(answer) == 0 {
				answer = []byte(err.Error())
			}
			ended <- string(answer)
		}()
	}
	for range standing {
		answer := <-ended
		if strings.Contains(answer, "timeout") && !strings.HasPrefix(answer, "HTTP/1.1") || strings.HasPrefix(answer, "HTTP/1.1 2") {
			t.Errorf("the server waited on: %q", answer)
		}
		ran(t, "input slow")
	}
	if got := keys(t, s, bucket); got != "[] and 0 uploads" {
		t.Errorf("there are %s", got)
	}
}

// TestQueryProtocol sends IAM and STS requests that are wrong.
func TestQueryProtocol(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	for _, c := range []struct{ service, form, code string }{
		{"iam", "Action=Fly&Version=2010-05-08", "InvalidAction"},
		{"iam", "Action=CreateUser&Version=1999-01-01&UserName=x", ""},
		{"iam", "Version=2010-05-08", ""},
		{"iam", "Action=CreateUser&Version=2010-05-08", "ValidationError"},
		{"iam", "Action=CreateUser&Version=2010-05-08&UserName=a%2Fb", "ValidationError"},
		{"iam", "Action=CreateUser&Version=2010-05-08&UserName=*", "ValidationError"},
		{"iam", "Action=CreateUser&Version=2010-05-08&UserName=" + strings.Repeat("u", 65), "ValidationError"},
		{"iam", "Action=GetUser&Version=2010-05-08&UserName=nobody", "NoSuchEntity"},
		{"iam", "Action=CreatePolicy&Version=2010-05-08&PolicyName=p&PolicyDocument=%7B", "MalformedPolicyDocument"},
		{"sts", "Action=AssumeRole&Version=2011-06-15&RoleArn=x&RoleSessionName=y", "ValidationError"},
		{"sts", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/none&RoleSessionName=session", "AccessDenied"},
		{"sts", "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=1", "ValidationError"},
		{"sts", "Action=GetSessionToken&Version=2011-06-15&DurationSeconds=soon", ""},
		{"sts", "Action=CreateUser&Version=2010-05-08&UserName=x", "InvalidAction"},
	} {
		reply := raw(t, s, harness.Raw{Method: "POST", URI: "/", Service: c.service, Body: []byte(c.form), Credentials: s.Root, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}})
		if reply.Status < 400 || reply.Status >= 500 || !bytes.Contains(reply.Body, []byte("<ErrorResponse")) || !bytes.Contains(reply.Body, []byte("<Code>"+c.code)) {
			t.Errorf("%s %s: %d %s\nwant %s", c.service, c.form, reply.Status, reply.Body, c.code)
		}
		ran(t, "input query")
	}
}
