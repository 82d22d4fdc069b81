package torch

// #include "gtg.h"
import "C"

import "unsafe"

// SketchSize is the number of sums in a [Sketch].
const SketchSize = C.GTG_SKETCH

// Sketch is a short image of all gradients together: each element is added, with a
// pseudo-random sign, to one of the sums. The inner product of two sketches is an
// unbiased estimate of that of the gradients, with a standard error of at most
// ‖a‖‖b‖·√((1 + cos²)/SketchSize), whatever the gradients' structure (Alon, Matias and
// Szegedy 1996, theorem 2.2; Charikar, Chen and Farach-Colton 2002).
//
// Signs and places are functions of the seed, the tensor's place in the list and
// the element's place in memory. Sums are taken in float32 over at most a few hundred
// elements, in float64 over all else and for float64 gradients, in an order that depends
// on the sizes alone: the same bits on every number of threads and on every processor.
// What float32 rounds away is less than a millionth of the gradient's norm.
type Sketch struct {
	Seed uint64 // to be set beforehand
	Sums [SketchSize]float64
	// Layout says in which order the elements of the tensors are in memory.
	// Sketches of different layouts have nothing to say of each other.
	Layout uint64
	known  int64
}

// Known says whether there is a sketch: all gradients are dense, in CPU memory and
// finite, and so are the sums.
func (s *Sketch) Known() bool { return s.known != 0 }

var _ = [1]struct{}{}[unsafe.Sizeof(Sketch{})-unsafe.Sizeof(C.gtg_sketch{})]

// Dot returns the inner product of two sketches with the same seed and layout.
func (s *Sketch) Dot(o *Sketch) (sum float64) {
	for i, v := range s.Sums {
		sum += v * o.Sums[i]
	}
	return sum
}
