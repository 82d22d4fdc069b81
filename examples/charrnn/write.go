package main

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// write lets the model go on with the prompt for n characters.
func (m *model) write(v *vocabulary, prompt string, n int, temperature float64, random *rand.Rand) (string, error) {
	text := []byte(prompt)
	state := m.lstm.ZeroState(1).(*nn.LSTMState)
	input := v.encode(text)
	for range n {
		var logits []float64
		var err error
		ts.NoGrad(func() { logits, state, err = m.next(input, state) })
		if err != nil {
			return "", err
		}
		number, err := draw(logits, temperature, random)
		if err != nil {
			return "", err
		}
		text = append(text, v.bytes[number])
		input = []int64{int64(number)}
	}
	drop(state)
	return string(text), nil
}

// next takes in characters and returns the logits of the one after them and the
// new state, which replaces the old one.
func (m *model) next(characters []int64, state *nn.LSTMState) ([]float64, *nn.LSTMState, error) {
	inputs, err := ts.NewTensorFromData(characters, []int64{1, int64(len(characters))})
	if err != nil {
		return nil, state, err
	}
	defer inputs.MustDrop()
	defer drop(state)
	logits, after := m.forward(inputs, state)
	all := logits.Float64Values(true)
	return all[len(all)/len(characters)*(len(characters)-1):], after, nil
}

// draw picks a number with the probability that the logits give it; a
// temperature below 1 favours the probable ones.
func draw(logits []float64, temperature float64, random *rand.Rand) (int, error) {
	top := math.Inf(-1)
	for _, l := range logits {
		if math.IsNaN(l) || math.IsInf(l, 1) {
			return 0, errors.New("the model's output is not finite: the training has diverged")
		}
		top = max(top, l)
	}
	weights := make([]float64, len(logits))
	var total float64
	for i, l := range logits {
		weights[i] = math.Exp((l - top) / temperature)
		total += weights[i]
	}
	left := random.Float64() * total
	for i, w := range weights {
		if left -= w; left < 0 {
			return i, nil
		}
	}
	return len(logits) - 1, nil
}
