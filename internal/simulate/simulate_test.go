package simulate_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keywright/keywright/internal/simulate"
)

// TestCases runs testdata/cases.txt. A case is a paragraph:
//
//	identity ID DOCUMENT, boundary ID DOCUMENT, resourcepolicy ID DOCUMENT
//	level, scp ID DOCUMENT         a level of service control policies, and one of them
//	caller ARN, owner ARN, resource ARN
//	context NAME TYPE VALUE...
//	action NAME                    decides; what follows are the lines of its result
//	! MESSAGE                      the simulation is refused
//
// A DOCUMENT may be a quoted Go string.
func TestCases(t *testing.T) {
	data, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	count, line := 0, 1
	for _, paragraph := range strings.Split(string(data), "\n\n") {
		lines := strings.Split(paragraph, "\n")
		if c := (&script{at: line}); c.run(t, lines) {
			count++
		}
		line += len(lines) + 1
	}
	if count < 40 {
		t.Errorf("only %d cases", count)
	}
	t.Logf("gate: %d cases (at least 40)", count)
}

// script is one case.
type script struct {
	at         int // line
	parameters simulate.Parameters
	simulation *simulate.Simulation
	want, got  []string
	asked      bool
}

func (c *script) run(t *testing.T, lines []string) bool {
	t.Helper()
	c.parameters.AccountID = "123456789012"
	for i, line := range lines {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := c.step(line); err != nil {
			t.Errorf("line %d: %s: %v", c.at+i, line, err)
		}
	}
	if diff := cmp.Diff(c.want, c.got); diff != "" {
		t.Errorf("the case at line %d: %s", c.at, diff)
	}
	return c.asked
}

func (c *script) step(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	p := &c.parameters
	switch verb {
	case "caller":
		p.CallerARN = rest
	case "owner":
		p.ResourceOwner = rest
	case "resource":
		p.ResourceARNs = append(p.ResourceARNs, rest)
	case "context":
		f := strings.Fields(rest)
		p.Context = append(p.Context, simulate.ContextEntry{Name: f[0], Type: f[1], Values: f[2:]})
	case "level":
		p.ServiceControl = append(p.ServiceControl, nil)
	case "identity", "boundary", "resourcepolicy", "scp":
		return c.source(verb, rest)
	case "action":
		return c.action(rest)
	case "!", "=", "-":
		c.want = append(c.want, line)
	default:
		return fmt.Errorf("no such step")
	}
	return nil
}

func (c *script) source(verb, rest string) (err error) {
	s := simulate.Source{}
	s.ID, s.Document, _ = strings.Cut(rest, " ")
	if strings.HasPrefix(s.Document, `"`) {
		if s.Document, err = strconv.Unquote(s.Document); err != nil {
			return err
		}
	}
	p := &c.parameters
	switch verb {
	case "identity":
		p.Identity = append(p.Identity, s)
	case "boundary":
		p.Boundary = &s
	case "resourcepolicy":
		p.Resource = &s
	case "scp":
		last := len(p.ServiceControl) - 1
		p.ServiceControl[last] = append(p.ServiceControl[last], s)
	}
	return nil
}

func (c *script) action(name string) error {
	c.asked = true
	err := simulate.CheckAction(name)
	if err == nil && c.simulation == nil {
		c.simulation, err = simulate.New(&c.parameters)
	}
	if err != nil {
		c.got = append(c.got, "! "+err.Error())
		return nil
	}
	e := c.simulation.Action(name)
	if e.EvalActionName != name {
		return fmt.Errorf("the result is for %s", e.EvalActionName)
	}
	var notes []string
	if e.OrganizationsDecisionDetail != nil {
		notes = append(notes, fmt.Sprint("organizations=", e.OrganizationsDecisionDetail.AllowedByOrganizations))
	}
	c.got = append(c.got, "= "+describe(e.EvalResourceName, e.EvalDecision, e.MatchedStatements, e.MissingContextValues,
		e.PermissionsBoundaryDecisionDetail, e.EvalDecisionDetails, notes...))
	for _, r := range e.ResourceSpecificResults {
		c.got = append(c.got, "- "+describe(r.EvalResourceName, r.EvalResourceDecision, r.MatchedStatements, r.MissingContextValues,
			r.PermissionsBoundaryDecisionDetail, r.EvalDecisionDetails))
	}
	return nil
}

