package lint

//go:generate sh -c "go run ./gen > ../../docs/findings.md"

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/keywright/keywright/policy"
)

// Entry is what is known about one code.
type Entry struct {
	Code     policy.Code
	Severity Severity
	Kinds    []Kind // the types of policies that it can be found in
	Title    string
	Family   string // under which the documentation has it

	// IssueCode is the issue code with which IAM Access Analyzer reports the
	// same ("Access Analyzer policy check reference"), and empty for a code that
	// is our own.
	IssueCode string

	What, Why, Fix string // what is wrong, why it matters, and what to do about it

	// ReportedAs is for the codes of Check: those with which Validate reports the
	// same fault, the first of them when it knows no better. It is empty when
	// Validate uses the code itself.
	ReportedAs []policy.Code

	Examples []Example
}

// Example is a document in which a code is found.
type Example struct {
	Kind     Kind
	Options  Options
	At       string // line:column of the finding
	Document string
	Without  string // the document without the fault
	Fixed    string // what the finding's fix makes of the document; empty when it has none
	Fill     int    // how many characters the word FILL in the document stands for
}

// Source returns the whole document.
func (x *Example) Source() []byte {
	if x.Fill == 0 {
		return []byte(x.Document)
	}
	return []byte(strings.Replace(x.Document, "FILL", strings.Repeat("x", x.Fill), 1))
}

// Slug returns the entry's name for use in a URL, in the form of Access
// Analyzer's documentation: the severity and the title, such as
// "error-invalid-action".
func (e *Entry) Slug() string {
	severity := strings.ReplaceAll(strings.ToLower(e.Severity.String()), "_", "-")
	if e.Severity == Warning {
		severity = "general-warning"
	}
	words := strings.FieldsFunc(strings.ToLower(e.Title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	return severity + "-" + strings.Join(words, "-")
}

// Shown reports whether Validate reports the code itself, and not another one in
// its place.
func (e *Entry) Shown() bool {
	return len(e.ReportedAs) == 0 || slices.Contains(e.ReportedAs, e.Code)
}

// Applies reports whether the code can be found in a type of policy.
func (e *Entry) Applies(kind Kind) bool { return slices.Contains(e.Kinds, kind) }

// Codes returns every code of Check and Validate, in the order of the
// documentation. The caller must not change the list.
func Codes() []*Entry { return load().entries }

// LookupCode finds what is known about a code.
func LookupCode(code policy.Code) (*Entry, bool) {
	e, ok := load().byCode[code]
	return e, ok
}

// NotApplicable returns the issue codes of Access Analyzer that Validate never
// reports, each with the reason.
func NotApplicable() []Omission { return load().omissions }

// Omission is an issue code of Access Analyzer that is not looked for.
type Omission struct{ IssueCode, Reason string }

// Each file of codes holds entries in the form that readEntries reads.
//
//go:embed codes/*.txt
var codeFiles embed.FS

type registry struct {
	entries   []*Entry
	byCode    map[policy.Code]*Entry
	omissions []Omission
}

var load = sync.OnceValue(func() *registry {
	r := &registry{byCode: map[policy.Code]*Entry{}}
	files, err := codeFiles.ReadDir("codes")
	for _, f := range files {
		var text []byte
		if text, err = codeFiles.ReadFile("codes/" + f.Name()); err != nil {
			break
		}
		if f.Name() == "not-applicable.txt" {
			err = r.readOmissions(string(text))
		} else {
			err = r.readEntries(string(text))
		}
		if err != nil {
			err = fmt.Errorf("codes/%s: %w", f.Name(), err)
			break
		}
	}
	for _, e := range r.entries {
		for i := range e.Examples {
			x := &e.Examples[i]
			for _, document := range []*string{&x.Document, &x.Without, &x.Fixed} {
				*document = strings.TrimRight(*document, "\n")
			}
		}
	}
	if err != nil {
		panic("lint: " + err.Error()) // cannot be: the files are part of the program, and tests read them
	}
	return r
})

// readOmissions reads "CODE reason" lines.
func (r *registry) readOmissions(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "//") {
			continue
		}
		code, reason, ok := strings.Cut(line, " ")
		if !ok {
			return fmt.Errorf("%s has no reason", code)
		}
		r.omissions = append(r.omissions, Omission{code, strings.TrimSpace(reason)})
	}
	return nil
}

