package bsonedit

// tree is a set of paths.
type tree struct {
	name     string
	leaf     bool // a path ends here
	children []*tree
}

func newTree(paths []Path) *tree {
	root := &tree{}
	for _, path := range paths {
		t := root
		for _, name := range path {
			t = t.add(name)
		}
		t.leaf = true
	}
	return root
}

func (t *tree) add(name string) *tree {
	if c := t.child([]byte(name)); c != nil {
		return c
	}
	c := &tree{name: name}
	t.children = append(t.children, c)
	return c
}

// child returns what is below a field name, or nil. Paths are few: a map would not be faster.
func (t *tree) child(name []byte) *tree {
	for _, c := range t.children {
		if string(name) == c.name {
			return c
		}
	}
	return nil
}
