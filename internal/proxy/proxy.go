// Package proxy knows where a request came from that may have come through
// proxies. It believes what a request says of that only where the connection
// comes from a network that it was told to trust, and then only the parts that
// trusted proxies added: anything else a client could have written itself.
package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Trusted are the networks whose addresses are proxies. The zero value trusts
// nobody.
type Trusted []netip.Prefix

// Client is where a request came from.
type Client struct {
	Address netip.Addr // invalid when the connection has none, such as a Unix socket's
	Secure  bool       // whether the client used TLS
	Proxied bool       // whether a proxy was between: the connection's TLS is then the proxy's
}

// Errors of requests that a trusted proxy sent on without saying clearly for
// whom. They are refused, since taking the proxy for the client would give every
// client the proxy's place in a policy.
var (
	ErrDisagree = errors.New("X-Forwarded-For and Forwarded name different clients: configure the proxy to remove the one that it does not set")
	ErrUnclear  = errors.New("a forwarding header has no address where one is expected")
)

// Parse reads a network in CIDR notation, or a single address. It refuses the
// network of all addresses.
func Parse(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network in CIDR notation", text)
	}
	if p.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%q is everybody: each client could then choose its address", text)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its prefix: did you mean %s?", text, p.Masked())
	}
	return p, nil
}

func (t Trusted) contains(a netip.Addr) bool {
	for _, p := range t {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns where a request came from. From a connection of a trusted
// network that is the last address in X-Forwarded-For or Forwarded that is not
// trusted itself, or the first when all are. It fails with ErrDisagree or
// ErrUnclear when that cannot be told.
func (t Trusted) Client(r *http.Request) (Client, error) {
	direct := Client{Secure: r.TLS != nil}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		direct.Address = ap.Addr().Unmap().WithZone("")
	}
	if len(t) == 0 || !direct.Address.IsValid() || !t.contains(direct.Address) {
		return direct, nil
	}
	list, elements := r.Header.Values("X-Forwarded-For"), r.Header.Values("Forwarded")
	if list == nil && elements == nil {
		return direct, nil // the proxy's own, such as a health check
	}
	c := Client{Proxied: true}
	proto, err := "", error(nil)
	if list != nil {
		if c.Address, err = t.last(list); err != nil {
			return Client{}, err
		}
	}
	if elements != nil {
		var a netip.Addr
		if a, proto, err = t.lastForwarded(elements); err != nil {
			return Client{}, err
		}
		if list != nil && a != c.Address {
			return Client{}, ErrDisagree
		}
		c.Address = a
	}
	c.Secure = secure(r.Header.Values("X-Forwarded-Proto"), proto)
	return c, nil
}

// last returns the client in X-Forwarded-For: a list of addresses, to which each
// proxy adds whom it got the request from. Several headers are one list.
func (t Trusted) last(headers []string) (client netip.Addr, err error) {
	all := strings.Split(strings.Join(headers, ","), ",")
	for i := len(all) - 1; i >= 0; i-- {
		if client, err = parseNode(strings.TrimSpace(all[i])); err != nil || !t.contains(client) {
			return client, err
		}
	}
	return client, nil
}

// parseNode reads an address that may have a port, and then an IPv6 address has
// brackets.
func parseNode(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		var ap netip.AddrPort
		if ap, err = netip.ParseAddrPort(text); err != nil {
			return netip.Addr{}, ErrUnclear
		}
		a = ap.Addr()
	}
	return a.Unmap().WithZone(""), nil
}

// secure reports whether the client used TLS, as far as proxies say: where they
// say it in two ways or more than once, all must agree.
func secure(headers []string, forwarded string) bool {
	said := forwarded != ""
	for _, h := range headers {
		for p := range strings.SplitSeq(h, ",") {
			if !strings.EqualFold(strings.TrimSpace(p), "https") {
				return false
			}
			said = true
		}
	}
	return said && (forwarded == "" || strings.EqualFold(forwarded, "https"))
}