func describe(resource, decision string, matched []simulate.MatchedStatement, missing []string,
	boundary *simulate.PermissionsBoundaryDecisionDetail, details *simulate.DecisionDetails, notes ...string) string {
	words := []string{resource, decision}
	for _, m := range matched {
		words = append(words, fmt.Sprintf("%s@%d:%d-%d:%d", m.SourcePolicyID, m.StartPosition.Line, m.StartPosition.Column, m.EndPosition.Line, m.EndPosition.Column))
	}
	for _, key := range missing {
		words = append(words, "missing="+key)
	}
	if boundary != nil {
		words = append(words, fmt.Sprint("boundary=", boundary.AllowedByPermissionsBoundary))
	}
	if details != nil {
		text, _ := json.Marshal(details)
		words = append(words, "details="+string(text))
	}
	return strings.Join(append(words, notes...), " ")
}

const allowAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

func newSimulation(t testing.TB, p simulate.Parameters) *simulate.Simulation {
	t.Helper()
	s, err := simulate.New(&p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestShapes holds the shapes against what clients of AWS read.
func TestShapes(t *testing.T) {
	resourcePolicy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/Bob"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}]}`
	s := newSimulation(t, simulate.Parameters{
		AccountID: "123456789012", CallerARN: "arn:aws:iam::123456789012:user/Bob",
		Boundary: &simulate.Source{ID: "PermissionsBoundaryPolicyInputList.1", Document: allowAll},
		Resource: &simulate.Source{ID: "ResourcePolicy", Document: resourcePolicy}, ResourceOwner: "arn:aws:iam::999999999999:root",
		ResourceARNs: []string{"arn:aws:s3:::b/k"},
	})
	for _, c := range []struct {
		result     *simulate.EvaluationResult
		json, text string
	}{
		{
			newSimulation(t, simulate.Parameters{Identity: []simulate.Source{{ID: "p", Document: allowAll}}}).Action("s3:GetObject"),
			`{"EvalActionName":"s3:GetObject","EvalResourceName":"*","EvalDecision":"allowed","MatchedStatements":[{"SourcePolicyId":"p","SourcePolicyType":"IAM Policy","StartPosition":{"Line":1,"Column":38},"EndPosition":{"Line":1,"Column":84}}],"MissingContextValues":[]}`,
			`<R><EvalActionName>s3:GetObject</EvalActionName><EvalResourceName>*</EvalResourceName><EvalDecision>allowed</EvalDecision><MatchedStatements><member><SourcePolicyId>p</SourcePolicyId><SourcePolicyType>IAM Policy</SourcePolicyType><StartPosition><Line>1</Line><Column>38</Column></StartPosition><EndPosition><Line>1</Line><Column>84</Column></EndPosition></member></MatchedStatements><MissingContextValues></MissingContextValues></R>`,
		},
		{
			s.Action("s3:GetObject"),
			`{"EvalActionName":"s3:GetObject","EvalResourceName":"arn:aws:s3:::b/k","EvalDecision":"implicitDeny","MatchedStatements":[],"MissingContextValues":[],` +
				`"PermissionsBoundaryDecisionDetail":{"AllowedByPermissionsBoundary":true},"EvalDecisionDetails":{"IAM Policy":"implicitDeny","Permissions Boundary Policy":"allowed","Resource Policy":"allowed"},` +
				`"ResourceSpecificResults":[{"EvalResourceName":"arn:aws:s3:::b/k","EvalResourceDecision":"implicitDeny","MatchedStatements":[{"SourcePolicyId":"ResourcePolicy","SourcePolicyType":"Resource Policy","StartPosition":{"Line":1,"Column":38},"EndPosition":{"Line":1,"Column":159}}],"MissingContextValues":[],` +
				`"PermissionsBoundaryDecisionDetail":{"AllowedByPermissionsBoundary":true},"EvalDecisionDetails":{"IAM Policy":"implicitDeny","Permissions Boundary Policy":"allowed","Resource Policy":"allowed"}}]}`,
			`<R><EvalActionName>s3:GetObject</EvalActionName><EvalResourceName>arn:aws:s3:::b/k</EvalResourceName><EvalDecision>implicitDeny</EvalDecision><MatchedStatements></MatchedStatements><MissingContextValues></MissingContextValues>` +
				`<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>true</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>` +
				`<EvalDecisionDetails><entry><key>IAM Policy</key><value>implicitDeny</value></entry><entry><key>Permissions Boundary Policy</key><value>allowed</value></entry><entry><key>Resource Policy</key><value>allowed</value></entry></EvalDecisionDetails>` +
				`<ResourceSpecificResults><member><EvalResourceName>arn:aws:s3:::b/k</EvalResourceName><EvalResourceDecision>implicitDeny</EvalResourceDecision><MatchedStatements><member><SourcePolicyId>ResourcePolicy</SourcePolicyId><SourcePolicyType>Resource Policy</SourcePolicyType><StartPosition><Line>1</Line><Column>38</Column></StartPosition><EndPosition><Line>1</Line><Column>159</Column></EndPosition></member></MatchedStatements><MissingContextValues></MissingContextValues>` +
				`<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>true</AllowedByPermissionsBoundary></PermissionsBoundaryDecisionDetail>` +
				`<EvalDecisionDetails><entry><key>IAM Policy</key><value>implicitDeny</value></entry><entry><key>Permissions Boundary Policy</key><value>allowed</value></entry><entry><key>Resource Policy</key><value>allowed</value></entry></EvalDecisionDetails></member></ResourceSpecificResults></R>`,
		},
	} {
		asJSON, err := json.Marshal(c.result)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.json, string(asJSON)); diff != "" {
			t.Error(diff)
		}
		var b strings.Builder
		if err := xml.NewEncoder(&b).EncodeElement(c.result, xml.StartElement{Name: xml.Name{Local: "R"}}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.text, b.String()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestContextKeys(t *testing.T) {
	documents := []simulate.Source{
		{Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}/${aws:PrincipalTag/team, 'none'}"}}`},
		{Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"s3:*","NotResource":"arn:aws:s3:::${s3:prefix}","Condition":{"StringLike":{"s3:prefix":["${aws:userid}/*","x"]},"Bool":{"AWS:SecureTransport":false}}}]}`},
		{Document: `{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:SourceIp}"}}`},
	}
	got, err := simulate.ContextKeys(documents)
	if diff := cmp.Diff([]string{"AWS:SecureTransport", "aws:PrincipalTag/team", "aws:userid", "aws:username", "s3:prefix"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	_, err = simulate.ContextKeys([]simulate.Source{{Label: "Policy input list item 1", Document: "{}"}})
	if want := "Policy input list item 1 has invalid content: 1:1: a policy has a Statement"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// TestCost holds that each value counts with each resource, and that many keys
// count too.
func TestCost(t *testing.T) {
	source := simulate.Source{ID: "p", Document: allowAll}
	long := simulate.Source{ID: "p", Document: `{"Statement":{"Effect":"Deny","Principal":{"AWS":["1234567890123","1234567890124"]},"NotAction":["a:b","a:c"],"NotResource":"arn:aws:s3:::b","Condition":{"StringLike":{"a:b":["x","y"]}}}}`}
	p := simulate.Parameters{
		AccountID: "123456789012", CallerARN: "arn:aws:iam::123456789012:user/bob",
		Identity: []simulate.Source{source, source}, Boundary: &source, Resource: &long, ServiceControl: [][]simulate.Source{{source}, {source}},
		ResourceARNs: []string{"arn:aws:s3:::a", "arn:aws:s3:::b", "arn:aws:s3:::c"},
	}
	const values = 1 + 5*3 + 10
	if s := newSimulation(t, p); s.Cost() != values*3 {
		t.Errorf("cost %d", s.Cost())
	}
	for i := range 64 {
		p.Context = append(p.Context, simulate.ContextEntry{Name: fmt.Sprintf("a:key%d", i), Type: "string", Values: []string{"x"}})
	}
	if s := newSimulation(t, p); s.Cost() != values*3*3 {
		t.Errorf("cost %d", s.Cost())
	}
	if empty := newSimulation(t, simulate.Parameters{}); empty.Cost() != 1 {
		t.Errorf("cost %d", empty.Cost())
	}
}

// FuzzSimulation checks that any document gets an answer, and that every
// statement stands within it, one after the other.
func FuzzSimulation(f *testing.F) {
	f.Add(allowAll, "arn:aws:s3:::b/k")
	f.Add("{\"Version\":\"2012-10-17\",\n\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"arn:aws:s3:::b/${a:b}}\"}}", "arn:aws:s3:::b/k")
	f.Add(`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Sid":"\"{é"},{"Effect":"Allow","NotAction":"x:y","NotResource":"arn:aws:s3:::b","Condition":{"StringLike":{"a:b":"${c:d}"}}}]}`, "*")
	f.Fuzz(func(t *testing.T, document, resource string) {
		s, err := simulate.New(&simulate.Parameters{Identity: []simulate.Source{{ID: "p", Document: document}}, ResourceARNs: []string{resource}})
		if err != nil {
			return
		}
		for _, name := range []string{"s3:GetObject", "x:y"} {
			end := simulate.Position{}
			for _, m := range s.Action(name).MatchedStatements {
				if before(m.StartPosition, end) || !before(m.StartPosition, m.EndPosition) || m.EndPosition.Line > strings.Count(document, "\n")+1 {
					t.Errorf("%q: %+v", document, m)
				}
				end = m.EndPosition
			}
		}
	})
}

func before(a, b simulate.Position) bool {
	return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
}
