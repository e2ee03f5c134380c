package goatee

import "sync/atomic"

const (
	// routeSlots is how many slots there are: a power of two, at least twice the changes that are in flight at once with
	// the default budget. 512 KiB.
	routeSlots = 1 << 17
	// laneBits of a slot are a lane, the others count changes.
	laneBits   = 10
	mostLanes  = 1 << laneBits
	laneMask   = mostLanes - 1
	mostClaims = 1<<(32-laneBits) - 1
)

// routes knows the lane of each document that is on its way. A document has one lane at a time: while changes of it are
// in a lane, others of it follow there; when none is, the next may take any. Documents whose hashes share a slot share a
// lane too, which costs them nothing but that. It is safe for concurrent use.
type routes struct{ slots [routeSlots]atomic.Uint32 }

// claim returns the lane for a change: the one its document is in, or else free. Each claim is to be released.
func (r *routes) claim(hash uint64, free int) (lane int) {
	slot := &r.slots[hash%routeSlots]
	for {
		old := slot.Load()
		claimed := old + 1<<laneBits
		if old>>laneBits == 0 {
			claimed = 1<<laneBits | uint32(free)
		}
		if slot.CompareAndSwap(old, claimed) {
			return int(claimed & laneMask)
		}
	}
}

// release says that a change is durable, or never will be because of what it is.
func (r *routes) release(hash uint64) { r.slots[hash%routeSlots].Add(^uint32(1<<laneBits - 1)) }
