package eval

import (
	"slices"
	"strings"

	"github.com/keywright/keywright/arn"
)

// maxIndexed is how many places of the index one statement may take, so that a
// document of many actions and many resources cannot make it huge.
const maxIndexed = 256

// index finds the statements that can match a request: by the literal prefix
// of their actions and, under each, of their resources. What it finds must
// still be matched; what it does not find cannot match.
type index struct {
	actions   prefixTable
	resources []resourceIndex // for each key of actions
}

type resourceIndex struct {
	prefixes   prefixTable
	statements [][]int32 // for each key of prefixes
	wide       []int32   // statements that can match the resource "*"
}

// prefixTable is a sorted set of strings in which all prefixes of a text are
// found by one binary search and a walk up.
type prefixTable struct {
	keys   []string
	parent []int32 // the longest key that is a proper prefix, or -1
}

func newPrefixTable(keys []string) prefixTable {
	slices.Sort(keys)
	t := prefixTable{keys: slices.Compact(keys)}
	t.parent = make([]int32, len(t.keys))
	for i, k := range t.keys {
		p := int32(i) - 1
		for p >= 0 && !strings.HasPrefix(k, t.keys[p]) {
			p = t.parent[p]
		}
		t.parent[i] = p
	}
	return t
}

// longest returns the longest key that is a prefix of s, or -1. Every other
// one is an ancestor of it: a key between a prefix of s and s begins with that
// prefix. With fold the keys are in lower case, and s is in any.
func (t *prefixTable) longest(s string, fold bool) int32 {
	low, high := 0, len(t.keys)
	shared := 0 // how much of s the last key that is not above it begins with
	for low < high {
		mid := (low + high) / 2
		k := t.keys[mid]
		n := commonPrefix(k, s, fold)
		if n == len(k) || n < len(s) && k[n] < lowerIf(s[n], fold) {
			low, shared = mid+1, n
		} else {
			high = mid
		}
	}
	i := int32(low) - 1
	for i >= 0 && len(t.keys[i]) > shared {
		i = t.parent[i]
	}
	return i
}

// commonPrefix returns how many bytes a key and s begin with alike.
func commonPrefix(key, s string, fold bool) int {
	n := min(len(key), len(s))
	key, s = key[:n], s[:n]
	i := 0
	for !fold && i+8 <= n && word(key[i:i+8]) == word(s[i:i+8]) {
		i += 8
	}
	for ; i < n; i++ {
		if key[i] != s[i] && (!fold || key[i] != arn.Lower(s[i])) {
			return i
		}
	}
	return n
}

// word returns eight bytes as one number, which the compiler loads at once.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func lowerIf(c byte, fold bool) byte {
	if fold {
		return arn.Lower(c)
	}
	return c
}

// buildIndex indexes the statements of one effect.
func buildIndex(statements []statement, wanted func(*statement) bool) index {
	type place struct{ action, resource string }
	places := map[place][]int32{}
	byAction := map[string][]string{}
	wide := map[string][]int32{}
	for i := range statements {
		s := &statements[i]
		if !wanted(s) {
			continue
		}
		actions, resources := s.prefixes()
		for _, a := range actions {
			for _, r := range resources {
				places[place{a, r}] = append(places[place{a, r}], int32(i))
				byAction[a] = append(byAction[a], r)
			}
			if s.isWide() {
				wide[a] = append(wide[a], int32(i))
			}
		}
	}
	x := index{actions: newPrefixTable(sortedKeys(byAction))}
	x.resources = make([]resourceIndex, len(x.actions.keys))
	for i, a := range x.actions.keys {
		r := &x.resources[i]
		r.prefixes = newPrefixTable(byAction[a])
		r.wide = wide[a]
		r.statements = make([][]int32, len(r.prefixes.keys))
		for j, k := range r.prefixes.keys {
			r.statements[j] = places[place{a, k}]
		}
	}
	return x
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// prefixes returns where the statement stands in the index.
func (s *statement) prefixes() (actions, resources []string) {
	anything := []string{""}
	actions, resources = anything, anything
	if !s.notAction {
		actions = make([]string, 0, len(s.actions))
		for i := range s.actions {
			actions = append(actions, arn.ToLower(s.actions[i].LiteralPrefix()))
		}
	}
	if s.hasResource && !s.notResource {
		resources = make([]string, 0, len(s.resources))
		for _, p := range s.resources {
			resources = append(resources, p.LiteralPrefix())
		}
	}
	actions, resources = distinct(actions), distinct(resources)
	if len(actions)*len(resources) > maxIndexed {
		resources = anything
	}
	if len(actions)*len(resources) > maxIndexed {
		actions = anything
	}
	return actions, resources
}

func distinct(keys []string) []string {
	slices.Sort(keys)
	return slices.Compact(keys)
}

// isWide reports whether the statement can match the resource "*".
func (s *statement) isWide() bool {
	if !s.hasResource || s.notResource {
		return true
	}
	for _, p := range s.resources {
		if p.MatchesAll() || p.Resource().MatchesAll() {
			return true
		}
	}
	return false
}

// search calls visit with the statements that can match, each list at most
// once, until it returns false.
func (x *index) search(r *Request, visit func(statements []int32) bool) {
	if len(x.resources) == 0 {
		return
	}
	for a := x.actions.longest(r.Action, true); a >= 0; a = x.actions.parent[a] {
		under := &x.resources[a]
		if r.Resource == "*" {
			if !visit(under.wide) {
				return
			}
			continue
		}
		t := &under.prefixes
		for n := t.longest(r.Resource, false); n >= 0; n = t.parent[n] {
			if !visit(under.statements[n]) {
				return
			}
		}
	}
}
