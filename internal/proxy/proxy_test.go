package proxy

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func trusting(t testing.TB, networks ...string) Trusted {
	t.Helper()
	var all Trusted
	for _, n := range networks {
		p, err := Parse(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// request is one from an address, with headers given as "Name: value".
func request(from string, headers ...string) *http.Request {
	r := &http.Request{RemoteAddr: from, Header: http.Header{}}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		r.Header.Add(name, strings.TrimSpace(value))
	}
	return r
}

func TestClient(t *testing.T) {
	trusted := trusting(t, "10.0.0.0/8", "2001:db8:1::/48", "192.0.2.7")
	for _, tt := range []struct {
		name, from string
		headers    []string
		address    string
		secure     bool
		err        error
	}{
		{"nobody in between", "198.51.100.1:1", nil, "198.51.100.1", false, nil},
		{"a proxy's own request", "10.0.0.1:1", nil, "10.0.0.1", false, nil},
		{"from a stranger, all headers are lies", "198.51.100.1:1",
			[]string{"X-Forwarded-For: 10.9.9.9", "Forwarded: for=10.9.9.9;proto=https", "X-Forwarded-Proto: https"}, "198.51.100.1", false, nil},
		{"a neighbour of a single address", "192.0.2.8:1", []string{"X-Forwarded-For: 203.0.113.5"}, "192.0.2.8", false, nil},
		{"a single address", "192.0.2.7:1", []string{"X-Forwarded-For: 203.0.113.5"}, "203.0.113.5", false, nil},
		{"IPv4 in IPv6", "[::ffff:10.0.0.1]:1", []string{"X-Forwarded-For: ::ffff:203.0.113.5"}, "203.0.113.5", false, nil},

		{"what the client wrote stands before", "10.0.0.1:1", []string{"X-Forwarded-For: 10.9.9.9, 192.0.2.7, 203.0.113.5"}, "203.0.113.5", false, nil},
		{"two proxies", "10.0.0.1:1", []string{"X-Forwarded-For: 1.1.1.1, 203.0.113.5, 10.0.0.2"}, "203.0.113.5", false, nil},
		{"a header for each proxy", "10.0.0.1:1", []string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 203.0.113.5", "X-Forwarded-For: 10.0.0.2"}, "203.0.113.5", false, nil},
		{"a client in the trusted network", "10.0.0.1:1", []string{"X-Forwarded-For: 10.0.0.3,10.0.0.2"}, "10.0.0.3", false, nil},
		{"IPv6 and ports", "[2001:db8:1::1]:1", []string{"X-Forwarded-For: [2001:db8:2::5]:443, 10.0.0.2:80"}, "2001:db8:2::5", false, nil},
		{"IPv6 in brackets", "10.0.0.1:1", []string{"X-Forwarded-For: [2001:db8:2::5]"}, "2001:db8:2::5", false, nil},
		{"rubbish before", "10.0.0.1:1", []string{"X-Forwarded-For: ,;\"evil\",, 203.0.113.5"}, "203.0.113.5", false, nil},
		{"no address", "10.0.0.1:1", []string{"X-Forwarded-For: unknown"}, "", false, ErrUnclear},
		{"no address behind a trusted one", "10.0.0.1:1", []string{"X-Forwarded-For: x, 10.0.0.2"}, "", false, ErrUnclear},
		{"an empty header", "10.0.0.1:1", []string{"X-Forwarded-For:"}, "", false, ErrUnclear},

		{"Forwarded", "10.0.0.1:1", []string{`Forwarded: for=1.1.1.1, For="[2001:db8:2::5]:4711" ; Proto=HTTPS;by=_us, for=10.0.0.2;proto=http`}, "2001:db8:2::5", true, nil},
		{"Forwarded in two headers", "10.0.0.1:1", []string{"Forwarded: for=203.0.113.5;proto=https", "Forwarded: for=10.0.0.2"}, "203.0.113.5", true, nil},
		{"an escaped quoted string", "10.0.0.1:1", []string{`Forwarded: by="a\"b,for=1.1.1.1";for="203.0.113.5"`}, "203.0.113.5", false, nil},
		{"an obfuscated client", "10.0.0.1:1", []string{"Forwarded: for=_hidden"}, "", false, ErrUnclear},
		{"an element without a client", "10.0.0.1:1", []string{"Forwarded: proto=https"}, "", false, ErrUnclear},
		{"a client given twice", "10.0.0.1:1", []string{"Forwarded: for=203.0.113.5;for=1.1.1.1"}, "", false, ErrUnclear},
		{"a quote that swallows the proxy's element", "10.0.0.1:1", []string{`Forwarded: for="1.1.1.1, for=203.0.113.5`}, "", false, ErrUnclear},
		{"a quote that ends at the proxy's", "10.0.0.1:1", []string{`Forwarded: for=1.1.1.1;x=", for="203.0.113.5"`}, "", false, ErrUnclear},
		{"an open quote in a header of its own", "10.0.0.1:1", []string{`Forwarded: for="1.1.1.1`, "Forwarded: for=203.0.113.5"}, "", false, ErrUnclear},

		{"both, in agreement", "10.0.0.1:1", []string{"X-Forwarded-For: 203.0.113.5", "Forwarded: for=203.0.113.5"}, "203.0.113.5", false, nil},
		{"the client's Forwarded through a proxy that adds the other", "10.0.0.1:1", []string{"X-Forwarded-For: 203.0.113.5", "Forwarded: for=1.1.1.1"}, "", false, ErrDisagree},
		{"the client's X-Forwarded-For through a proxy that adds the other", "10.0.0.1:1", []string{"Forwarded: for=203.0.113.5", "X-Forwarded-For: 1.1.1.1"}, "", false, ErrDisagree},

		{"TLS to the proxy", "10.0.0.1:1", []string{"X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: HTTPS"}, "203.0.113.5", true, nil},
		{"no TLS to the proxy", "10.0.0.1:1", []string{"X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: http"}, "203.0.113.5", false, nil},
		{"TLS to one proxy only", "10.0.0.1:1", []string{"X-Forwarded-For: 203.0.113.5, 10.0.0.2", "X-Forwarded-Proto: https, http"}, "203.0.113.5", false, nil},
		{"the client's word before the proxy's", "10.0.0.1:1", []string{"X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: https", "X-Forwarded-Proto: http"}, "203.0.113.5", false, nil},
		{"the protocols do not agree", "10.0.0.1:1", []string{"Forwarded: for=203.0.113.5;proto=http", "X-Forwarded-Proto: https"}, "203.0.113.5", false, nil},
		{"a protocol without a client is no proxy's", "10.0.0.1:1", []string{"X-Forwarded-Proto: https"}, "10.0.0.1", false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := trusted.Client(request(tt.from, tt.headers...))
			if !errors.Is(err, tt.err) {
				t.Fatalf("%v, want %v", err, tt.err)
			}
			want := Client{}
			if tt.err == nil {
				proxied := !strings.Contains(tt.from, tt.address)
				want = Client{netip.MustParseAddr(tt.address), tt.secure, proxied}
			}
			if c != want {
				t.Errorf("%+v, want %+v", c, want)
			}
		})
	}
}

// TestTransport checks that the connection's own TLS counts for its own client
// only.
func TestTransport(t *testing.T) {
	for _, tt := range []struct {
		name    string
		headers []string
		want    Client
	}{
		{"direct", nil, Client{netip.MustParseAddr("10.0.0.1"), true, false}},
		{"proxied, protocol not said", []string{"X-Forwarded-For: 203.0.113.5"}, Client{netip.MustParseAddr("203.0.113.5"), false, true}},
	} {
		r := request("10.0.0.1:1", tt.headers...)
		r.TLS = &tls.ConnectionState{}
		if c, err := trusting(t, "10.0.0.1").Client(r); err != nil || c != tt.want {
			t.Errorf("%s: %+v, %v", tt.name, c, err)
		}
	}
	if c, err := trusting(t, "10.0.0.1").Client(request("@", "X-Forwarded-For: 1.1.1.1")); err != nil || c != (Client{}) {
		t.Errorf("a connection without an address: %+v, %v", c, err)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "10.1.2.3": "10.1.2.3/32", "::1": "::1/128", "2001:db8::/32": "2001:db8::/32", "::ffff:10.1.2.3": "10.1.2.3/32",
	} {
		if p, err := Parse(text); err != nil || p.String() != want {
			t.Errorf("Parse(%q) = %v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "10.0.0.0/33", "10.0.0.1/8", "::ffff:10.0.0.0/104", "fe80::1%eth0", "proxy.example.com", "10.0.0.0-10.0.0.9", "*", "0.0.0.0/0", "::/0"} {
		if p, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v", text, p)
		}
	}
}

// FuzzClient checks that nothing that a client writes before what the proxy
// adds changes whom the request is from.
func FuzzClient(f *testing.F) {
	for _, s := range []string{"", "1.1.1.1", `for="`, "for=1.1.1.1;x=", `for="\`, ",,", `a="b"`, "10.0.0.2", "for=10.0.0.2"} {
		f.Add(s)
	}
	trusted := trusting(f, "10.0.0.0/8")
	want := netip.MustParseAddr("203.0.113.5")
	f.Fuzz(func(t *testing.T, written string) {
		for _, added := range []string{"203.0.113.5", "203.0.113.5, 10.0.0.2"} {
			c, err := trusted.Client(request("10.0.0.1:1", "X-Forwarded-For:"+written+","+added))
			if err != nil || c.Address != want {
				t.Errorf("X-Forwarded-For %q: %v, %v", written, c.Address, err)
			}
		}
		for _, headers := range [][]string{
			{"Forwarded:" + written + ",for=203.0.113.5"},
			{"Forwarded:" + written + `, for="203.0.113.5:4711";proto=http`},
			{"Forwarded:" + written, `Forwarded: by="x";for=203.0.113.5`},
			{"Forwarded:" + written, "X-Forwarded-For: 203.0.113.5"},
			{"X-Forwarded-For:" + written, "Forwarded: for=203.0.113.5"},
		} {
			c, err := trusted.Client(request("10.0.0.1:1", headers...))
			if err == nil && c.Address != want {
				t.Errorf("%q: %v", headers, c.Address)
			}
		}
	})
}
