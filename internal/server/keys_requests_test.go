package server

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/keywright/keywright/facts"
	"github.com/keywright/keywright/internal/directory"
	"github.com/keywright/keywright/internal/oidc/oidctest"
	"github.com/keywright/keywright/internal/secrets"
	"github.com/keywright/keywright/internal/sigv4"
)

const keysRegion = "eu-central-1"

// keyWorld is a started server with the callers and resources that the table of
// keys speaks of.
type keyWorld struct {
	*running
	client  *http.Client
	signers map[string]sigv4.Signer     // by caller
	holders map[string]directory.Entity // whose policies are a caller's
	texts   []string                    // what words replaces, and by what
	words   *strings.Replacer
}

func newKeyWorld(t *testing.T, c Config) *keyWorld {
	t.Helper()
	c.AccountID, c.Region, c.TrustedProxies = owner, keysRegion, []string{"127.0.0.1"}
	issuer := oidctest.NewNamed(t, slices.Collect(maps.Values(providersOfKeys))...)
	c.providers.Dial = issuer.Dial
	w := &keyWorld{running: start(t, c), signers: map[string]sigv4.Signer{}, holders: map[string]directory.Entity{}}
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	t.Cleanup(w.client.CloseIdleConnections)
	w.signers["root"] = sigv4.Signer{AccessKeyID: givenKey.ID, SecretAccessKey: givenKey.Secret, Region: keysRegion}
	w.addIdentities(w.addProviders(issuer))
	w.addBuckets()
	w.addKMSKey()
	w.addSessions()
	w.addWebSession()
	return w
}