// readEntries reads the entries of a file, whose first line is the family that
// they belong to. Each begins with "# CODE", then has
// "name: text" lines whose text may go on in indented lines, then examples: a
// document behind "--- example TYPE LINE:COLUMN", without the fault behind
// "--- without", and as its fix leaves it behind "--- fixed", which may take the
// place of the one without the fault. Behind the position may stand "managed",
// "bucket=NAME", "account=ID" and "fill=CHARACTERS".
func (r *registry) readEntries(text string) error {
	var e *Entry
	family, _, _ := strings.Cut(text, "\n")
	fields := map[string]*string{}
	var section *string // of an example, when in one
	var last *string
	for line := range strings.Lines(text) {
		trimmed := strings.TrimRight(line, "\n")
		var err error
		switch {
		case strings.HasPrefix(line, "# "):
			e = &Entry{Code: policy.Code(strings.TrimSpace(line[2:])), Family: family, Kinds: kinds()}
			if r.byCode[e.Code] != nil {
				return fmt.Errorf("%s is there twice", e.Code)
			}
			r.entries = append(r.entries, e)
			r.byCode[e.Code] = e
			fields = map[string]*string{"title": &e.Title, "what": &e.What, "why": &e.Why, "fix": &e.Fix}
			section, last = nil, nil
		case e == nil:
			continue // what stands before the first entry is for readers
		case strings.HasPrefix(line, "--- "):
			section, err = e.readSection(strings.Fields(trimmed[4:]))
		case section != nil:
			*section += line
		case strings.HasPrefix(line, " ") && last != nil:
			*last += " " + strings.TrimSpace(line)
		case strings.TrimSpace(line) != "":
			last, err = e.readField(trimmed, fields)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", e.Code, err)
		}
	}
	return nil
}

func (e *Entry) readField(line string, texts map[string]*string) (*string, error) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch name {
	case "severity":
		i := slices.Index(severityNames[:], value)
		if i < 0 {
			return nil, fmt.Errorf("there is no severity %q", value)
		}
		e.Severity = Severity(i)
	case "access-analyzer":
		e.IssueCode, e.Title = string(e.Code), value
	case "reported-as":
		for _, code := range strings.Fields(value) {
			e.ReportedAs = append(e.ReportedAs, policy.Code(code))
		}
	case "types":
		e.Kinds = nil
		for _, name := range strings.Fields(value) {
			kind, ok := ParseKind(name)
			if !ok {
				return nil, fmt.Errorf("there is no type %q", name)
			}
			e.Kinds = append(e.Kinds, kind)
		}
	default:
		text, ok := texts[name]
		if !ok {
			return nil, fmt.Errorf("there is no field %q", name)
		}
		*text = value
		return text, nil
	}
	return nil, nil
}

// readSection reads what stands behind "--- ", and returns where the lines
// below it belong.
func (e *Entry) readSection(words []string) (*string, error) {
	if len(words) == 0 {
		return nil, fmt.Errorf("a section has no name")
	}
	if words[0] == "example" {
		if len(words) < 3 {
			return nil, fmt.Errorf("an example has a type and a position")
		}
		kind, ok := ParseKind(words[1])
		if !ok {
			return nil, fmt.Errorf("there is no type %q", words[1])
		}
		x := Example{Kind: kind, At: words[2]}
		for _, option := range words[3:] {
			name, value, _ := strings.Cut(option, "=")
			switch name {
			case "managed":
				x.Options.Managed = true
			case "bucket":
				x.Options.Bucket = value
			case "account":
				x.Options.Account = value
			case "fill":
				var err error
				if x.Fill, err = strconv.Atoi(value); err != nil {
					return nil, err
				}
			default:
				return nil, fmt.Errorf("there is no option %q", option)
			}
		}
		e.Examples = append(e.Examples, x)
		return &e.Examples[len(e.Examples)-1].Document, nil
	}
	if len(e.Examples) == 0 {
		return nil, fmt.Errorf("%q stands before any example", words[0])
	}
	x := &e.Examples[len(e.Examples)-1]
	switch words[0] {
	case "without":
		return &x.Without, nil
	case "fixed":
		return &x.Fixed, nil
	}
	return nil, fmt.Errorf("there is no section %q", words[0])
}

var kindNames = [...]string{
	Identity: "identity", PermissionsBoundary: "boundary", Session: "session", Bucket: "resource", Trust: "trust",
	ServiceControl: "scp", ResourceControl: "rcp",
}

// ParseKind reads the short name of a type of policy: identity, boundary,
// session, resource, trust, scp or rcp.
func ParseKind(name string) (Kind, bool) {
	i := slices.Index(kindNames[:], name)
	return Kind(max(i, 0)), i > 0
}

// KindName returns the name that ParseKind reads, and "" when there is no such
// type.
func KindName(kind Kind) string {
	if int(kind) < len(kindNames) {
		return kindNames[kind]
	}
	return ""
}

func kinds() []Kind {
	return []Kind{Identity, PermissionsBoundary, Session, Bucket, Trust, ServiceControl, ResourceControl}
}
