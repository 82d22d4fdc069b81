package clip

import "math"

// quantile holds the last values of a stream, and one quantile of them at hand.
// The values up to the quantile lie in a heap with the largest on top, the
// others in one with the smallest on top, so that a new value in the place of
// the oldest costs the logarithm of their number.
type quantile struct {
	q         float64 // from 0 to 1
	low, high heap
	places    []int32 // of the values, in the order of arrival, as a ring
	next      int     // where the oldest value of a full ring is
}

func newQuantile(q float64, window int) quantile {
	s := quantile{q: q, places: make([]int32, 0, window)}
	most := s.lowCount(window)
	// One more than stays: a new value may have to go on to the other heap.
	s.low.items = make([]item, 0, most+1)
	s.high.items = make([]item, 0, window-most+1)
	s.high.flip = -1
	return s
}

// lowCount is how many of n values are in low: those up to the one at rank
// q·(n-1), rounded down.
func (s *quantile) lowCount(n int) int { return int(s.q*float64(n-1)) + 1 }

func (s *quantile) len() int { return len(s.places) }

// add takes v, which is positive, in the place of the oldest value of a full
// window.
func (s *quantile) add(v float64) {
	n := len(s.places)
	if n < cap(s.places) {
		s.places = append(s.places, 0)
		if slot := int32(n); len(s.low.items) > 0 && v <= -s.low.items[0].key {
			s.low.push(item{-v, slot}, s.places)
		} else {
			s.high.push(item{v, slot}, s.places)
		}
		want := s.lowCount(n + 1)
		for len(s.low.items) < want {
			s.low.push(s.high.pop(s.places).other(), s.places)
		}
		for len(s.low.items) > want {
			s.high.push(s.low.pop(s.places).other(), s.places)
		}
		return
	}
	if n == 0 {
		return
	}
	slot := int32(s.next)
	if s.next++; s.next == n {
		s.next = 0
	}
	if at := s.places[slot]; at >= 0 {
		s.low.put(int(at), item{-v, slot}, s.places)
	} else {
		s.high.put(int(^at), item{v, slot}, s.places)
	}
	if len(s.high.items) > 0 && -s.low.items[0].key > s.high.items[0].key {
		a, b := s.low.items[0].other(), s.high.items[0].other()
		s.low.down(0, b, s.places)
		s.high.down(0, a, s.places)
	}
}

// value is the quantile with linear interpolation between the two values next to
// it, to the last bit as numpy's percentile does by default. It is 0 while there
// are no values.
func (s *quantile) value() float64 {
	if len(s.low.items) == 0 {
		return 0
	}
	a := -s.low.items[0].key
	_, t := math.Modf(s.q * float64(len(s.places)-1))
	if t == 0 || len(s.high.items) == 0 {
		return a
	}
	b := s.high.items[0].key
	if t < 0.5 {
		return a + float64((b-a)*t) // not fused, on any machine
	}
	return b - float64((b-a)*(1-t))
}

// appendTo appends the values, the oldest first.
func (s *quantile) appendTo(out []float64) []float64 {
	for i := range s.places {
		at := s.places[(s.next+i)%len(s.places)]
		if at >= 0 {
			out = append(out, -s.low.items[at].key)
		} else {
			out = append(out, s.high.items[^at].key)
		}
	}
	return out
}

// item is a value in a heap, negative in the one that has the largest on top,
// and its slot in the ring.
type item struct {
	key  float64
	slot int32
}

// other is the item for the other heap.
func (x item) other() item { return item{-x.key, x.slot} }

// arity is how many children an item has in a heap: with four of 16 bytes they
// share a cache line or two, and the way down is half as long as with two.
const arity = 4

// heap is a heap with the least key on top. It notes in places where each
// slot's item lies: its index, xor flip.
type heap struct {
	items []item
	flip  int32
}

func (h *heap) set(i int, x item, places []int32) {
	h.items[i] = x
	places[x.slot] = int32(i) ^ h.flip
}

func (h *heap) push(x item, places []int32) {
	h.items = append(h.items, x)
	h.up(len(h.items)-1, x, places)
}

func (h *heap) pop(places []int32) item {
	top, last := h.items[0], len(h.items)-1
	x := h.items[last]
	h.items = h.items[:last]
	if last > 0 {
		h.down(0, x, places)
	}
	return top
}

// put puts x in the place of the item at i.
func (h *heap) put(i int, x item, places []int32) {
	if i > 0 && x.key < h.items[(i-1)/arity].key {
		h.up(i, x, places)
	} else {
		h.down(i, x, places)
	}
}

// up finds the place of x from i towards the top.
func (h *heap) up(i int, x item, places []int32) {
	for i > 0 {
		parent := (i - 1) / arity
		if h.items[parent].key <= x.key {
			break
		}
		h.set(i, h.items[parent], places)
		i = parent
	}
	h.set(i, x, places)
}

// down finds the place of x from i away from the top.
func (h *heap) down(i int, x item, places []int32) {
	for {
		first := arity*i + 1
		if first >= len(h.items) {
			break
		}
		least := first
		for child := first + 1; child < min(first+arity, len(h.items)); child++ {
			if h.items[child].key < h.items[least].key {
				least = child
			}
		}
		if h.items[least].key >= x.key {
			break
		}
		h.set(i, h.items[least], places)
		i = least
	}
	h.set(i, x, places)
}
