package arn

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// find matches a chunk at its first place in s and returns what follows it.
// The first place is enough: a later one never leaves more text.
func (m matcher) find(s string, chunk []atom) (rest string, ok bool) {
	s, chunk, ok = skipCharacters(s, chunk)
	if !ok || len(chunk) == 0 {
		return s, ok
	}
	after := len(chunk)
	for chunk[after-1].kind == anyCharacter {
		after--
	}
	var end int
	if after == 1 {
		end, ok = m.findText(s, &chunk[0])
	} else {
		end, ok = m.search(s, chunk[:after])
	}
	if !ok {
		return "", false
	}
	rest, _, ok = skipCharacters(s[end:], chunk[after:])
	return rest, ok
}

// skipCharacters takes the characters off s that a chunk begins with.
func skipCharacters(s string, chunk []atom) (string, []atom, bool) {
	for len(chunk) > 0 && chunk[0].kind == anyCharacter {
		_, n := utf8.DecodeRuneInString(s)
		if n == 0 {
			return "", nil, false
		}
		s, chunk = s[n:], chunk[1:]
	}
	return s, chunk, true
}

// findText returns the end of the first place of a literal or variable.
func (m matcher) findText(s string, a *atom) (end int, ok bool) {
	text, ok := a.value(m.r)
	if !ok {
		return 0, false
	}
	i := m.index(s, text)
	return i + len(text), i >= 0
}

func (m matcher) index(s, text string) int {
	if !m.fold {
		return strings.Index(s, text)
	}
	for i := 0; i+len(text) <= len(s); i++ {
		if EqualFold(s[i:i+len(text)], text) {
			return i
		}
	}
	return -1
}

// fewWords suffice, at 64 places each, for the longest key of an object.
const fewWords = 1024/64 + 1

// manySets is how many bytes of a text can each stand in it more often than
// twice for every 64 places.
const manySets = 32

// search returns the end of the first place of a chunk that begins and ends
// with a literal or variable. It follows all places where the chunk may begin
// at once, 64 to a word, so that it costs a few steps for each byte of the
// chunk and each 64 bytes of the text, however often its parts stand there.
func (m matcher) search(s string, chunk []atom) (end int, ok bool) {
	p := places{text: s, fold: m.fold, count: len(s) + 1, words: len(s)/64 + 1}
	var few [(manySets + 2) * fewWords]uint64
	room := few[:]
	if p.words > fewWords {
		room = make([]uint64, (manySets+2)*p.words)
	}
	p.set, p.inside, p.sets = room[:p.words], room[p.words:2*p.words], room[2*p.words:]
	for i := range p.set {
		p.set[i] = ^uint64(0)
	}
	p.set[p.words-1] = 1<<(len(s)%64+1) - 1
	for i := range chunk {
		if chunk[i].kind == anyCharacter {
			p.skip()
		} else if text, ok := chunk[i].value(m.r); ok {
			p.follow(text)
		} else {
			return 0, false
		}
		if p.count == 0 {
			return 0, false
		}
	}
	for i, w := range p.set {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w), true
		}
	}
	return 0, false
}

// places are the places in a text where what was matched so far ends. Place i
// is that before byte i; their number never grows.
type places struct {
	text   string
	fold   bool
	words  int
	set    []uint64
	count  int
	inside []uint64 // the places inside a character of several bytes
	marked bool     // whether inside is filled
	wide   bool     // whether there is one

	sets     []uint64 // where bytes stand in the text
	number   [256]uint8
	computed uint8
}

// follow keeps the places that text follows, and moves them behind it.
func (p *places) follow(text string) {
	for i := range len(text) {
		if p.count <= 2*p.words || p.computed == manySets {
			p.followEach(text[i:])
			return
		}
		p.advance(p.occurrences(text[i]))
	}
}

