package conformance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keywright/keywright/conformance/harness"
)

// TestInterrupt interrupts the server while a client is in the middle of a put.
// The put is finished, the server exits with 0, and the object is there after.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	const size = 100_000
	connection, err := net.Dial("tcp", s.Addr())
	must(t)(err)
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(time.Minute))
	must(t)(io.WriteString(connection, unsent(t, s, s.Root, "/"+bucket+"/key", size, "Expect: 100-continue\r\n")))
	answers := bufio.NewReader(connection)
	begun, err := http.ReadResponse(answers, nil)
	must(t)(err)
	if begun.StatusCode != http.StatusContinue {
		t.Fatalf("the put began with %s", begun.Status)
	}
	content := contentOf("interrupted", size)
	must(t)(connection.Write(content[:size/2]))
	must(t)(s.Interrupt())
	for healthy := true; healthy; { // until it has seen the signal
		response, err := s.HTTP().Get(s.Endpoint + "/-/health")
		if healthy = err == nil && response.StatusCode == http.StatusOK; err == nil {
			response.Body.Close()
		}
	}
	must(t)(connection.Write(content[size/2:]))
	response, err := http.ReadResponse(answers, nil)
	must(t)(err)
	if response.StatusCode != http.StatusOK {
		t.Errorf("the put ended with %s", response.Status)
	}
	connection.Close()
	must(t)(s.Wait())
	must(t)(s.Restart())
	if got := body(t, s.S3(s.Root), &s3.GetObjectInput{Bucket: &bucket, Key: aws.String("key")}); got != string(content) {
		t.Errorf("after the restart the object has %d bytes", len(got))
	}
	ran(t, "crash interrupt")
}

// TestRestart shows that nothing is forgotten: users, keys and their status,
// policies, sessions, buckets, objects and uploads in progress.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{})
	bucket := newBucket(t, s)
	put(t, s.S3(s.Root), bucket, "home/lasting/key", "value")
	policy := strings.ReplaceAll(document(t, "policies/group.json"), companyBucket, bucket)
	user, inactive := newUser(t, s, "lasting", policy), aws.Credentials{}
	inactive, err := s.NewKey(t.Context(), "lasting")
	must(t)(err)
	must(t)(s.IAM(s.Root).UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("lasting"), AccessKeyId: &inactive.AccessKeyID, Status: iamtypes.StatusTypeInactive}))
	token, err := s.STS(user).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	must(t)(err)
	session := s.Session(token.Credentials)
	upload, err := s.S3(user).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("home/lasting/large")})
	must(t)(err)
	account, err := s.Account(t.Context())
	must(t)(err)
	check := func() {
		t.Helper()
		for _, creds := range []aws.Credentials{user, session} {
			c := &caller{arn: "arn:aws:iam::" + account + ":user/lasting", bucket: bucket, client: s.S3(creds), upload: aws.ToString(upload.UploadId)}
			for _, r := range inline(t,
				`crash restart | - | GetObject key="home/lasting/key" | allow`,
				`crash restart | - | GetObject key="home/other/key" | deny s3:GetObject home/other/key`,
				`crash restart | - | ListParts key="home/lasting/large" | allow`) {
				c.check(t, r)
			}
		}
		off := &caller{bucket: bucket, client: s.S3(inactive)}
		for _, r := range inline(t, `crash restart | - | GetObject key="home/lasting/key" | error 403 InvalidAccessKeyId`) {
			off.check(t, r)
		}
	}
	check()
	must(t)(s.Stop())
	must(t)(s.Restart())
	check()
	s.Kill()
	must(t)(s.Restart())
	check()
}

// TestCrashOfTheDirectory kills the server while users are made, and tries every
// key whose secret a client was given.
func TestCrashOfTheDirectory(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{Flags: []string{"--log-level", "warn"}})
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}]}`
	for round := range 5 {
		var mutex sync.Mutex
		var given []aws.Credentials
		var count atomic.Int64
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				creds, err := s.NewUser(t.Context(), fmt.Sprintf("user-%d-%d", round, i), policy)
				if err != nil {
					return // the server is gone, or the test below fails
				}
				mutex.Lock()
				given = append(given, creds)
				mutex.Unlock()
				if count.Add(1) == int64(10+8*round) {
					s.Kill()
				}
			})
		}
		all.Wait()
		must(t)(s.Restart())
		if len(given) < 10+8*round {
			t.Fatalf("only %d users were made", len(given))
		}
		for _, creds := range given {
			must(t)(s.S3(creds).ListBuckets(t.Context(), &s3.ListBucketsInput{}))
		}
		ran(t, "crash directory")
	}
}

// TestDemo starts the demo twice and pastes the commands that it prints.
func TestDemo(t *testing.T) {
	t.Parallel()
	s := startServer(t, harness.Options{Command: "demo"})
	for start := range 2 {
		printed := introduced(t, s, 3*(start+1))
		for i, want := range []string{"hello.txt", "David", `User: arn:aws:iam::\d+:user/David is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::my-company" because no identity-based policy allows the s3:ListBucket action`} {
			command := strings.Replace(printed[3*start+i], " aws ", " "+awsCLI+" ", 1)
			pasted := exec.Command("sh", "-c", command)
			pasted.Dir = t.TempDir()
			out, err := pasted.CombinedOutput()
			if (err == nil) != (i < 2) || !regexp.MustCompile(want).Match(out) {
				t.Errorf("%s\n%v\n%s\nwant %s", command, err, out, want)
			}
			ran(t, "client demo")
		}
		must(t)(s.Stop())
		must(t)(s.Restart())
	}
}

// introduced waits until the demo has printed so many commands to try as David,
// at all its starts together.
func introduced(t *testing.T, s *harness.Server, count int) []string {
	t.Helper()
	command := regexp.MustCompile(`(?m)^ *AWS_CONFIG_FILE=.* --profile david .*\n`)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if printed := command.FindAllString(s.Output(), -1); len(printed) == count {
			return printed
		}
		if time.Now().After(deadline) {
			t.Fatalf("the demo did not print %d commands to try as David:\n%s", count, s.Output())
		}
	}
}
