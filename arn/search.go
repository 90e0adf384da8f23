package arn

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// find matches a chunk at its first place in s and returns what follows it.
// The first place is enough: a later one never leaves more text. s is the end
// of t, unless t is nil.
func (m matcher) find(s string, t *Text, chunk []atom) (rest string, ok bool) {
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
		end, ok = m.search(s, t, chunk[:after])
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

// fewWords suffice, at 64 places each, for the ARN of the longest key.
const fewWords = 1100/64 + 1

// manySets is more than the bytes that can each stand in a text more often than
// once for every 64 places, and one.
const manySets = 66

// A value of a variable is long when it has more bytes than that of a tag may
// have. Few keys of a request can be so long.
const (
	longValue  = 256
	manyValues = 8
)

// Text is a text that many patterns are matched with. What one search learns
// of it helps the next. The zero Text is empty; it must not be copied, and is
// for one goroutine at a time.
type Text struct {
	s      string
	words  int                        // of a set of places
	few    [allSets * fewWords]uint64 // the sets, when they fit
	many   []uint64                   // else
	marked bool                       // whether inside is filled
	wide   bool                       // whether there is a character of several bytes

	number   [256]uint8 // of the set of a byte that is there often, from 1
	computed uint8
	last     int // the byte of the set 0, and 1 more

	values [manyValues]string // those whose ends are known
}

// Set makes t stand for s. It is called once.
func (t *Text) Set(s string) { t.s = s }

func (t *Text) open() {
	if t.words != 0 {
		return
	}
	t.words = len(t.s)/64 + 1
	if t.words > fewWords {
		t.many = make([]uint64, allSets*t.words)
	}
}

// The sets of places: those that are reached, those inside of characters, and
// from firstByte those before a byte, and from firstValue those behind a value.
const (
	reachedSet = iota
	insideSet
	firstByte
	firstValue = firstByte + manySets
	allSets    = firstValue + manyValues
)

func (t *Text) places(n int) []uint64 {
	if t.many != nil {
		return t.many[n*t.words:][:t.words]
	}
	return t.few[n*t.words:][:t.words]
}

// search returns the end of the first place of a chunk that begins and ends
// with a literal or variable. It follows all places where the chunk may begin
// at once, 64 to a word, so that it costs a few steps for each byte of the
// chunk and each 64 bytes of the text, however often its parts stand there.
func (m matcher) search(s string, t *Text, chunk []atom) (end int, ok bool) {
	if t == nil || m.fold {
		alone := Text{s: s}
		return m.searchIn(&alone, 0, chunk)
	}
	from := len(t.s) - len(s)
	end, ok = m.searchIn(t, from, chunk)
	return end - from, ok
}

func (m matcher) searchIn(t *Text, from int, chunk []atom) (end int, ok bool) {
	t.open()
	p := reached{Text: t, fold: m.fold, set: t.places(reachedSet), count: len(t.s) - from + 1}
	clear(p.set[:from/64])
	for i := from / 64; i < len(p.set); i++ {
		p.set[i] = ^uint64(0)
	}
	p.set[from/64] &^= 1<<(from%64) - 1
	p.set[t.words-1] &= 1<<(len(t.s)%64)<<1 - 1
	for i := range chunk {
		if chunk[i].kind == anyCharacter {
			p.skip()
		} else if text, ok := chunk[i].value(m.r); !ok {
			return 0, false
		} else if chunk[i].kind == variable {
			p.followValue(text)
		} else {
			p.follow(text)
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

// reached are the places in a text where what was matched so far ends. Place i
// is that before byte i; their number never grows.
type reached struct {
	*Text
	fold  bool
	set   []uint64
	count int
}

// follow keeps the places that text follows, and moves them behind it.
func (p *reached) follow(text string) {
	for i := range len(text) {
		if p.count <= p.words {
			p.followEach(text[i:])
			return
		}
		p.advance(p.occurrences(text[i]))
	}
}

// followValue does as follow, for the value of a variable. A document may have
// one of any length in each of its patterns, so a long one is looked for once.
func (p *reached) followValue(value string) {
	if len(value) <= longValue || p.fold || p.count <= p.words {
		p.follow(value)
	} else if ends := p.endsOf(value); ends != nil {
		p.jump(len(value), ends)
	} else {
		p.follow(value)
	}
}

// endsOf returns the places behind a value, or nil when there are too many
// values to keep.
func (p *reached) endsOf(value string) []uint64 {
	for i := range p.values {
		ends := p.places(firstValue + i)
		switch p.values[i] {
		case "":
			p.values[i] = value
			for j := range ends {
				ends[j] = ^uint64(0)
			}
			ends[p.words-1] = 1<<(len(p.s)%64)<<1 - 1
			all := reached{Text: p.Text, set: ends, count: len(p.s) + 1}
			all.follow(value)
			return ends
		case value:
			return ends
		}
	}
	return nil
}

// jump moves the places by n bytes and keeps those that are in only.
func (p *reached) jump(n int, only []uint64) {
	p.count = 0
	for i := p.words - 1; i >= 0; i-- {
		moved := uint64(0)
		if from := i - n/64; from > 0 {
			moved = p.set[from]<<(n%64) | p.set[from-1]>>(64-n%64)
		} else if from == 0 {
			moved = p.set[0] << (n % 64)
		}
		p.set[i] = moved & only[i]
		p.count += bits.OnesCount64(p.set[i])
	}
}

// advance keeps the places that are in only, and moves them by one byte.
func (p *reached) advance(only []uint64) {
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
func (p *reached) followEach(text string) {
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
			if to <= len(p.s) && p.equal(p.s[at:to], text) {
				p.set[to/64] |= 1 << (to % 64)
				p.count++
			}
		}
	}
}

func (p *reached) equal(a, b string) bool {
	return a == b || p.fold && EqualFold(a, b)
}

// skip moves the places by one character; at the end there is none.
func (p *reached) skip() {
	p.mark()
	p.set[p.words-1] &^= 1 << (len(p.s) % 64)
	p.advance(p.set)
	all := p.places(insideSet)
	for p.wide {
		moved, carry := false, uint64(0)
		for i, w := range p.set {
			inside := w & all[i]
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
func (t *Text) mark() {
	if t.marked {
		return
	}
	t.marked = true
	if !utf8.ValidString(t.s) {
		t.markInvalid()
		return
	}
	inside := t.places(insideSet)
	for i := range inside {
		block := t.s[i*64 : min(i*64+64, len(t.s))]
		at := 0
		for ; at+8 <= len(block); at += 8 {
			x := eight(block[at:])
			inside[i] |= gather(x&^(x<<1)) << at
		}
		for ; at < len(block); at++ {
			if !utf8.RuneStart(block[at]) {
				inside[i] |= 1 << at
			}
		}
		t.wide = t.wide || inside[i] != 0
	}
}

// markInvalid fills inside for a text in which a byte that is no part of a
// character counts as one.
func (t *Text) markInvalid() {
	inside := t.places(insideSet)
	for i := 0; i < len(t.s); {
		_, n := utf8.DecodeRuneInString(t.s[i:])
		for j := i + 1; j < i+n; j++ {
			inside[j/64] |= 1 << (j % 64)
			t.wide = true
		}
		i += n
	}
}

// occurrences returns the places before a byte. Those of a byte that is there
// often are kept: there are never more of these than there are sets.
func (p *reached) occurrences(c byte) []uint64 {
	if p.fold {
		c = Lower(c)
	}
	if n := p.number[c]; n != 0 {
		return p.places(firstByte + int(n))
	}
	set := p.places(firstByte)
	if p.last == int(c)+1 {
		return set
	}
	p.last = int(c) + 1
	clear(set)
	occurrences(set, p.s, c)
	if p.fold && 'a' <= c && c <= 'z' {
		occurrences(set, p.s, c-('a'-'A'))
	}
	if p.computed+1 < manySets && count(set) > p.words {
		p.computed++
		p.number[c] = p.computed
		p.last = 0
		copy(p.places(firstByte+int(p.computed)), set)
	}
	return set
}

func count(set []uint64) int {
	n := 0
	for _, w := range set {
		n += bits.OnesCount64(w)
	}
	return n
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