// advance keeps the places that are in only, and moves them by one byte.
func (p *places) advance(only []uint64) {
	count, carry := 0, uint64(0)
	for i, w := range p.set {
		w &= only[i]
		moved := w<<1 | carry
		carry = w >> 63
		p.set[i] = moved
		count += bits.OnesCount64(moved)
	}
	p.count = count
}

// followEach does as follow, for few places.
func (p *places) followEach(text string) {
	if text == "" {
		return
	}
	p.count = 0
	for i := p.words - 1; i >= 0; i-- {
		w := p.set[i]
		p.set[i] = 0
		for w != 0 {
			bit := bits.Len64(w) - 1
			w &^= 1 << bit
			at := i*64 + bit
			to := at + len(text)
			if to <= len(p.text) && p.equal(p.text[at:to], text) {
				p.set[to/64] |= 1 << (to % 64)
				p.count++
			}
		}
	}
}

func (p *places) equal(a, b string) bool {
	return a == b || p.fold && EqualFold(a, b)
}

// skip moves the places by one character; at the end there is none.
func (p *places) skip() {
	p.mark()
	p.set[p.words-1] &^= 1 << (len(p.text) % 64)
	p.advance(p.set)
	for p.wide {
		moved, carry := false, uint64(0)
		for i, w := range p.set {
			inside := w & p.inside[i]
			p.set[i] = w&^inside | inside<<1 | carry
			carry = inside >> 63
			moved = moved || inside != 0
		}
		if !moved {
			return
		}
	}
}

// mark fills inside.
func (p *places) mark() {
	if p.marked {
		return
	}
	p.marked = true
	if !utf8.ValidString(p.text) {
		p.markInvalid()
		return
	}
	for i := range p.inside {
		block := p.text[i*64 : min(i*64+64, len(p.text))]
		at := 0
		for ; at+8 <= len(block); at += 8 {
			x := eight(block[at:])
			p.inside[i] |= gather(x&^(x<<1)) << at
		}
		for ; at < len(block); at++ {
			if !utf8.RuneStart(block[at]) {
				p.inside[i] |= 1 << at
			}
		}
		p.wide = p.wide || p.inside[i] != 0
	}
}

// markInvalid fills inside for a text in which a byte that is no part of a
// character counts as one.
func (p *places) markInvalid() {
	for i := 0; i < len(p.text); {
		_, n := utf8.DecodeRuneInString(p.text[i:])
		for j := i + 1; j < i+n; j++ {
			p.inside[j/64] |= 1 << (j % 64)
			p.wide = true
		}
		i += n
	}
}

// occurrences returns the places before a byte.
func (p *places) occurrences(c byte) []uint64 {
	if p.fold {
		c = Lower(c)
	}
	if p.number[c] == 0 {
		p.computed++
		p.number[c] = p.computed
		set := p.sets[int(p.computed-1)*p.words:][:p.words]
		occurrences(set, p.text, c)
		if p.fold && 'a' <= c && c <= 'z' {
			occurrences(set, p.text, c-('a'-'A'))
		}
	}
	return p.sets[int(p.number[c]-1)*p.words:][:p.words]
}

// occurrences adds the places before the byte c, eight at a time.
func occurrences(set []uint64, text string, c byte) {
	const low = 0x7f7f7f7f7f7f7f7f
	wanted := uint64(c) * 0x0101010101010101
	for i := range set {
		block := text[i*64 : min(i*64+64, len(text))]
		found, at := uint64(0), 0
		for ; at+8 <= len(block); at += 8 {
			x := eight(block[at:]) ^ wanted
			found |= gather(^(x&low + low | x)) << at // the top bit of each byte that was c
		}
		for ; at < len(block); at++ {
			if block[at] == c {
				found |= 1 << at
			}
		}
		set[i] |= found
	}
}

// eight returns the first eight bytes of b, the first one lowest.
func eight(b string) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

// gather returns the top bits of eight bytes, the first one lowest.
func gather(x uint64) uint64 { return x & 0x8080808080808080 >> 7 * 0x0102040810204080 >> 56 }
