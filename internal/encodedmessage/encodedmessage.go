// Package encodedmessage knows encoded authorization messages: what a caller who
// was denied is given to take to his administrator, who has it decoded with
// DecodeAuthorizationMessage (AWS STS API Reference). A message is sealed, since
// what it tells of policies and of the request is not for the caller.
//
// It does not decide who may have a message decoded: it opens one only for the
// account that it was sealed for.
package encodedmessage

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"
)

// ErrInvalid is returned, wrapped, for what is no message of the account.
var ErrInvalid = errors.New("invalid authorization message")

const (
	// Header is the header of an answer that carries a message.
	Header = "X-Keywright-Encoded-Authorization-Message"

	// MaxLength is the length of the longest message, in characters: it stands
	// in a header, where clients bound what they take.
	MaxLength = 4096

	// maxValue bounds each value of the request, in characters.
	maxValue = 256

	// maxDecoded bounds what a message is unpacked to, in bytes.
	maxDecoded = 256 << 10
)

// Sealer seals with authenticated encryption; *secrets.Keyring is one.
type Sealer interface {
	Seal(plaintext, associatedData []byte) ([]byte, error)
	Open(sealed, associatedData []byte) ([]byte, error)
}

// Items is a list as messages have it.
type Items[T any] struct {
	Items []T `json:"items"`
}

// List returns a list, which is never null.
func List[T any](items ...T) Items[T] {
	return Items[T]{append([]T{}, items...)}
}

// Value is a member of a list of texts.
type Value struct {
	Value string `json:"value"`
}

// Values returns a list of texts.
func Values(texts ...string) Items[Value] {
	list := Items[Value]{make([]Value, len(texts))}
	for i, t := range texts {
		list.Items[i].Value = t
	}
	return list
}

// Message is what is told of a request that was denied. Its shape is that of
// AWS's.
type Message struct {
	Allowed           bool             `json:"allowed"`
	ExplicitDeny      bool             `json:"explicitDeny"`
	MatchedStatements Items[Statement] `json:"matchedStatements"` // those that denied
	Failures          Items[Value]     `json:"failures"`          // always empty
	Context           Context          `json:"context"`
}

// Statement is a statement of a policy.
type Statement struct {
	StatementID     string           `json:"statementId"`
	Effect          string           `json:"effect"` // "DENY"
	Principals      Items[Value]     `json:"principals"`
	PrincipalGroups Items[Value]     `json:"principalGroups"`
	Actions         Items[Value]     `json:"actions"`
	Resources       Items[Value]     `json:"resources"`
	Conditions      Items[Condition] `json:"conditions"`
}

// Context is who asked for what.
type Context struct {
	Principal  Principal        `json:"principal"`
	Action     string           `json:"action"`
	Resource   string           `json:"resource"`
	Conditions Items[Condition] `json:"conditions"`
}

// Principal is who asked. Only users have a name.
type Principal struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	ARN  string `json:"arn"`
}

// Condition is a condition key with its values.
type Condition struct {
	Key    string       `json:"key"`
	Values Items[Value] `json:"values"`
}

// Encode returns a message for the account whose administrators may read it, in
// characters that may stand in a header. What does not fit into MaxLength is
// left out: long values lose their ends, then the last conditions of the request
// go, and then the statements.
func Encode(k Sealer, accountID string, m Message) (string, error) {
	for _, c := range m.Context.Conditions.Items {
		for i := range c.Values.Items {
			c.Values.Items[i].Value = shortened(c.Values.Items[i].Value)
		}
	}
	for {
		text, err := encode(k, accountID, &m)
		if err != nil || len(text) <= MaxLength {
			return text, err
		}
		conditions := m.Context.Conditions.Items
		switch {
		case len(conditions) > 0:
			m.Context.Conditions.Items = conditions[:len(conditions)/2]
		case len(m.MatchedStatements.Items) > 0:
			m.MatchedStatements = List[Statement]()
		default:
			return "", fmt.Errorf("a message about %s takes %d characters", m.Context.Action, len(text))
		}
	}
}

// shortened returns at most maxValue characters of a text.
func shortened(text string) string {
	if utf8.RuneCountInString(text) <= maxValue {
		return text
	}
	return string([]rune(text)[:maxValue-1]) + "…"
}

// writers are flate writers at rest: they are large, and a message is made for
// each denial.
var writers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant
	}
	return w
}}

func encode(k Sealer, accountID string, m *Message) (string, error) {
	var packed bytes.Buffer
	w := writers.Get().(*flate.Writer)
	defer writers.Put(w)
	w.Reset(&packed)
	plain := json.NewEncoder(w)
	plain.SetEscapeHTML(false)
	if err := plain.Encode(m); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	sealed, err := k.Seal(packed.Bytes(), purpose(accountID))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// Decode returns the JSON of a message that was encoded for an account. It fails
// with ErrInvalid, wrapped.
func Decode(k Sealer, accountID, text string) (string, error) {
	if len(text) > MaxLength {
		return "", fmt.Errorf("%w: longer than %d characters", ErrInvalid, MaxLength)
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return "", fmt.Errorf("%w: not base64", ErrInvalid)
	}
	packed, err := k.Open(sealed, purpose(accountID))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxDecoded+1))
	if err != nil || len(plain) > maxDecoded {
		return "", fmt.Errorf("%w: not unpacked", ErrInvalid)
	}
	return string(bytes.TrimSpace(plain)), nil
}

// purpose keeps messages apart from everything else that is sealed under a key,
// and those of one account from those of another.
func purpose(accountID string) []byte {
	return []byte("keywright authorization message 1 " + accountID)
}
