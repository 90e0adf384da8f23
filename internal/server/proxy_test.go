package server

import (
	"net/http"
	"strings"
	"testing"
)

// behindProxy is a policy under which a bucket can be read over TLS from one
// place only, by whoever wrote it too.
const behindProxy = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::examplebucket","Condition":{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}},
	{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::examplebucket","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}`

// TestTrustedProxy sends what a proxy and what a hostile client would write, to
// a server that trusts the sender and to one that trusts nobody.
func TestTrustedProxy(parent *testing.T) {
	servers := map[string]*running{}
	for _, tt := range []struct {
		name    string
		trusted []string
		headers []string
		status  int
	}{
		{"no proxy is known", nil, []string{"X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: https", "Forwarded: for=203.0.113.5;proto=https"}, 403},
		{"another proxy is known", []string{"192.0.2.0/24"}, []string{"X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: https"}, 403},
		{"the proxy is known", []string{"127.0.0.0/8", "::1"}, []string{"X-Forwarded-For: 198.51.100.1, 203.0.113.5", "X-Forwarded-Proto: https"}, 200},
		{"by Forwarded", []string{"127.0.0.1"}, []string{"Forwarded: for=203.0.113.5;proto=https"}, 200},
		{"without TLS", []string{"127.0.0.1"}, []string{"X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: http"}, 403},
		{"a claim before the truth", []string{"127.0.0.1"}, []string{"X-Forwarded-For: 203.0.113.5, 198.51.100.1", "X-Forwarded-Proto: https"}, 403},
		{"the proxy for itself", []string{"127.0.0.1"}, nil, 403},
		{"headers of two minds", []string{"127.0.0.1"}, []string{"X-Forwarded-For: 203.0.113.5", "Forwarded: for=198.51.100.1"}, 400},
		{"no address", []string{"127.0.0.1"}, []string{"X-Forwarded-For: unknown"}, 400},
	} {
		parent.Run(tt.name, func(t *testing.T) {
			r := servers[strings.Join(tt.trusted, " ")]
			if r == nil {
				r = start(parent, Config{TrustedProxies: tt.trusted})
				servers[strings.Join(tt.trusted, " ")] = r
				r.must(http.StatusOK, "PUT", "/examplebucket", "")
				r.must(http.StatusNoContent, "PUT", "/examplebucket?policy", behindProxy)
			}
			before := len(r.log.String())
			q := r.request("GET", "/examplebucket", nil)
			for _, h := range tt.headers { // unsigned, as proxies add them
				name, value, _ := strings.Cut(h, ": ")
				q.Header.Add(name, value)
			}
			if status, answer := r.do(q); status != tt.status {
				t.Errorf("%d, want %d: %s", status, tt.status, answer)
			}
			if logged := strings.Contains(r.log.String()[before:], "client=203.0.113.5"); logged != (tt.status == 200 || tt.name == "without TLS") {
				t.Errorf("the log names the client: %v\n%s", logged, r.log)
			}
		})
	}
}
