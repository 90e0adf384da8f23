package proxy

import (
	"net/netip"
	"strings"
)

// lastForwarded returns the client in Forwarded, and the protocol that it used
// if that is said ("Forwarded HTTP Extension", RFC 7239).
func (t Trusted) lastForwarded(headers []string) (client netip.Addr, proto string, err error) {
	var all []map[string]string
	for _, h := range headers { // one by one, so that no quote of one reaches into the next
		elements, ok := parseForwarded(h)
		if !ok {
			return client, "", ErrUnclear
		}
		all = append(all, elements...)
	}
	for i := len(all) - 1; i >= 0; i-- {
		if client, err = parseNode(all[i]["for"]); err != nil || !t.contains(client) {
			return client, all[i]["proto"], err
		}
		proto = all[i]["proto"]
	}
	return client, proto, nil
}

// parseForwarded returns the elements of a Forwarded header, each with its
// parameters by their names in lower case.
func parseForwarded(text string) (elements []map[string]string, ok bool) {
	element := map[string]string{}
	for {
		name, rest, ok := strings.Cut(text, "=")
		if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" || strings.ContainsAny(name, ",;\" \t") {
			return nil, false
		}
		value, rest, ok := forwardedValue(strings.TrimLeft(rest, " \t"))
		if _, given := element[name]; !ok || given {
			return nil, false
		}
		element[name] = value
		if rest == "" {
			return append(elements, element), true
		}
		if rest[0] == ',' {
			elements, element = append(elements, element), map[string]string{}
		}
		text = rest[1:]
	}
}

// forwardedValue cuts a token or a quoted string off a text, up to the comma or
// semicolon after it.
func forwardedValue(text string) (value, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		i := strings.IndexAny(text, ",;")
		if i < 0 {
			i = len(text)
		}
		value = strings.TrimRight(text[:i], " \t")
		return value, text[i:], !strings.ContainsAny(value, "\"= \t")
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			rest = strings.TrimLeft(text[i+1:], " \t")
			return b.String(), rest, rest == "" || rest[0] == ',' || rest[0] == ';'
		case '\\':
			if i++; i == len(text) {
				return "", "", false
			}
		}
		b.WriteByte(text[i])
	}
	return "", "", false
}
