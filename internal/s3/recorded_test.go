package s3

import (
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// answeredError is an error document as a story got it.
type answeredError struct {
	status   int
	document struct {
		XMLName  xml.Name `xml:"Error"`
		Code     string
		Message  string
		Elements []struct{ XMLName xml.Name } `xml:",any"`
	}
}

func (a *answeredError) has(element string) bool {
	return slices.ContainsFunc(a.document.Elements, func(e struct{ XMLName xml.Name }) bool { return e.XMLName.Local == element })
}

// noteError keeps the error document of the last answer.
func (s *story) noteError() {
	if s.answer.Code < 400 {
		return
	}
	a := answeredError{status: s.answer.Code}
	if xml.Unmarshal([]byte(s.body), &a.document) == nil {
		*s.errors = append(*s.errors, a)
	}
}

// checkRecorded holds testdata/recorded.txt, whose first lines say what it is,
// against the errors that the stories got.
func checkRecorded(t *testing.T, answered []answeredError) {
	data, err := os.ReadFile("testdata/recorded.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows, answers := 0, 0
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "none: ") {
			continue
		}
		cells := strings.Split(line, " | ")
		if len(cells) != 4 {
			t.Fatalf("recorded.txt:%d: %d cells", i+1, len(cells))
		}
		rows++
		excused := strings.HasPrefix(lines[i+1], "none: ")
		found := slices.ContainsFunc(answered, func(a answeredError) bool { return a.is(cells) })
		switch {
		case found:
			answers++
			if excused {
				t.Errorf("recorded.txt:%d: an answer is this, and the line below it says that none can be", i+1)
			}
		case !excused:
			t.Errorf("recorded.txt:%d: no answer is %s", i+1, line)
		}
	}
	if rows < 150 || answers < 100 {
		t.Errorf("%d recorded errors, %d of them answered: too few to prove anything", rows, answers)
	}
	t.Logf("%d recorded errors, %d of them answered", rows, answers)
}

var placeholder = regexp.MustCompile(`<[^>]*>`)

func (a *answeredError) is(cells []string) bool {
	if a.document.Code != cells[0] || cells[1] != "?" && cells[1] != fmt.Sprint(a.status) {
		return false
	}
	var pattern strings.Builder
	pattern.WriteString(`^`)
	last := 0
	for _, at := range placeholder.FindAllStringIndex(cells[2], -1) {
		pattern.WriteString(regexp.QuoteMeta(cells[2][last:at[0]]) + `.*`)
		last = at[1]
	}
	pattern.WriteString(regexp.QuoteMeta(cells[2][last:]) + `$`)
	if !regexp.MustCompile(pattern.String()).MatchString(a.document.Message) {
		return false
	}
	for _, element := range strings.Fields(cells[3]) {
		if element != "-" && !a.has(element) {
			return false
		}
	}
	return true
}
