package cli

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
)

// junitSuites is a report in the XML of JUnit, as CI servers read it: a suite
// for each access file.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	File      string        `xml:"file,attr"`
	Line      int           `xml:"line,attr"`
	Failure   *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func junit(r *testReport) *junitSuites {
	all := &junitSuites{Name: "keywright test", Tests: r.Total, Failures: r.Failed}
	for _, c := range r.Cases {
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != c.File {
			all.Suites = append(all.Suites, junitSuite{Name: c.File})
		}
		s := &all.Suites[len(all.Suites)-1]
		s.Tests++
		one := junitCase{Name: c.Name, ClassName: c.File, File: c.File, Line: c.Line}
		if !c.Passed {
			s.Failures++
			one.Failure = &junitFailure{
				Message: fmt.Sprintf("expected %s, got %s", c.want, c.got), Type: c.Decision,
				Text: fmt.Sprintf("%s:%d:%d: %s on %s by %s: %s", c.File, c.Line, c.Column, c.Action, c.Resource, c.Principal, c.Reason),
			}
		}
		s.Cases = append(s.Cases, one)
	}
	return all
}

func writeJUnit(path string, r *testReport) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(junit(r)); err != nil {
		return err
	}
	b.WriteByte('\n')
	return os.WriteFile(path, b.Bytes(), 0o644)
}
