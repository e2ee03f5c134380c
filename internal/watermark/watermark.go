// Package watermark finds the highest position of an ordered stream before which nothing is unfinished, although the
// work in between finishes in any order.
package watermark

import "sync"

// Queue holds the unfinished work of one stream in its order. Its zero value is ready for use, by several goroutines.
type Queue[T any] struct {
	mu      sync.Mutex
	head    *Mark[T]
	tail    *Mark[T]
	pending int
	low     T
	moves   uint64
}

// Mark stands for one tracked piece of work.
type Mark[T any] struct {
	next  *Mark[T]
	value T
	done  bool
}

// Reset sets the low watermark the stream starts from, which is a move too.
func (q *Queue[T]) Reset(low T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.low = low
	q.moves++
}

// Track appends work that ends at value. Who calls it decides the order.
func (q *Queue[T]) Track(value T) *Mark[T] {
	m := &Mark[T]{value: value}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.tail == nil {
		q.head = m
	} else {
		q.tail.next = m
	}
	q.tail = m
	q.pending++
	return m
}

// Done finishes a mark, once. The low watermark moves when everything before it is finished too.
func (q *Queue[T]) Done(m *Mark[T]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m.done = true
	for q.head != nil && q.head.done {
		q.low = q.head.value
		q.moves++
		q.pending--
		q.head = q.head.next
	}
	if q.head == nil {
		q.tail = nil
	}
}

// Low returns the low watermark and how often it has moved.
func (q *Queue[T]) Low() (low T, moves uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.low, q.moves
}

// Pending returns how many marks the low watermark has not passed.
func (q *Queue[T]) Pending() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending
}
