package transform

// tree is a set of dotted paths.
type tree struct {
	name     string
	leaf     bool // the path ends here
	children []*tree
}

func newTree(constructor string, paths []string) (*tree, error) {
	if len(paths) == 0 {
		return nil, misuse(constructor, "no paths", "name a field")
	}
	root := &tree{}
	for _, path := range paths {
		names, err := parsePath(constructor, path)
		if err != nil {
			return nil, err
		}
		t := root
		for _, name := range names {
			t = t.add(name)
		}
		t.leaf = true
	}
	return root, nil
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
