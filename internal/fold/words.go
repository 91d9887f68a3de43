package fold

import (
	"slices"
	"strings"
	"unicode"
)

// Words is a list of words, ready to be looked for. The zero Words is empty; a
// Words is never changed, so any goroutine may use it.
type Words struct {
	begin    map[rune][]phrase // by their first letter
	open     []phrase          // those with a `*` before it
	anywhere []string          // in scripts that write no spaces
}

// phrase is words that must follow each other; most are one.
type phrase []pattern

// pattern is one word of the list.
type pattern struct {
	runs       []run
	head, tail bool // `*`: something may stand before, behind
}

// run is a letter and how often it is written.
type run struct {
	letter rune
	n      int
}

// NewWords makes a list. An entry is a word or several; a `*` at its beginning
// or end stands for any letters. An entry of which nothing is left is skipped.
func NewWords(list []string) Words {
	var w Words
	for _, entry := range list {
		entry = strings.TrimSpace(entry)
		if strings.IndexFunc(entry, unspaced) >= 0 {
			w.anywhere = append(w.anywhere, string(letters(plain(entry), false)))
			continue
		}
		head, tail := strings.HasPrefix(entry, "*"), strings.HasSuffix(entry, "*")
		var p phrase
		for word := range strings.FieldsSeq(strings.Trim(entry, "*")) {
			if l := letters(plain(word), true); len(l) > 0 {
				p = append(p, pattern{runs: runsOf(l)})
			}
		}
		if len(p) == 0 {
			continue
		}
		p[0].head, p[len(p)-1].tail = head, tail
		if head {
			w.open = append(w.open, p)
			continue
		}
		if w.begin == nil {
			w.begin = map[rune][]phrase{}
		}
		first := p[0].runs[0].letter
		w.begin[first] = append(w.begin[first], p)
	}
	return w
}

// unspaced tells scripts in which words are not set apart.
func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// In tells whether text has one of the words: in another case, with marks,
// look-alikes or digits for letters, with a letter repeated, or with
// something between all of its letters. A word inside another one does not
// count, unless the list says so with a `*`.
func (w Words) In(text string) bool {
	if w.begin == nil && w.open == nil && w.anywhere == nil {
		return false
	}
	seen := plain(text)
	if len(w.anywhere) > 0 {
		whole := string(letters(seen, false))
		for _, one := range w.anywhere {
			if one != "" && strings.Contains(whole, one) {
				return true
			}
		}
	}
	tight, loose, spelled := readings(seen)
	return w.at(tight) || w.at(loose) || w.within(spelled)
}

// Mask covers the letters and digits of every word in text that is on the list
// by itself. What only several words make together stays; In still finds it.
func (w Words) Mask(text string, with rune) string {
	var b strings.Builder
	for _, piece := range strings.SplitAfter(text, " ") {
		if w.In(piece) {
			piece = strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '@' || unicode.Is(unicode.Sc, r) {
					return with
				}
				return r
			}, piece)
		}
		b.WriteString(piece)
	}
	return b.String()
}

// at looks for the phrases where a word begins.
func (w Words) at(text [][]run) bool {
	for i := range text {
		here := func(p phrase) bool { return p.at(text[i:]) }
		if slices.ContainsFunc(w.begin[text[i][0].letter], here) || slices.ContainsFunc(w.open, here) {
			return true
		}
	}
	return false
}

// within looks for single words wherever in a word they stand.
func (w Words) within(text [][]run) bool {
	for _, word := range text {
		here := func(p phrase) bool { return len(p) == 1 && pattern{p[0].runs, true, true}.is(word) }
		for _, r := range word {
			if slices.ContainsFunc(w.begin[r.letter], here) {
				return true
			}
		}
		if slices.ContainsFunc(w.open, here) {
			return true
		}
	}
	return false
}

// readings takes text apart into words in three ways: at spaces, so that what
// stands between letters vanishes; at everything that is no letter; and with
// single letters in a row put together, as nobody can tell where in them a
// word begins.
func readings(text []rune) (tight, loose, spelled [][]run) {
	var single []rune
	end := func() {
		if len(single) > 1 && hasLetter(single) {
			spelled = append(spelled, runsOf(letters(single, true)))
		}
		single = nil
	}
	for chunk := range strings.FieldsSeq(string(text)) {
		word := []rune(chunk)
		speaks := hasLetter(word)
		if l := letters(word, speaks); len(l) > 0 {
			tight = append(tight, runsOf(l))
		}
		for piece := range strings.FieldsFuncSeq(chunk, between) {
			word := []rune(piece)
			if l := letters(word, speaks); len(l) > 0 {
				loose = append(loose, runsOf(l))
			}
			if len(word) == 1 {
				single = append(single, word[0])
			} else {
				end()
			}
		}
	}
	end()
	return tight, loose, spelled
}

// between tells what sets words apart. A sign that only ever stands for a
// letter does not.
func between(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '@' && r != '$'
}

func hasLetter(s []rune) bool {
	for _, r := range s {
		if unicode.IsLetter(r) {
			return true
		}
	}
	return false
}

// letters drops what is neither letter nor digit. read takes digits and signs
// for the letters they stand for.
func letters(s []rune, read bool) []rune {
	var out []rune
	for _, r := range s {
		if l, ok := leet[r]; ok && read {
			r = l
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			out = append(out, r)
		}
	}
	return out
}

func runsOf(s []rune) []run {
	var out []run
	for _, r := range s {
		if n := len(out); n > 0 && out[n-1].letter == r {
			out[n-1].n++
		} else {
			out = append(out, run{r, 1})
		}
	}
	return out
}

// at tells whether text begins with the words of p.
func (p phrase) at(text [][]run) bool {
	if len(p) > len(text) {
		return false
	}
	for i, one := range p {
		if !one.is(text[i]) {
			return false
		}
	}
	return true
}

// is tells whether word is p: the same letters, each at least as often.
func (p pattern) is(word []run) bool {
	last := len(word) - len(p.runs)
	if last < 0 || last > 0 && !p.head && !p.tail {
		return false
	}
	from, to := 0, last
	if !p.head {
		to = 0
	} else if !p.tail {
		from = last
	}
	for at := from; at <= to; at++ {
		i := 0
		for i < len(p.runs) && word[at+i].letter == p.runs[i].letter && word[at+i].n >= p.runs[i].n {
			i++
		}
		if i == len(p.runs) {
			return true
		}
	}
	return false
}
