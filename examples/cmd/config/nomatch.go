package config

import "regexp/syntax"

// canMatch reports whether a regular expression matches any namespace at all. It errs on the side of yes: what depends on
// word boundaries or line ends within the text counts as possible.
//
// It walks through the program of the expression with, at each instruction, what the text read so far looks like. A
// namespace is a database's name without a dot, a dot, and at least one character.
func canMatch(expression string) bool {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return true
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return true
	}
	w := walk{prog: prog, seen: map[place]bool{}}
	// A match begins anywhere.
	for shape := nothing; shape <= complete; shape++ {
		if w.reaches(place{pc: prog.Start, shape: shape}) {
			return true
		}
	}
	return false
}

// The shapes of what has been read of a namespace.
const (
	nothing  = iota // not a character
	database        // a part of the database's name
	dotted          // the database's name and the dot
	complete        // a whole namespace, which may go on
	shapes
)

// after says which shape a character gives to what was read: another character than a dot, or a dot. -1 is none.
var after = [shapes][2]int{
	nothing:  {database, -1},
	database: {database, dotted},
	dotted:   {complete, complete},
	complete: {complete, complete},
}

// place is an instruction, with what has been read before it; ended says that nothing more may follow.
type place struct {
	pc    int
	shape int
	ended bool
}

type walk struct {
	prog *syntax.Prog
	seen map[place]bool
}

// reaches reports whether a match can be reached from a place.
func (w *walk) reaches(p place) bool {
	if w.seen[p] {
		return false
	}
	w.seen[p] = true
	inst := &w.prog.Inst[p.pc]
	next := place{int(inst.Out), p.shape, p.ended}
	switch inst.Op {
	case syntax.InstMatch:
		return !p.ended || p.shape == complete
	case syntax.InstAlt, syntax.InstAltMatch:
		return w.reaches(next) || w.reaches(place{int(inst.Arg), p.shape, p.ended})
	case syntax.InstCapture, syntax.InstNop:
		return w.reaches(next)
	case syntax.InstEmptyWidth:
		empty := syntax.EmptyOp(inst.Arg)
		if empty&syntax.EmptyBeginText != 0 && p.shape != nothing {
			return false
		}
		next.ended = p.ended || empty&syntax.EmptyEndText != 0
		return w.reaches(next)
	case syntax.InstFail:
		return false
	}
	return !p.ended && w.reads(inst, p.shape, next.pc)
}

// reads reports whether a match can be reached when an instruction reads a character.
func (w *walk) reads(inst *syntax.Inst, shape, pc int) bool {
	for dot, possible := range []bool{readsOther(inst), inst.Op != syntax.InstRune && inst.Op != syntax.InstRune1 || inst.MatchRune('.')} {
		if to := after[shape][dot]; possible && to >= 0 && w.reaches(place{pc: pc, shape: to}) {
			return true
		}
	}
	return false
}

// readsOther reports whether an instruction matches a character that is not a dot.
func readsOther(inst *syntax.Inst) bool {
	if inst.Op == syntax.InstRuneAny || inst.Op == syntax.InstRuneAnyNotNL {
		return true
	}
	for i, r := range inst.Rune {
		if r != '.' || i%2 == 0 && i+1 < len(inst.Rune) && inst.Rune[i+1] != '.' {
			return true
		}
	}
	return false
}
