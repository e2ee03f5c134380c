package transform

import (
	"sync"

	"github.com/goatee-sync/goatee"
)

// picker hands some items of a batch to a function that wants a slice of its own. Its zero value is ready.
type picker struct {
	pool sync.Pool // *picked
}

type picked struct {
	items []goatee.Item
	from  []int // index of each item in the batch
}

// run calls f once with the items that want is true for, in their order, unless there are none.
func (p *picker) run(items []goatee.Item, want func(*goatee.Item) bool, f func([]goatee.Item)) {
	n := 0
	for i := range items {
		if want(&items[i]) {
			n++
		}
	}
	switch n {
	case 0:
		return
	case len(items):
		f(items)
		return
	}
	s, _ := p.pool.Get().(*picked)
	if s == nil {
		s = &picked{}
	}
	for i := range items {
		if want(&items[i]) {
			s.items, s.from = append(s.items, items[i]), append(s.from, i)
		}
	}
	f(s.items)
	for j, i := range s.from {
		items[i] = s.items[j]
	}
	clear(s.items) // the pool keeps no batch alive
	s.items, s.from = s.items[:0], s.from[:0]
	p.pool.Put(s)
}
