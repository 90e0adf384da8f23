package condition

import (
	"cmp"
	"encoding/base64"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/keywright/keywright/arn"
)

// operand is a value of the policy, compiled for one family of operators. It
// reports whether one value of the request's key matches it.
type operand interface {
	match(v single, c *Context) bool
}

// single is one value of a key: that of a single-valued entry or, when entry
// is nil, one text of a multivalued one.
type single struct {
	entry *entry
	text  string
}

func (v single) string() string {
	if v.entry == nil {
		return v.text
	}
	return v.entry.string()
}

// kind is the type that v has to an operator.
func (v single) kind() Kind {
	if v.entry == nil {
		return String
	}
	return v.entry.kind
}

// compiler turns a value of the policy into an operand. The error says what
// the value should have been.
type compiler func(value string, variables arn.Syntax) (operand, string)

// family is a group of operators that differ in negation and comparison only.
type family struct {
	compile compiler
	negated bool
}

var families = map[string]family{
	"StringEquals":              {compileString, false},
	"StringNotEquals":           {compileString, true},
	"StringEqualsIgnoreCase":    {compileIgnoreCase, false},
	"StringNotEqualsIgnoreCase": {compileIgnoreCase, true},
	"StringLike":                {compileLike, false},
	"StringNotLike":             {compileLike, true},

	"NumericEquals":            {numeric(func(o int) bool { return o == 0 }), false},
	"NumericNotEquals":         {numeric(func(o int) bool { return o == 0 }), true},
	"NumericLessThan":          {numeric(func(o int) bool { return o < 0 }), false},
	"NumericLessThanEquals":    {numeric(func(o int) bool { return o <= 0 }), false},
	"NumericGreaterThan":       {numeric(func(o int) bool { return o > 0 }), false},
	"NumericGreaterThanEquals": {numeric(func(o int) bool { return o >= 0 }), false},

	"DateEquals":            {date(func(o int) bool { return o == 0 }), false},
	"DateNotEquals":         {date(func(o int) bool { return o == 0 }), true},
	"DateLessThan":          {date(func(o int) bool { return o < 0 }), false},
	"DateLessThanEquals":    {date(func(o int) bool { return o <= 0 }), false},
	"DateGreaterThan":       {date(func(o int) bool { return o > 0 }), false},
	"DateGreaterThanEquals": {date(func(o int) bool { return o >= 0 }), false},

	"Bool":         {compileBool, false},
	"BinaryEquals": {compileBinary, false},
	"IpAddress":    {compileAddress, false},
	"NotIpAddress": {compileAddress, true},
	"ArnEquals":    {compileARN, false},
	"ArnLike":      {compileARN, false},
	"ArnNotEquals": {compileARN, true},
	"ArnNotLike":   {compileARN, true},
}

// pattern is the operand of StringEquals and StringLike.
type pattern struct {
	w         arn.Wildcard
	isLiteral bool
	text      string // of a literal, which most are
}

func (p *pattern) match(v single, c *Context) bool {
	if p.isLiteral {
		return v.string() == p.text
	}
	return p.w.Match(v.string(), c)
}

func compileString(value string, variables arn.Syntax) (operand, string) {
	return compilePattern(value, variables)
}

func compileLike(value string, variables arn.Syntax) (operand, string) {
	return compilePattern(value, variables|arn.Wildcards)
}

func compilePattern(value string, syntax arn.Syntax) (operand, string) {
	w, err := arn.CompileWildcard(value, syntax)
	if err != nil {
		return nil, "well-formed policy variables"
	}
	p := &pattern{w: w}
	if p.isLiteral = w.IsLiteral(); p.isLiteral {
		p.text = w.LiteralPrefix()
	}
	return p, ""
}

// ignoreCase compares as Unicode folds case, which can change the length of a
// text, so a value with variables is put together first.
type ignoreCase struct{ w arn.Wildcard }

func (p *ignoreCase) match(v single, c *Context) bool {
	want := p.w.LiteralPrefix()
	if p.w.HasVariables() {
		var ok bool
		if want, ok = p.w.Expand(c); !ok {
			return false
		}
	}
	return strings.EqualFold(v.string(), want)
}

