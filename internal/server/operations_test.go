package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/sigv4"
)

// TestOperations asks a started server for every operation that AWS documents
// for S3, S3 Control, IAM, STS, IAM Access Analyzer and KMS, and holds
// docs/operations.md against what it answers; -update writes it.
func TestOperations(t *testing.T) {
	const path = "../../docs/operations.md"
	want := operationsDocument(t, start(t, Config{}))
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what the server answers (%v): run go test ./internal/server -run TestOperations -update", path, err)
	}
}

// asked is an operation, and what the server answers who asks for it.
type asked struct {
	name   string
	works  bool
	status int
	code   string
}

func operationsDocument(t *testing.T, r *running) string {
	r.must(200, "PUT", "/bucket", "")
	var b strings.Builder
	b.WriteString(`# Operations

Every operation of the APIs that Keywright speaks, and whether it works. What does not work answers with the status and code
that are given; it never becomes another operation. A test asks a started server for each of them, and makes this page of its answers.

Of S3 Control only Block Public Access of the account works. Replication, notifications, analytics, inventory, metrics,
intelligent tiering, access points, batch jobs and directory buckets are not supported.
`)
	for _, s := range []struct{ service, title string }{
		{"s3", "Amazon S3"}, {"iam", "IAM"}, {"sts", "AWS STS"}, {"accessanalyzer", "IAM Access Analyzer"}, {"kms", "AWS KMS"}, {"s3control", "Amazon S3 Control"},
	} {
		var works []string
		refused := map[string][]string{}
		order := []string{}
		count := 0
		for _, o := range facts.Operations() {
			if o.Service != s.service {
				continue
			}
			count++
			a := r.ask(o)
			if a.works {
				works = append(works, "`"+a.name+"`")
				continue
			}
			if a.status < 400 {
				t.Errorf("%s %s is not served, and answers %d", o.Service, o.Name, a.status)
			}
			answer := strings.TrimSpace(fmt.Sprintf("%d %s", a.status, a.code))
			if refused[answer] == nil {
				order = append(order, answer)
			}
			refused[answer] = append(refused[answer], "`"+a.name+"`")
		}
		fmt.Fprintf(&b, "\n## %s\n\n%d of %d operations work.\n", s.title, len(works), count)
		if len(works) > 0 {
			fmt.Fprintf(&b, "\n**Works:** %s.\n", strings.Join(works, ", "))
		}
		for _, answer := range order {
			fmt.Fprintf(&b, "\n**Answers %s:** %s.\n", answer, strings.Join(refused[answer], ", "))
		}
		if count < 11 {
			t.Errorf("only %d operations of %s", count, s.service)
		}
	}
	return b.String()
}

// special are the requests for operations that the method and the URI alone do
// not tell apart.
var special = map[string]struct{ target, header, value string }{
	"AbortMultipartUpload":    {target: "/bucket/key?uploadId=x"},
	"CompleteMultipartUpload": {target: "/bucket/key?uploadId=x"},
	"CopyObject":              {target: "/bucket/key", header: "x-amz-copy-source", value: "bucket/none"},
	"ListDirectoryBuckets":    {target: "/?max-directory-buckets=1"},
	"ListParts":               {target: "/bucket/key?uploadId=x"},
	"OPTIONSObject":           {target: "/bucket/key", header: "Origin", value: "https://example.com"},
	"POSTObject":              {target: "/bucket", header: "Content-Type", value: "multipart/form-data; boundary=x"}, // and its form
	"UploadPart":              {target: "/bucket/key?partNumber=1&uploadId=x"},
	"UploadPartCopy":          {target: "/bucket/key?partNumber=1&uploadId=x", header: "x-amz-copy-source", value: "bucket/none"},
	"WriteGetObjectResponse":  {target: "/WriteGetObjectResponse", header: "x-amz-request-route", value: "x"},
}

// ofTheAccount are the methods of the operations of S3 Control on Block Public
// Access.
var ofTheAccount = map[string]string{
	"GetPublicAccessBlock (Account)": http.MethodGet, "PutPublicAccessBlock (Account)": http.MethodPut, "DeletePublicAccessBlock (Account)": http.MethodDelete,
}

