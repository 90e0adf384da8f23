package conformance

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keywright/keywright/conformance/harness"
)

// federation is a server with an account that knows an identity provider, and a
// role for the workloads of an organization, each with a folder of its own.
type federation struct {
	*harness.Server
	t        testing.TB
	issuer   *harness.Issuer
	provider string // its ARN
	name     string // what its condition keys begin with
	bucket   string
	role     string // its ARN
}

// audience is whom the tokens are for.
const audience = "sts.amazonaws.com"

func newFederation(t testing.TB) *federation {
	t.Helper()
	issuer, err := harness.NewIssuer(t.TempDir())
	must(t)(err)
	t.Cleanup(issuer.Close)
	f := &federation{Server: startServer(t, harness.Options{}), t: t, issuer: issuer, name: strings.TrimPrefix(issuer.URL, "https://")}
	f.bucket = newBucket(t, f.Server)
	made, err := f.IAM(f.Root).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &issuer.URL, ClientIDList: []string{audience}})
	must(t)(err)
	f.provider = *made.OpenIDConnectProviderArn
	f.role, err = f.NewRole(t.Context(), "workload", f.trust("sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"),
		`{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject"],"Resource":"arn:aws:s3:::`+f.bucket+`/home/${`+f.name+`:sub}/*"},
			{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+f.bucket+`/team/${aws:PrincipalTag/team}/*"}]}`)
	must(t)(err)
	return f
}

func (f *federation) trust(actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + f.provider + `"},"Action":["` + strings.Join(actions, `","`) + `"],
		"Condition":{"StringEquals":{"` + f.name + `:aud":"` + audience + `"},"StringLike":{"` + f.name + `:sub":"org-*"}}}]}`
}

// token returns a token that the server must not show anywhere.
func (f *federation) token(subject, audience string, more map[string]any) string {
	f.t.Helper()
	token, err := f.issuer.Token(subject, audience, more)
	must(f.t)(err)
	f.Secrets.Add(token)
	return token
}

// workload returns a shell that finds a token in a file, and no access key.
func (f *federation) workload(subject string) *shell {
	sh := newShell(f.t, f.Server, aws.Credentials{})
	sh.write("token", f.token(subject, audience, nil))
	sh.Env = f.environment(filepath.Join(sh.Dir, "token"))
	return sh
}

func (f *federation) environment(token string) []string {
	return []string{"AWS_WEB_IDENTITY_TOKEN_FILE=" + token, "AWS_ROLE_ARN=" + f.role, "AWS_ROLE_SESSION_NAME=build-7", "AWS_ENDPOINT_URL_STS=" + f.Endpoint}
}

// TestWebIdentityOfCLI has the AWS CLI find a token where Kubernetes puts it, and
// use S3 as the role that trusts it.
func TestWebIdentityOfCLI(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	alice := f.workload("org-alice")
	contains(t, alice.ok("sts", "get-caller-identity"), ":assumed-role/workload/build-7")
	ran(t, "federation cli identity")
	alice.write("note", "a note")
	alice.ok("s3", "cp", "--no-progress", "note", "s3://"+f.bucket+"/home/org-alice/note")
	if got := alice.ok("s3", "cp", "s3://"+f.bucket+"/home/org-alice/note", "-"); got != "a note" {
		t.Errorf("the note is %q", got)
	}
	ran(t, "federation cli own folder")
	alice.fails([]string{"s3", "cp", "note", "s3://" + f.bucket + "/home/org-bob/note"}, "AccessDenied", "assumed-role/workload/build-7 is not authorized to perform: s3:PutObject")
	ran(t, "federation cli another's folder")
	bob := f.workload("org-bob")
	bob.fails([]string{"s3api", "get-object", "--bucket", f.bucket, "--key", "home/org-alice/note", "out"}, "AccessDenied")
	ran(t, "federation cli another's folder")
	eve := f.workload("eve")
	eve.fails([]string{"s3", "ls"}, "AccessDenied", "AssumeRoleWithWebIdentity", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
	ran(t, "federation cli not trusted")

	// The token's tags and source identity are the session's.
	sh := newShell(t, f.Server, aws.Credentials{})
	tagged := f.token("org-alice", audience, map[string]any{
		"https://aws.amazon.com/tags":            map[string]any{"principal_tags": map[string]any{"team": []string{"disk"}}, "transitive_tag_keys": []string{"team"}},
		"https://aws.amazon.com/source_identity": "alice",
	})
	out := sh.ok("sts", "assume-role-with-web-identity", "--role-arn", f.role, "--role-session-name", "s1", "--web-identity-token", tagged, "--no-sign-request", "--output", "json")
	contains(t, out, `"SubjectFromWebIdentityToken": "org-alice"`, `"Audience": "`+audience+`"`, `"Provider": "`+f.issuer.URL+`"`, `"SourceIdentity": "alice"`)
	ran(t, "federation cli assume")
}

// TestWebIdentityRefused shows tokens that are not good, or not enough, to the
// AWS CLI.
func TestWebIdentityRefused(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	sh := newShell(t, f.Server, aws.Credentials{})
	good := f.token("org-alice", audience, nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	stranger, err := harness.NewIssuer(t.TempDir())
	must(t)(err)
	t.Cleanup(stranger.Close)
	strangers, err := stranger.Token("org-alice", audience, map[string]any{"iss": f.issuer.URL})
	must(t)(err)
	unknown, err := stranger.Token("org-alice", audience, nil)
	must(t)(err)
	past := time.Now().Add(-time.Minute).Unix()
	for _, c := range []struct{ name, role, token, code, message string }{
		{"no token", f.role, "none-at-all", "InvalidIdentityToken", "not a valid JWT"},
		{"changed", f.role, parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), "InvalidIdentityToken", "signature"},
		{"no signature", f.role, none + "." + parts[1] + ".", "InvalidIdentityToken", "not a valid JWT"},
		{"of a stranger", f.role, strangers, "InvalidIdentityToken", "signature"},
		{"of a provider that is not known", f.role, unknown, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for " + stranger.URL},
		{"for another audience", f.role, f.token("org-alice", "another", nil), "InvalidIdentityToken", "Incorrect token audience"},
		{"expired", f.role, f.token("org-alice", audience, map[string]any{"exp": past}), "ExpiredTokenException", "Token expired: current date/time"},
		{"not yet valid", f.role, f.token("org-alice", audience, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), "InvalidIdentityToken", "not valid yet"},
		{"no subject", f.role, f.token("", audience, nil), "InvalidIdentityToken", "sub"},
		{"of somebody else", f.role, f.token("eve", audience, nil), "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"for a role that is not there", f.role + "-none", good, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"for a role of another account", "arn:aws:iam::210987654321:role/workload", good, "InvalidIdentityToken", "No OpenIDConnect provider found"},
	} {
		sh.fails([]string{"sts", "assume-role-with-web-identity", "--role-arn", c.role, "--role-session-name", "s1", "--web-identity-token", c.token}, "("+c.code+")", c.message)
		ran(t, "federation refused "+c.name)
	}

	// Without sts:TagSession a token that brings tags is not enough.
	name := "workload"
	_, err = f.IAM(f.Root).UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: &name, PolicyDocument: aws.String(f.trust("sts:AssumeRoleWithWebIdentity"))})
	must(t)(err)
	tagged := f.token("org-alice", audience, map[string]any{"https://aws.amazon.com/tags/principal_tags/team": "disk"})
	assume := []string{"sts", "assume-role-with-web-identity", "--role-arn", f.role, "--role-session-name", "s1", "--web-identity-token"}
	sh.fails(append(assume, tagged), "(AccessDenied)", "Not authorized to perform sts:TagSession")
	sh.ok(append(assume, good)...)
	ran(t, "federation refused tags")

	// A provider that is deleted vouches for nobody, and its trust policies stay.
	root := newShell(t, f.Server, f.Root)
	root.ok("iam", "delete-open-id-connect-provider", "--open-id-connect-provider-arn", f.provider)
	sh.fails(append(assume, good), "(InvalidIdentityToken)", "No OpenIDConnect provider found")
	contains(t, root.ok("iam", "get-role", "--role-name", "workload"), f.provider)
	ran(t, "federation refused deleted")
}

// TestWebIdentityUnsigned sends requests as they stand in AWS's documentation,
// without a client: nothing but a token lets anybody in who has not signed.
func TestWebIdentityUnsigned(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {f.role}, "RoleSessionName": {"s1"},
		"WebIdentityToken": {f.token("org-alice", audience, nil)},
	}
	get := func(form url.Values) (*http.Response, error) { return f.HTTP().Get(f.Endpoint + "/?" + form.Encode()) }
	post := func(form url.Values) (*http.Response, error) { return f.HTTP().PostForm(f.Endpoint+"/", form) }
	with := func(name, value string) url.Values {
		changed := url.Values{}
		for n, v := range form {
			changed[n] = v
		}
		changed.Set(name, value)
		return changed
	}
	for _, c := range []struct {
		name   string
		send   func(url.Values) (*http.Response, error)
		form   url.Values
		status int
	}{
		{"GET", get, form, http.StatusOK},
		{"POST", post, form, http.StatusOK},
		{"GetCallerIdentity", post, with("Action", "GetCallerIdentity"), http.StatusForbidden},
		{"AssumeRole", post, with("Action", "AssumeRole"), http.StatusForbidden},
		{"an operation of IAM", post, url.Values{"Action": {"ListUsers"}, "Version": {"2010-05-08"}}, http.StatusForbidden},
		{"two tokens", post, url.Values{"Action": form["Action"], "Version": form["Version"], "RoleArn": form["RoleArn"], "RoleSessionName": {"s1"}, "WebIdentityToken": {"good", "evil"}}, http.StatusBadRequest},
		{"too long", post, with("Policy", strings.Repeat("x", 200<<10)), http.StatusRequestEntityTooLarge},
	} {
		response, err := c.send(c.form)
		must(t)(err)
		response.Body.Close()
		if response.StatusCode != c.status {
			t.Errorf("%s: %s", c.name, response.Status)
		}
		ran(t, "federation unsigned "+c.name)
	}
}

// TestWebIdentityOfSDKs has boto3, the SDK for JavaScript and aws-sdk-go-v2 assume
// the role by themselves, and then another one with its session.
func TestWebIdentityOfSDKs(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	file := filepath.Join(t.TempDir(), "token")
	must(t)(os.WriteFile(file, []byte(f.token("org-alice", audience, nil)), 0o600))
	f.script(file, "boto3", "python3-boto3", "/usr/bin/python3", "clients/webidentity.py")
	f.script(file, "javascript", "nodejs, and npm ci in conformance/clients/javascript", "node", "clients/javascript/webidentity.mjs")

	config := f.Config(aws.Credentials{})
	config.Credentials = aws.NewCredentialsCache(stscreds.NewWebIdentityRoleProvider(sts.NewFromConfig(config), f.role, stscreds.IdentityTokenFile(file)))
	client := s3.NewFromConfig(config, func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &f.bucket, Key: aws.String("home/org-alice/go"), Body: strings.NewReader("x")})
	must(t)(err)
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &f.bucket, Key: aws.String("home/org-bob/go"), Body: strings.NewReader("x")})
	if err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("another's folder: %v", err)
	}
	ran(t, "federation go")
	f.checkChain(config)
}

// script runs a client's script as a workload, with a token in a file.
func (f *federation) script(token, name, needs, program, path string) {
	f.t.Helper()
	path, err := filepath.Abs(path)
	must(f.t)(err)
	command := exec.CommandContext(f.t.Context(), program, path)
	command.Dir = f.t.TempDir()
	command.Env = append(f.environment(token), "PATH="+os.Getenv("PATH"), "LC_ALL=C.UTF-8", "HOME="+command.Dir,
		"ENDPOINT="+f.Endpoint, "AWS_DEFAULT_REGION="+harness.Region, "AWS_REGION="+harness.Region, "AWS_EC2_METADATA_DISABLED=true", "BUCKET="+f.bucket)
	out, err := command.CombinedOutput()
	shown := strings.Count(string(out), "ok ")
	if err != nil || shown < 4 {
		f.t.Errorf("%s: %v: showed %d things, want 4 or more (it needs %s)\n%s", name, err, shown, needs, out)
	}
	for range shown {
		ran(f.t, "federation "+name)
	}
}

// checkChain assumes another role with the session: it may last for an hour, and
// knows nothing more of the provider.
func (f *federation) checkChain(config aws.Config) {
	f.t.Helper()
	ctx := context.Background()
	next, err := f.NewRole(ctx, "next", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+f.role+`"},"Action":"sts:AssumeRole",
		"Condition":{"StringEquals":{"aws:FederatedProvider":"`+f.provider+`","`+f.name+`:sub":"org-alice"}}}]}`)
	must(f.t)(err)
	name := "workload"
	_, err = f.IAM(f.Root).PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("chain"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + next + `"}]}`)})
	must(f.t)(err)
	out, err := sts.NewFromConfig(config).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &next, RoleSessionName: aws.String("two")})
	must(f.t)(err)
	f.Session(out.Credentials)
	_, err = sts.NewFromConfig(config).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &next, RoleSessionName: aws.String("two"), DurationSeconds: aws.Int32(3601)})
	if err == nil || !strings.Contains(err.Error(), "role chaining") {
		f.t.Errorf("a longer chain: %v", err)
	}
	ran(f.t, "federation chain")
}

// certified is a provider that this project did not write.
type certified struct {
	URL    string
	client *http.Client
}

// The provider's client, and somebody who logs in with it.
const (
	certifiedClient = "org-build"
	certifiedPerson = "org-alice"
)

func newCertified(t testing.TB) *certified {
	t.Helper()
	certificate, err := harness.NewCertificate(t.TempDir())
	must(t)(err)
	command := exec.CommandContext(t.Context(), "node", "clients/oidc-provider/provider.mjs")
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "CERTIFICATE=" + certificate.CertFile, "KEY=" + certificate.KeyFile, "CLIENT=" + certifiedClient, "ALICE=" + certifiedPerson}
	input, err := command.StdinPipe()
	must(t)(err)
	output, err := command.StdoutPipe()
	must(t)(err)
	var failure strings.Builder
	command.Stderr = &failure
	must(t)(command.Start())
	t.Cleanup(func() {
		input.Close()
		command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("no provider (it needs nodejs, and npm ci in conformance/clients/oidc-provider): %v\n%s", err, &failure)
	}
	jar, err := cookiejar.New(nil)
	must(t)(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate.PEM)
	c := &certified{URL: strings.TrimSpace(line)}
	c.client = &http.Client{
		Jar:       jar,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == "/callback" {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
	t.Cleanup(c.client.CloseIdleConnections)
	return c
}

// tokens asks for tokens as the provider's client.
func (c *certified) tokens(t testing.TB, form url.Values) (access, id string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+"/token", strings.NewReader(form.Encode()))
	must(t)(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(certifiedClient, "for-tests-only")
	response, err := c.client.Do(r)
	must(t)(err)
	defer response.Body.Close()
	var answer struct {
		Access string `json:"access_token"`
		ID     string `json:"id_token"`
		Error  string `json:"error_description"`
	}
	must(t)(json.NewDecoder(response.Body).Decode(&answer))
	if answer.Error != "" {
		t.Fatal(answer.Error)
	}
	return answer.Access, answer.ID
}

// login returns the ID token of a person who logs in as in a browser.
func (c *certified) login(t testing.TB) string {
	t.Helper()
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	form := url.Values{
		"client_id": {certifiedClient}, "redirect_uri": {c.URL + "/callback"}, "response_type": {"code"}, "scope": {"openid"}, "nonce": {"n-1"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	response, err := c.client.Get(c.URL + "/auth?" + form.Encode())
	must(t)(err)
	response.Body.Close()
	back, err := response.Location()
	if err != nil {
		t.Fatalf("%s at %s: %v", response.Status, response.Request.URL, err)
	}
	_, id := c.tokens(t, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {c.URL + "/callback"}, "code_verifier": {verifier},
	})
	return id
}

// TestCertifiedProvider takes the tokens of a provider that this project did not
// write: access tokens that are signed with RSA and with an elliptic curve, and
// the ID token of a person who logged in.
func TestCertifiedProvider(t *testing.T) {
	t.Parallel()
	s, provider := startServer(t, harness.Options{}), newCertified(t)
	made, err := s.IAM(s.Root).CreateOpenIDConnectProvider(t.Context(), &iam.CreateOpenIDConnectProviderInput{Url: &provider.URL, ClientIDList: []string{audience, certifiedClient}})
	must(t)(err)
	role, err := s.NewRole(t.Context(), "build", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"`+*made.OpenIDConnectProviderArn+`"},
		"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"`+strings.TrimPrefix(provider.URL, "https://")+`:sub":["`+certifiedClient+`","`+certifiedPerson+`"]}}}]}`)
	must(t)(err)
	machine := func(resource string) string {
		token, _ := provider.tokens(t, url.Values{"grant_type": {"client_credentials"}, "resource": {resource}})
		return token
	}
	for _, c := range []struct{ name, token, subject, audience string }{
		{"RSA", machine("urn:sts"), certifiedClient, audience},
		{"elliptic curve", machine("urn:sts:ec"), certifiedClient, audience},
		{"person", provider.login(t), certifiedPerson, certifiedClient},
	} {
		s.Secrets.Add(c.token)
		out, err := s.STS(aws.Credentials{}).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &role, RoleSessionName: aws.String("s1"), WebIdentityToken: &c.token,
		})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if *out.SubjectFromWebIdentityToken != c.subject || *out.Audience != c.audience {
			t.Errorf("%s: %s for %s", c.name, *out.SubjectFromWebIdentityToken, *out.Audience)
		}
		who, err := s.STS(s.Session(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		must(t)(err)
		contains(t, *who.Arn, ":assumed-role/build/s1")
		ran(t, "federation certified "+c.name)
	}
}

// TestOpenIDConnectProviders manages a provider with the AWS CLI.
func TestOpenIDConnectProviders(t *testing.T) {
	t.Parallel()
	f := newFederation(t)
	sh := newShell(t, f.Server, f.Root)
	arn := []string{"--open-id-connect-provider-arn", f.provider}
	of := func(operation string, more ...string) []string {
		return append(append([]string{"iam", operation}, arn...), more...)
	}
	get := of("get-open-id-connect-provider")
	contains(t, sh.ok(get...), `"Url": "`+f.name+`"`, f.issuer.Thumbprint, audience)
	contains(t, sh.ok("iam", "list-open-id-connect-providers"), f.provider)
	sh.fails([]string{"iam", "create-open-id-connect-provider", "--url", f.issuer.URL}, "(EntityAlreadyExists)", "Provider with url "+f.issuer.URL+" already exists.")
	ran(t, "federation provider made")
	sh.fails([]string{"iam", "create-open-id-connect-provider", "--url", "http://idp.example.com"}, "(InvalidInput)", "must begin with https://")
	sh.fails([]string{"iam", "create-open-id-connect-provider", "--url", "https://127.0.0.1:1"}, "(OpenIdIdpCommunicationError)")
	ran(t, "federation provider refused")
	sh.ok(of("add-client-id-to-open-id-connect-provider", "--client-id", "more")...)
	sh.ok(of("remove-client-id-from-open-id-connect-provider", "--client-id", audience)...)
	sh.fails([]string{"sts", "assume-role-with-web-identity", "--role-arn", f.role, "--role-session-name", "s1", "--web-identity-token", f.token("org-alice", audience, nil)}, "(InvalidIdentityToken)", "Incorrect token audience")
	sh.ok(of("add-client-id-to-open-id-connect-provider", "--client-id", audience)...)
	ran(t, "federation provider client ids")
	sh.ok(of("update-open-id-connect-provider-thumbprint", "--thumbprint-list", strings.Repeat("0", 40))...)
	sh.fails([]string{"sts", "assume-role-with-web-identity", "--role-arn", f.role, "--role-session-name", "s1", "--web-identity-token", f.token("org-alice", audience, nil)},
		"(InvalidIdentityToken)", "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint")
	sh.ok(of("update-open-id-connect-provider-thumbprint", "--thumbprint-list", strings.ToUpper(f.issuer.Thumbprint))...)
	sh.ok("sts", "assume-role-with-web-identity", "--role-arn", f.role, "--role-session-name", "s1", "--web-identity-token", f.token("org-alice", audience, nil))
	ran(t, "federation provider thumbprints")
	sh.ok(of("tag-open-id-connect-provider", "--tags", "Key=team,Value=red")...)
	contains(t, sh.ok(of("list-open-id-connect-provider-tags")...), `"Key": "team"`)
	sh.ok(of("untag-open-id-connect-provider", "--tag-keys", "team")...)
	if out := sh.ok(get...); strings.Contains(out, "team") || !strings.Contains(out, "more") {
		t.Errorf("in the end there is\n%s", out)
	}
	contains(t, sh.ok("iam", "get-account-summary"), `"Providers": 1`)
	ran(t, "federation provider tags")
	sh.ok(of("delete-open-id-connect-provider")...)
	sh.ok(of("delete-open-id-connect-provider")...)
	sh.fails(get, "(NoSuchEntity)")
	ran(t, "federation provider deleted")
}
