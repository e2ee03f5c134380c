package transform

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/goatee-sync/goatee"
)

// indexPattern is a pattern of namespaces with the template of their indices.
type indexPattern struct {
	pattern   string
	re        *regexp.Regexp
	template  string
	shape     *regexp.Regexp // what the template can give
	manyToOne bool           // several namespaces can have one index
}

// reference is $1, ${1}, $name or ${name} in a template; $$ is a dollar sign.
var reference = regexp.MustCompile(`\$(?:\$|(\w+)|\{(\w+)\})`)

func newIndexPattern(pattern, template string) (*indexPattern, error) {
	re, err := compileWhole("Pattern", pattern)
	if err != nil {
		return nil, err
	}
	p := &indexPattern{pattern: pattern, re: re, template: template}
	used, err := p.references()
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(re.String(), syntax.Perl)
	if err != nil {
		return nil, err
	}
	p.manyToOne = varies(tree, used)
	return p, nil
}

// references returns the groups that the template uses, and makes the shape of what it gives.
func (p *indexPattern) references() (used []int, err error) {
	var shape strings.Builder
	rest := p.template
	for _, m := range reference.FindAllStringSubmatchIndex(p.template, -1) {
		at := len(p.template) - len(rest)
		shape.WriteString(regexp.QuoteMeta(strings.ToLower(rest[:m[0]-at])))
		rest = p.template[m[1]:]
		name := p.template[max(m[2], m[4], 0):max(m[3], m[5], 0)]
		if name == "" {
			shape.WriteString(`\$`)
			continue
		}
		group := p.group(name)
		if group < 0 {
			return nil, fmt.Errorf("the pattern has no group %q: write ${1} where letters follow", name)
		}
		used = append(used, group)
		shape.WriteString(`.*`)
	}
	if p.template == "" {
		return nil, errors.New("no template")
	}
	shape.WriteString(regexp.QuoteMeta(strings.ToLower(rest)))
	p.shape, err = regexp.Compile(`^(?:` + shape.String() + `)$`)
	return used, err
}

func (p *indexPattern) group(name string) int {
	if n, err := strconv.Atoi(name); err == nil {
		if n > p.re.NumSubexp() {
			return -1
		}
		return n
	}
	return p.re.SubexpIndex(name)
}

func (p *indexPattern) String() string { return p.pattern }

// expand returns the index of a namespace that matches.
func (p *indexPattern) expand(ns goatee.Namespace) (index string, ok bool) {
	name := ns.String()
	m := p.re.FindStringSubmatchIndex(name)
	if m == nil {
		return "", false
	}
	return strings.ToLower(string(p.re.ExpandString(nil, p.template, name, m))), true
}

// mayGive reports whether some namespace could have this index.
func (p *indexPattern) mayGive(index string) bool { return p.shape.MatchString(index) }

// varies reports whether an expression matches different texts outside the groups that are used: then namespaces that
// differ only there have one index.
func varies(re *syntax.Regexp, used []int) bool {
	if slices.Contains(used, 0) {
		return false
	}
	switch re.Op {
	case syntax.OpLiteral:
		return re.Flags&syntax.FoldCase != 0
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText,
		syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return false
	case syntax.OpCapture:
		if slices.Contains(used, re.Cap) {
			return false
		}
		return varies(re.Sub[0], used)
	case syntax.OpConcat:
		return slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return varies(sub, used) })
	default:
		return true
	}
}
