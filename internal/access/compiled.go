package access

import (
	"container/list"
	"sync"

	"github.com/keywright/keywright/policy"
	"github.com/keywright/keywright/policy/eval"
)

// maxCompiled is how many bytes of documents compiledPolicies remembers. What
// they compile to takes some twenty times as much.
const maxCompiled = 256 << 10

// compiledPolicies remembers session policies by their text, because a session
// sends its own with every request. The longest unused are forgotten first. It
// is safe for concurrent use; the zero value is empty and ready.
type compiledPolicies struct {
	mutex  sync.Mutex
	byText map[string]*list.Element
	recent list.List // of *compiledPolicy, the last used first
	size   int
}

type compiledPolicy struct {
	text   string
	policy *eval.Policy
}

// get compiles a document, unless it is remembered.
func (c *compiledPolicies) get(text string) (*eval.Policy, error) {
	if p := c.lookup(text); p != nil {
		return p, nil
	}
	doc, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	p, err := eval.Compile(doc, eval.Options{Type: eval.Session, Name: "session policy"})
	if err == nil {
		c.remember(&compiledPolicy{text, p})
	}
	return p, err
}

func (c *compiledPolicies) lookup(text string) *eval.Policy {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	e, ok := c.byText[text]
	if !ok {
		return nil
	}
	c.recent.MoveToFront(e)
	return e.Value.(*compiledPolicy).policy
}

func (c *compiledPolicies) remember(p *compiledPolicy) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.byText == nil {
		c.byText = map[string]*list.Element{}
	}
	if _, ok := c.byText[p.text]; ok || len(p.text) > maxCompiled {
		return
	}
	c.byText[p.text] = c.recent.PushFront(p)
	for c.size += len(p.text); c.size > maxCompiled; {
		oldest := c.recent.Remove(c.recent.Back()).(*compiledPolicy)
		delete(c.byText, oldest.text)
		c.size -= len(oldest.text)
	}
}
