package programs

import "math/rand/v2"

// order goes over the rows in epochs, in a new random order each time.
type order struct {
	rows   int
	uneven bool
	random *rand.Rand
	left   []int
}

// next returns the numbers of the next batch's rows; size 0 is all.
func (o *order) next(size int) []int64 {
	if size == 0 || size > o.rows {
		size = o.rows
	}
	if len(o.left) == 0 || len(o.left) < size && !o.uneven {
		o.left = o.random.Perm(o.rows)
	}
	size = min(size, len(o.left))
	numbers := make([]int64, size)
	for i, n := range o.left[:size] {
		numbers[i] = int64(n)
	}
	o.left = o.left[size:]
	return numbers
}