func compileIgnoreCase(value string, variables arn.Syntax) (operand, string) {
	w, err := arn.CompileWildcard(value, variables)
	if err != nil {
		return nil, "well-formed policy variables"
	}
	return &ignoreCase{w}, ""
}

// arnPattern is the operand of the Arn operators, which are alike in pairs:
// ArnEquals takes wildcards as ArnLike does.
type arnPattern struct{ p *arn.Pattern }

func (p *arnPattern) match(v single, c *Context) bool {
	s := v.string()
	return arn.Is(s) && p.p.Match(s, c)
}

func compileARN(value string, variables arn.Syntax) (operand, string) {
	if p, err := arn.CompilePattern(value, variables); err == nil {
		return &arnPattern{p}, ""
	}
	w, err := arn.CompileWildcard(value, variables|arn.Wildcards)
	if err != nil || !w.HasVariables() || w.HasWildcards() {
		return nil, "an ARN"
	}
	return &variableARN{w}, ""
}

// variableARN is an operand in which a variable stands for a whole ARN.
type variableARN struct{ w arn.Wildcard }

func (p *variableARN) match(v single, c *Context) bool {
	s := v.string()
	return arn.Is(s) && p.w.Match(s, c)
}

// quantity is a number that is exact when it is an integer.
type quantity struct {
	integer   int64
	float     float64
	isInteger bool
}

// maxTyped is longer than any number or date.
const maxTyped = 64

