package main

import (
	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// hidden is the size of the network's state.
const hidden = 50

// model is an Elman network that tells a sequence's class from its last state:
// h = tanh(W_ih x + W_hh h + b), and a linear layer that gives the logits (Deep
// Learning, section 10.2).
type model struct {
	rnn  []*ts.Tensor // W_ih, W_hh, b, and 0 for the second bias of libtorch's network
	head *nn.Linear
}

// newModel draws the weights from N(0, 0.1²); the biases are 0.
func newModel(vs *nn.VarStore) (*model, error) {
	weight := nn.NewRandnInit(0, 0.1)
	rnn := vs.Root().Sub("rnn")
	inputs, err := rnn.NewVar("weight_ih", []int64{hidden, symbols}, weight)
	if err != nil {
		return nil, err
	}
	states, err := rnn.NewVar("weight_hh", []int64{hidden, hidden}, weight)
	if err != nil {
		return nil, err
	}
	bias, err := rnn.Zeros("bias", []int64{hidden})
	if err != nil {
		return nil, err
	}
	none, err := ts.Zeros([]int64{hidden}, gotch.Float, gotch.CPU)
	if err != nil {
		return nil, err
	}
	config := nn.DefaultLinearConfig()
	config.WsInit, config.BsInit = weight, nn.NewConstInit(0)
	return &model{
		rnn:  []*ts.Tensor{inputs, states, bias, none},
		head: nn.NewLinear(vs.Root().Sub("head"), hidden, classes, config),
	}, nil
}

// logits returns rows × classes. The whole way through time is one call of
// libtorch, which projects the inputs of all time steps at once.
func (m *model) logits(b batch) (*ts.Tensor, error) {
	rows := int64(b.rows)
	x, err := ts.OfSlice(b.oneHot())
	if err != nil {
		return nil, err
	}
	x = x.MustView([]int64{int64(b.length), rows, symbols}, true)
	defer x.MustDrop()
	start, err := ts.Zeros([]int64{1, rows, hidden}, gotch.Float, gotch.CPU)
	if err != nil {
		return nil, err
	}
	defer start.MustDrop()
	all, last, err := ts.RnnTanh(x, start, m.rnn, true, 1, 0, true, false, false)
	if err != nil {
		return nil, err
	}
	all.MustDrop()
	last = last.MustView([]int64{rows, hidden}, true)
	defer last.MustDrop()
	return m.head.Forward(last), nil
}

// loss is the batch's mean cross-entropy in nats a sequence.
func (m *model) loss(b batch) (*ts.Tensor, error) {
	targets, err := ts.OfSlice(b.classes)
	if err != nil {
		return nil, err
	}
	defer targets.MustDrop()
	logits, err := m.logits(b)
	if err != nil {
		return nil, err
	}
	defer logits.MustDrop()
	return logits.CrossEntropyForLogits(targets), nil
}

// errors counts the sequences whose class is not the one that the model finds
// most probable.
func (m *model) errors(b batch) (n int, err error) {
	ts.NoGrad(func() {
		var logits *ts.Tensor
		if logits, err = m.logits(b); err != nil {
			return
		}
		for i, class := range logits.MustArgmax([]int64{-1}, false, true).Int64Values(true) {
			if class != b.classes[i] {
				n++
			}
		}
	})
	return n, err
}