const anything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// addIdentities makes users, roles, a group and a policy. words are more of what
// the table calls things.
func (w *keyWorld) addIdentities(words []string) {
	ctx, red := context.Background(), []directory.Tag{{Key: "team", Value: "red"}}
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + owner + `"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	policy, err := w.directory.CreatePolicy(ctx, directory.ManagedPolicy{AccountID: owner, Path: "/", Name: "p", Tags: red}, anything)
	w.check(err)
	var alice *directory.User
	for _, u := range []directory.User{
		{Name: "alice", Tags: red}, {Name: "bob"}, {Name: "carol"}, {Name: "target", Tags: red, PermissionsBoundary: policy.ARN},
	} {
		u.AccountID, u.Path = owner, "/"
		made, err := w.directory.CreateUser(ctx, u)
		w.check(err)
		if u.Name == "alice" {
			alice = made
		}
	}
	_, err = w.directory.CreateGroup(ctx, directory.Group{AccountID: owner, Path: "/", Name: "g"})
	w.check(err)
	var worker *directory.Role
	for _, r := range []directory.Role{{Name: "worker", Tags: red}, {Name: "other"}} {
		r.AccountID, r.Path, r.MaxSessionDuration, r.TrustPolicy = owner, "/", time.Hour, trust
		made, err := w.directory.CreateRole(ctx, r)
		w.check(err)
		if r.Name == "worker" {
			worker = made
		}
	}
	for caller, name := range map[string]string{"user": "alice", "bare": "bob"} {
		key, secret, err := w.directory.CreateAccessKey(ctx, owner, name)
		w.check(err)
		w.signers[caller] = sigv4.Signer{AccessKeyID: key.ID, SecretAccessKey: secret, Region: keysRegion}
	}
	for caller, name := range map[string]string{
		"user": "user/alice", "session": "user/alice", "proved": "user/alice", "federated": "user/alice", "bare": "user/bob",
		"role": "role/worker", "chained": "role/other", "plain": "role/other",
	} {
		kind, name, _ := strings.Cut(name, "/")
		w.holders[caller] = directory.Entity{AccountID: owner, Kind: directory.EntityKind(kind), Name: name}
		w.check(w.directory.PutInlinePolicy(ctx, w.holders[caller], "p", anything))
	}
	account, _ := w.directory.Account(owner)
	w.texts = append(words, "{account}", owner, "{user-id}", alice.ID, "{user-key}", w.signers["user"].AccessKeyID,
		"{role-id}", worker.ID, "{canonical-id}", account.CanonicalID, "{trust}", trust, "{identity}", anything)
	w.words = strings.NewReplacer(w.texts...)
}

// addBuckets makes a bucket, and one whose policy may let everybody in.
func (w *keyWorld) addBuckets() {
	location := " < <CreateBucketConfiguration><LocationConstraint>" + keysRegion + "</LocationConstraint></CreateBucketConfiguration>"
	for _, text := range []string{
		"PUT /examplebucket" + location, "PUT /examplebucket/plain", "PUT /examplebucket/tagged | x-amz-tagging: team=red",
		"PUT /examplebucket?tagging < <Tagging><TagSet><Tag><Key>team</Key><Value>red</Value></Tag></TagSet></Tagging>",
		"PUT /openbucket" + location, "PUT /openbucket/plain", "DELETE /openbucket?publicAccessBlock",
		"PUT /examplebucket?encryption < <ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>",
		"PUT /lockedbucket | x-amz-bucket-object-lock-enabled: true" + location, "PUT /lockedbucket/kept",
	} {
		if status, answer := w.send("root", "", text); status > 299 {
			w.t.Fatalf("%s: %d %s", text, status, answer)
		}
	}
}

// addKMSKey makes a key of the key service, and something that it has encrypted.
func (w *keyWorld) addKMSKey() {
	ask := func(text string) (out struct {
		KeyMetadata    struct{ KeyID, Arn string }
		CiphertextBlob string
	}) {
		status, answer := w.send("root", "", text)
		if status != http.StatusOK {
			w.t.Fatalf("%s: %d %s", text, status, answer)
		}
		if answer != "" {
			w.check(json.Unmarshal([]byte(answer), &out))
		}
		return out
	}
	made := ask(`kms CreateKey {"Tags":[{"TagKey":"team","TagValue":"red"}]}`).KeyMetadata
	w.words = strings.NewReplacer(append(w.texts, "{kms-key}", made.Arn, "{kms-id}", made.KeyID)...)
	ask(`kms CreateAlias {"AliasName":"alias/app","TargetKeyId":"{kms-id}"}`)
	w.texts = append(w.texts, "{kms-key}", made.Arn, "{kms-id}", made.KeyID, "{kms-blob}", ask(`kms Encrypt {"KeyId":"{kms-id}","Plaintext":"AAAA"}`).CiphertextBlob)
	w.texts = append(w.texts, "{kms-plain-id}", ask(`kms CreateKey {}`).KeyMetadata.KeyID)
	w.words = strings.NewReplacer(w.texts...)
}

// addSessions makes the callers with temporary credentials.
func (w *keyWorld) addSessions() {
	role := "RoleArn=arn:aws:iam::{account}:role/"
	for _, s := range []struct{ caller, of, text string }{
		{"role", "user", "AssumeRole " + role + "worker RoleSessionName=one SourceIdentity=Ann Tags.member.1.Key=Team Tags.member.1.Value=green TransitiveTagKeys.member.1=Team"},
		{"chained", "role", "AssumeRole " + role + "other RoleSessionName=three"},
		{"plain", "user", "AssumeRole " + role + "other RoleSessionName=four"},
		{"session", "user", "GetSessionToken"},
		{"proved", "user", "GetSessionToken " + w.proof("alice")},
		{"federated", "user", "GetFederationToken Name=guest Policy={identity}"},
	} {
		status, answer := w.send(s.of, "", "sts "+s.text)
		if status != http.StatusOK {
			w.t.Fatalf("%s: %d %s", s.text, status, answer)
		}
		w.signers[s.caller] = sigv4.Signer{
			AccessKeyID: element(answer, "AccessKeyId"), SecretAccessKey: element(answer, "SecretAccessKey"),
			SessionToken: element(answer, "SessionToken"), Region: keysRegion,
		}
	}
}

// proof gives a user a device, and returns the parameters that prove it.
func (w *keyWorld) proof(user string) string {
	ctx, now := context.Background(), time.Now().Unix()/secrets.OneTimePeriod
	m, seed, err := w.directory.CreateMFADevice(ctx, directory.MFADevice{AccountID: owner, Name: user})
	w.check(err)
	var codes [3]string
	for i := range codes {
		codes[i], err = secrets.OneTimeCode(seed, now-1+int64(i))
		w.check(err)
	}
	w.check(w.directory.EnableMFADevice(ctx, owner, user, m.SerialNumber, codes[0], codes[1]))
	return "SerialNumber=" + m.SerialNumber + " TokenCode=" + codes[2]
}

// element is the text of an element that a document has once.
func element(document, name string) string {
	_, rest, _ := strings.Cut(document, "<"+name+">")
	text, _, _ := strings.Cut(rest, "</"+name+">")
	return text
}

func (w *keyWorld) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// apiVersions are those of the services of the Query protocol.
var apiVersions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}

// send sends a request as the table writes it, without caller and action.
func (w *keyWorld) send(caller, over, text string) (int, string) {
	w.t.Helper()
	text = w.words.Replace(text)
	service, _, _ := strings.Cut(text, " ")
	var q *http.Request
	var later http.Header
	switch {
	case apiVersions[service] != "":
		q = w.queryRequest(text)
	case service == "kms":
		q = w.kmsRequest(text)
	default:
		service = "s3"
		q, later = w.objectRequest(text)
	}
	body, err := io.ReadAll(q.Body)
	w.check(err)
	if q.Body = http.NoBody; len(body) > 0 {
		q.Body = io.NopCloser(bytes.NewReader(body))
	}
	signer, signs := w.signers[caller]
	switch {
	case over == "form":
		w.formOf(q, string(body), signer, time.Now().Add(-time.Second))
	case signs:
		signer.Service = service
		sum := sha256.Sum256(body)
		if over == "presigned" {
			signer.Presign(q, time.Now().Add(-time.Second), time.Minute)
		} else {
			signer.Sign(q, hex.EncodeToString(sum[:]), time.Now())
		}
	}
	for name, values := range later {
		q.Header[name] = values
	}
	response, err := w.client.Do(q)
	w.check(err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	w.check(err)
	return response.StatusCode, string(answer)
}

// formOf makes of a request one that posts its body in a form, as the object
// "posted", which a signer signs unless it is none.
func (w *keyWorld) formOf(q *http.Request, content string, s sigv4.Signer, now time.Time) {
	w.t.Helper()
	bucket, date := strings.TrimPrefix(q.URL.Path, "/"), now.UTC().Format("20060102T150405Z")
	fields := [][2]string{{"key", "posted"}}
	if s.AccessKeyID != "" {
		fields = append(fields, [2]string{"x-amz-algorithm", sigv4.Algorithm}, [2]string{"x-amz-date", date},
			[2]string{"x-amz-credential", strings.Join([]string{s.AccessKeyID, date[:8], s.Region, "s3", "aws4_request"}, "/")})
		conditions := []any{map[string]string{"bucket": bucket}}
		for _, f := range fields {
			conditions = append(conditions, map[string]string{f[0]: f[1]})
		}
		document, err := json.Marshal(map[string]any{"expiration": now.UTC().Add(time.Hour).Format("2006-01-02T15:04:05Z"), "conditions": conditions})
		w.check(err)
		policy, key := base64.StdEncoding.EncodeToString(document), []byte("AWS4"+s.SecretAccessKey)
		for _, part := range []string{date[:8], s.Region, "s3", "aws4_request", policy} {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(part))
			key = mac.Sum(nil)
		}
		fields = append(fields, [2]string{"policy", policy}, [2]string{"x-amz-signature", hex.EncodeToString(key)})
	}
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range append(fields, [2]string{"file", content}) {
		w.check(form.WriteField(f[0], f[1]))
	}
	w.check(form.Close())
	q.Header = http.Header{"Content-Type": {form.FormDataContentType()}}
	q.Body, q.ContentLength = io.NopCloser(&b), int64(b.Len())
}

func (w *keyWorld) queryRequest(text string) *http.Request {
	w.t.Helper()
	words := strings.Fields(text)
	form := url.Values{"Action": {words[1]}, "Version": {apiVersions[words[0]]}}
	for _, p := range words[2:] {
		name, value, _ := strings.Cut(p, "=")
		form.Set(name, value)
	}
	q, err := http.NewRequest(http.MethodPost, w.Endpoint()+"/", strings.NewReader(form.Encode()))
	w.check(err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return q
}

// kmsRequest returns a request of the key service: the operation and its JSON.
func (w *keyWorld) kmsRequest(text string) *http.Request {
	w.t.Helper()
	words := strings.SplitN(text, " ", 3)
	q, err := http.NewRequest(http.MethodPost, w.Endpoint()+"/", strings.NewReader(words[2]))
	w.check(err)
	q.Header.Set("X-Amz-Target", "TrentService."+words[1])
	return q
}

// objectRequest returns a request of S3, and the headers that no signature
// covers.
func (w *keyWorld) objectRequest(text string) (q *http.Request, later http.Header) {
	w.t.Helper()
	text, body, _ := strings.Cut(text, " < ")
	parts := strings.Split(text, " | ")
	method, path, _ := strings.Cut(parts[0], " ")
	q, err := http.NewRequest(method, w.Endpoint()+path, strings.NewReader(body))
	w.check(err)
	if body != "" {
		sum := md5.Sum([]byte(body))
		q.Header.Set("Content-Md5", base64.StdEncoding.EncodeToString(sum[:]))
	}
	later = http.Header{}
	for _, h := range parts[1:] {
		name, value, _ := strings.Cut(h, ":")
		if strings.HasPrefix(name, "x-amz-") {
			q.Header.Add(name, strings.TrimSpace(value))
		} else {
			later.Add(name, strings.TrimSpace(value))
		}
	}
	return q, later
}

// conditioned is a policy under which a caller may do everything, but an action
// only under a condition. Root is not in need of a policy, and an anonymous
// caller has none: for them it is one of a bucket.
func conditioned(caller, action string, condition map[string]map[string]string) string {
	type statement struct {
		Effect, Resource  string
		Principal         string                       `json:",omitempty"`
		Action, NotAction string                       `json:",omitempty"`
		Condition         map[string]map[string]string `json:",omitempty"`
	}
	all := []statement{{Effect: "Allow", NotAction: action, Resource: "*"}, {Effect: "Allow", Action: action, Resource: "*", Condition: condition}}
	switch caller {
	case "root":
		all = []statement{{Effect: "Deny", Principal: "*", Action: action, Resource: "arn:aws:s3:::openbucket/*", Condition: negated(condition)}}
	case "anonymous":
		all = []statement{{Effect: "Allow", Principal: "*", Action: action, Resource: "arn:aws:s3:::openbucket/*", Condition: condition}}
	}
	document, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": all})
	if err != nil {
		panic(err) // it is of strings only
	}
	return string(document)
}

// negated is a condition that holds where the other does not.
func negated(condition map[string]map[string]string) map[string]map[string]string {
	not := map[string]map[string]string{}
	for operator, keys := range condition {
		for key, value := range keys {
			if operator == "Null" {
				value = strconv.FormatBool(value == "false")
			} else {
				operator = strings.Replace(operator, "Equals", "NotEquals", 1)
			}
			not[operator] = map[string]string{key: value}
		}
	}
	return not
}

// allowed reports whether a request passes under a condition on its action.
func (w *keyWorld) allowed(r keyRequest, condition map[string]map[string]string) bool {
	w.t.Helper()
	head, text, _ := strings.Cut(r.text, ": ")
	words := strings.Fields(head)
	caller, action, over := words[0], words[len(words)-1], ""
	if len(words) == 3 {
		over = words[1]
	}
	policy := conditioned(caller, action, condition)
	if providersOfKeys[caller] != "" {
		w.trustGuests(caller, condition)
	} else if holder, ok := w.holders[caller]; ok {
		w.check(w.directory.PutInlinePolicy(context.Background(), holder, "p", policy))
	} else if status, answer := w.send("root", "", "PUT /openbucket?policy < "+policy); status > 299 {
		w.t.Fatalf("line %d: %s: %d %s", r.line, policy, status, answer)
	}
	status, answer := w.send(caller, over, text)
	ofKMS := strings.Contains(answer, `"AccessDeniedException"`)
	denied := status == http.StatusForbidden || ofKMS
	switch {
	case status >= 500:
		w.t.Errorf("line %d: %s: %d %s", r.line, r.text, status, answer)
	case denied && !ofKMS && answer != "" && !strings.Contains(answer, "<Code>AccessDenied</Code>"), denied && w.holders[caller].Name != "" && answer != "" && !strings.Contains(answer, "to perform: "+action+" "):
		w.t.Errorf("line %d: %s: denied for another reason: %s", r.line, r.text, answer)
	}
	return !denied
}

// TestKeys sends the requests of every key under a policy that demands the key,
// one that forbids it, and one that demands its value.
func TestKeys(t *testing.T) {
	plain := newKeyWorld(t, Config{})
	dir := t.TempDir()
	c := Config{TLSCert: filepath.Join(dir, "cert.pem"), TLSKey: filepath.Join(dir, "key.pem")}
	writeCertificate(t, c.TLSCert, c.TLSKey, 1)
	secure := newKeyWorld(t, c)

	table := readKeys(t)
	requests := 0
	for _, k := range table.filled {
		t.Run(k.name, func(t *testing.T) {
			for _, r := range k.requests {
				w := plain
				if strings.Contains(r.text, " tls ") {
					w = secure
				}
				requests++
				checkKey(t, w, k, r)
			}
		})
	}
	if !t.Failed() && requests < 250 {
		t.Errorf("only %d requests", requests)
	}
	t.Logf("%d keys, %d requests", len(table.filled), requests)
}

func checkKey(t *testing.T, w *keyWorld, k *filledKey, r keyRequest) {
	t.Helper()
	for null, want := range map[string]bool{"false": r.present, "true": !r.present} {
		if got := w.allowed(r, map[string]map[string]string{"Null": {k.tested(): null}}); got != want {
			t.Errorf("line %d: %s: allowed under Null %s: %v", r.line, r.text, null, got)
		}
	}
	if r.operator != "" && !w.allowed(r, map[string]map[string]string{r.operator: {k.tested(): w.words.Replace(r.value)}}) {
		t.Errorf("line %d: %s: its value is not as %s %q", r.line, r.text, r.operator, r.value)
	}
}

// TestKeysNeverFilled sends every request under policies that forbid the keys
// that none has; of a family, its first.
func TestKeysNeverFilled(t *testing.T) {
	w := newKeyWorld(t, Config{})
	table := readKeys(t)
	var names []string
	for _, n := range table.never {
		for _, name := range n.names {
			i := slices.IndexFunc(facts.Keys(), func(k facts.Key) bool { return covers(name, k.Name) })
			name = facts.Keys()[i].Name
			if facts.Keys()[i].IsPrefix() {
				name += "team"
			}
			names = append(names, name)
		}
	}
	requests := 0
	for some := range slices.Chunk(names, 40) { // a user's policies have 2,048 characters
		forbidden := map[string]string{}
		for _, name := range some {
			forbidden[name] = "true"
		}
		for _, k := range table.filled {
			for _, r := range k.requests {
				if caller, _, _ := strings.Cut(r.text, " "); w.holders[caller].Name == "" || strings.Contains(r.text, " tls ") {
					continue
				}
				requests++
				if !w.allowed(r, map[string]map[string]string{"Null": forbidden}) {
					t.Errorf("line %d: %s has a key that none has: one of %v", r.line, r.text, some)
				}
			}
		}
	}
	if len(names) < 75 || requests < 320 {
		t.Errorf("only %d keys and %d requests", len(names), requests)
	}
}