func parseQuantity(s string) (quantity, bool) {
	if len(s) > maxTyped || strings.Trim(s, "+-.eE0123456789") != "" {
		return quantity{}, false
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return quantity{n, float64(n), true}, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if n, ok := wholeNumber(s); ok && err == nil {
		return quantity{n, float64(n), true}, true
	}
	return quantity{float: f}, err == nil
}

// wholeNumber returns the integer that a decimal number such as 10.0 or 1e3 is.
// It leaves to floating point what does not fit.
func wholeNumber(s string) (int64, bool) {
	digits, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	shift := 0
	if exponent != "" {
		var err error
		if shift, err = strconv.Atoi(exponent); err != nil {
			return 0, false
		}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	shift -= len(fraction)
	if shift > 18 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if n == 0 {
		return 0, err == nil // whatever the exponent, which may be huge
	}
	for ; err == nil && shift < 0; shift++ {
		if n%10 != 0 {
			return 0, false
		}
		n /= 10
	}
	for ; err == nil && shift > 0; shift-- {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, false
		}
		n *= 10
	}
	return n, err == nil
}

func (q quantity) compare(o quantity) int {
	switch {
	case q.isInteger && o.isInteger:
		return cmp.Compare(q.integer, o.integer)
	case q.isInteger:
		return compareInteger(q.integer, o.float)
	case o.isInteger:
		return -compareInteger(o.integer, q.float)
	}
	return cmp.Compare(q.float, o.float)
}

// compareInteger compares exactly, where the integer as a float64 might be
// rounded.
func compareInteger(n int64, f float64) int {
	const limit = 1 << 63
	switch {
	case f >= limit:
		return -1
	case f < -limit:
		return 1
	}
	whole := math.Trunc(f)
	if order := cmp.Compare(n, int64(whole)); order != 0 {
		return order
	}
	return cmp.Compare(whole, f)
}

func (v single) quantity() (quantity, bool) {
	switch v.kind() {
	case Int:
		return quantity{v.entry.number, float64(v.entry.number), true}, true
	case Time:
		n := v.entry.time.Unix()
		return quantity{n, float64(n), true}, true
	case String:
		return parseQuantity(v.string())
	}
	return quantity{}, false
}

type number struct {
	want   quantity
	accept func(order int) bool
}

func (n *number) match(v single, _ *Context) bool {
	q, ok := v.quantity()
	return ok && n.accept(q.compare(n.want))
}

func numeric(accept func(order int) bool) compiler {
	return func(value string, _ arn.Syntax) (operand, string) {
		q, ok := parseQuantity(value)
		if !ok {
			return nil, "a number"
		}
		return &number{q, accept}, ""
	}
}

// layouts are the forms of ISO 8601 that a W3C date may have.
var layouts = []string{
	time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05",
	"2006-01-02T15:04", "2006-01-02", "2006-01", "2006",
}

// parseTime reads a date in ISO 8601, or seconds since 1970 when it has more
// than the four digits of a year. An hour has two digits, and a comma stands for
// no point, though package time takes both.
func parseTime(s string) (time.Time, bool) {
	hour := strings.IndexByte(s, 'T') + 1
	isStrict := !strings.Contains(s, ",") && (hour == 0 || len(s) > hour+2 && s[hour+2] == ':')
	for _, layout := range layouts {
		if len(s) < 4 || len(s) > maxTyped || !isStrict {
			break
		}
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return sinceEpoch(n), true
	}
	return time.Time{}, false
}

// lastSecond is the last that package time can compare with others.
const lastSecond = math.MaxInt64 - 62135596800 // from year 1 to 1970

func sinceEpoch(seconds int64) time.Time { return time.Unix(min(seconds, lastSecond), 0) }

func (v single) date() (time.Time, bool) {
	switch v.kind() {
	case Time:
		return v.entry.time, true
	case Int:
		return sinceEpoch(v.entry.number), true
	case String:
		return parseTime(v.string())
	}
	return time.Time{}, false
}

type instant struct {
	want   time.Time
	accept func(order int) bool
}

func (i *instant) match(v single, _ *Context) bool {
	t, ok := v.date()
	return ok && i.accept(t.Compare(i.want))
}

func date(accept func(order int) bool) compiler {
	return func(value string, _ arn.Syntax) (operand, string) {
		t, ok := parseTime(value)
		if !ok {
			return nil, "a date in ISO 8601 or seconds since 1970"
		}
		return &instant{t, accept}, ""
	}
}

type boolean bool

func parseBool(s string) (value, ok bool) {
	switch {
	case arn.EqualFold(s, "true"):
		return true, true
	case arn.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

func (b boolean) match(v single, _ *Context) bool {
	switch v.kind() {
	case Bool:
		return bool(b) == (v.entry.number == 1)
	case String:
		value, ok := parseBool(v.string())
		return ok && value == bool(b)
	}
	return false
}

func compileBool(value string, variables arn.Syntax) (operand, string) {
	if b, ok := parseBool(value); ok {
		return boolean(b), ""
	}
	w, err := arn.CompileWildcard(value, variables)
	if err != nil || !w.HasVariables() {
		return nil, "true or false"
	}
	return &variableBoolean{w}, ""
}

// variableBoolean is the operand of Bool with a policy variable, which the page
// of the operators has and that of the variables has not.
type variableBoolean struct{ w arn.Wildcard }

func (p *variableBoolean) match(v single, c *Context) bool {
	text, ok := p.w.Expand(c)
	if !ok {
		return false
	}
	b, ok := parseBool(text)
	return ok && boolean(b).match(v, c)
}

// binary holds the bytes that a key must have, byte for byte.
type binary string

func (b binary) match(v single, _ *Context) bool {
	return v.kind() == String && v.string() == string(b)
}

func compileBinary(value string, _ arn.Syntax) (operand, string) {
	data, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, "base64"
	}
	return binary(data), ""
}

type network struct{ prefix netip.Prefix }

func (n *network) match(v single, _ *Context) bool {
	switch v.kind() {
	case Address:
		return n.prefix.Contains(v.entry.address)
	case String:
		a, err := netip.ParseAddr(v.string())
		return err == nil && n.prefix.Contains(a.Unmap())
	}
	return false
}

// ParseNetwork reads the value of an IpAddress condition: an address or a
// CIDR block, whose host bits are ignored.
func ParseNetwork(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

func compileAddress(value string, _ arn.Syntax) (operand, string) {
	p, ok := ParseNetwork(value)
	if !ok {
		return nil, "an IP address or CIDR block"
	}
	return &network{p}, ""
}
