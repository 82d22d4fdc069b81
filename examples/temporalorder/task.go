package main

import "math/rand/v2"

// The problem's six symbols. The first two carry the message, the others are
// there to be ignored.
const (
	symbolA, symbolB = 0, 1
	messages         = 2
	symbols          = 6
)

// classes is how many orders of two messages there are: AA, BA, AB and BB.
const classes = messages * messages

// minLength is the length below which a tenth of a sequence has no place.
const minLength = 10

// A batch is a set of sequences and the class of each. Row r's symbol at time t
// is symbols[t*rows+r].
type batch struct {
	rows, length int
	symbols      []int64
	classes      []int64
}

// draw makes fresh sequences of the temporal-order problem (Hochreiter and
// Schmidhuber 1997, experiment 6a, in the form of Pascanu, Mikolov and Bengio
// 2013). One A or B stands somewhere in the second tenth of the sequence and one
// in the sixth, and at all other places stands any symbol but these two. What is
// to be told at the end is which two they were, in order: the class is
// first + 2 second. All choices are uniform and independent; the length is at
// least minLength.
func draw(random *rand.Rand, rows, length int) batch {
	b := batch{rows, length, make([]int64, rows*length), make([]int64, rows)}
	for i := range b.symbols {
		b.symbols[i] = messages + random.Int64N(symbols-messages)
	}
	tenth := length / 10
	for r := range rows {
		first, second := random.Int64N(messages), random.Int64N(messages)
		b.symbols[(tenth+random.IntN(tenth))*rows+r] = first
		b.symbols[(length/2+random.IntN(tenth))*rows+r] = second
		b.classes[r] = first + messages*second
	}
	return b
}

// oneHot returns the symbols as 0 and 1, time × rows × symbols.
func (b batch) oneHot() []float32 {
	x := make([]float32, len(b.symbols)*symbols)
	for i, s := range b.symbols {
		x[i*symbols+int(s)] = 1
	}
	return x
}
