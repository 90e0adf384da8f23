package conformance

import (
	"net/http"
	"strings"
	"testing"
)

// TestConfigurations puts the documents that configure a bucket with the AWS
// CLI, and has a browser's question answered.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	sh := newShell(t, s, s.Root)
	bucket := newBucket(t, s)
	api := func(operation string, args ...string) string {
		t.Helper()
		defer ran(t, "client cli configuration")
		return sh.ok(append([]string{"s3api", operation, "--bucket", bucket}, args...)...)
	}
	missing := func(operation, code string) {
		t.Helper()
		sh.fails([]string{"s3api", operation, "--bucket", bucket}, code)
		ran(t, "client cli configuration")
	}
	missing("get-bucket-tagging", "NoSuchTagSet")
	api("put-bucket-tagging", "--tagging", "TagSet=[{Key=team,Value=red},{Key=cost center,Value=7}]")
	contains(t, api("get-bucket-tagging"), `"Key": "cost center"`, `"Value": "7"`)
	api("delete-bucket-tagging")
	missing("get-bucket-tagging", "NoSuchTagSet")

	contains(t, api("get-bucket-request-payment"), "BucketOwner")
	api("put-bucket-request-payment", "--request-payment-configuration", "Payer=Requester")
	contains(t, api("get-bucket-request-payment"), `"Payer": "Requester"`)

	missing("get-bucket-website", "NoSuchWebsiteConfiguration")
	sh.ok("s3", "website", "s3://"+bucket, "--index-document", "index.html", "--error-document", "error.html")
	contains(t, api("get-bucket-website"), `"Suffix": "index.html"`, `"Key": "error.html"`)
	api("delete-bucket-website")

	missing("get-bucket-cors", "NoSuchCORSConfiguration")
	sh.write("cors.json", `{"CORSRules":[{"AllowedOrigins":["https://*.example.com"],"AllowedMethods":["PUT","GET"],"AllowedHeaders":["*"],"ExposeHeaders":["ETag"],"MaxAgeSeconds":60}]}`)
	api("put-bucket-cors", "--cors-configuration", "file://cors.json")
	contains(t, api("get-bucket-cors"), `"https://*.example.com"`, `"MaxAgeSeconds": 60`)
	for origin, want := range map[string]string{"https://console.example.com": "https://console.example.com", "https://example.org": ""} {
		ask, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.Endpoint+"/"+bucket+"/key?X-Amz-Signature=x", nil)
		must(t)(err)
		ask.Header.Set("Origin", origin)
		ask.Header.Set("Access-Control-Request-Method", "PUT")
		ask.Header.Set("Access-Control-Request-Headers", "authorization,x-amz-date")
		answer, err := s.HTTP().Do(ask)
		must(t)(err)
		answer.Body.Close()
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != want || (answer.StatusCode == http.StatusOK) != (want != "") {
			t.Errorf("from %s: %d, allowed %q", origin, answer.StatusCode, got)
		}
		ran(t, "client preflight")
	}
	api("delete-bucket-cors")
	missing("get-bucket-cors", "NoSuchCORSConfiguration")
	if out := sh.ok("s3", "rb", "s3://"+bucket); !strings.Contains(out, "remove_bucket") {
		t.Error(out)
	}
}