var (
	codePattern    = regexp.MustCompile(`<Code>(\w+)</Code>`)
	labelPattern   = regexp.MustCompile(`\{\w+\+?\}`)
	versions       = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}
	signingService = map[string]string{"accessanalyzer": "access-analyzer", "s3control": "s3"}
)

// analyzerRoutes are the method and path of each operation of Access Analyzer.
func analyzerRoutes(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../accessanalyzer/api.json")
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]string{}
	if err := json.Unmarshal(data, &routes); err != nil {
		t.Fatal(err)
	}
	return routes
}

// ask asks for an operation as the account's root.
func (r *running) ask(o facts.Operation) asked {
	r.t.Helper()
	method, target, body := o.Method, o.URI, ""
	request := special[o.Name]
	header := http.Header{}
	switch version := versions[o.Service]; {
	case version != "":
		method, target, body = http.MethodPost, "/", "Action="+o.Name+"&Version="+version
		header.Set("Content-Type", "application/x-www-form-urlencoded")
	case o.Service == "s3control":
		method, target = http.MethodGet, "/v20180820/configuration"
		if m, ok := ofTheAccount[o.Name]; ok {
			method, target = m, "/v20180820/configuration/publicAccessBlock"
		}
		header.Set("x-amz-account-id", r.AccountID())
	case o.Service == "kms":
		method, target, body = http.MethodPost, "/", "{}"
		header.Set("X-Amz-Target", "TrentService."+o.Name)
	case o.Service == "accessanalyzer":
		method, target, _ = strings.Cut(analyzerRoutes(r.t)[o.Name], " ")
	case o.Service == "s3" && request.target != "":
		target = request.target
		if request.header != "" {
			header.Set(request.header, request.value)
		}
	}
	if o.Name == "POSTObject" {
		body = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nk\r\n--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n\r\n--x--\r\n"
	}
	target = strings.NewReplacer("{Bucket}", "bucket", "{Key+}", "key").Replace(target)
	target = labelPattern.ReplaceAllString(target, "x")
	q, err := http.NewRequest(method, r.Endpoint()+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatalf("%s: %v", o.Name, err)
	}
	q.Header = header
	service := o.Service
	if s := signingService[service]; s != "" {
		service = s
	}
	signer := sigv4.Signer{AccessKeyID: givenKey.ID, SecretAccessKey: givenKey.Secret, Region: "us-east-1", Service: service}
	hash := sha256.Sum256([]byte(body))
	if o.Name != "POSTObject" { // which would be signed in its fields
		signer.Sign(q, hex.EncodeToString(hash[:]), time.Now())
	}
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatalf("%s: %v", o.Name, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatalf("%s: %v", o.Name, err)
	}
	a := asked{name: o.Name, status: response.StatusCode}
	if m := codePattern.FindSubmatch(text); m != nil {
		a.code = string(m[1])
	} else {
		a.code, _, _ = strings.Cut(response.Header.Get("X-Amzn-Errortype"), ":")
	}
	a.works = r.recognised(o, response)
	return a
}

// recognised reports whether the log says that the operation, or one of the same
// method and URI, was recognised.
func (r *running) recognised(o facts.Operation, response *http.Response) bool {
	id := response.Header.Get("X-Amz-Request-Id")
	if id == "" {
		id = response.Header.Get("X-Amzn-Requestid")
	}
	line := regexp.MustCompile("requestId=" + regexp.QuoteMeta(id) + ` .*operation=(?:"([^"]*)"|(\w*))`).FindStringSubmatch(r.log.String())
	if id == "" || line == nil && !strings.Contains(r.log.String(), id) {
		r.t.Fatalf("%s: the log has no request %q", o.Name, id)
	}
	if line == nil || line[1]+line[2] == "" {
		return false
	}
	if line[1]+line[2] == o.Name {
		return true
	}
	done, ok := facts.LookupOperation(o.Service, line[2])
	return ok && o.Service == "s3" && done.Method == o.Method && done.URI == o.URI && strings.Contains(o.URI, "?")
}
