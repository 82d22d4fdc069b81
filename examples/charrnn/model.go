package main

import (
	"fmt"
	"math"

	"github.com/sugarme/gotch/nn"
	"github.com/sugarme/gotch/ts"
)

// model predicts the next character: an embedding, one LSTM layer (Deep
// Learning, section 10.10.1) and a linear layer that gives each character's
// unnormalised log probability.
type model struct {
	embedding *nn.Embedding
	lstm      *nn.LSTM
	head      *nn.Linear
}

// embeddingSize is how many numbers stand for one character.
const embeddingSize = 32

func newModel(vs *nn.VarStore, characters, hidden int64) (*model, error) {
	root := vs.Root()
	bound := 1 / math.Sqrt(float64(hidden))
	uniform := nn.NewUniformInit(-bound, bound)
	head := nn.DefaultLinearConfig()
	head.WsInit = uniform
	m := &model{
		embedding: nn.NewEmbedding(root.Sub("embedding"), characters, embeddingSize, nn.DefaultEmbeddingConfig()),
		lstm:      nn.NewLSTM(root.Sub("lstm"), embeddingSize, hidden, nn.DefaultRNNConfig()),
		head:      nn.NewLinear(root.Sub("head"), hidden, characters, head),
	}
	// gotch draws an LSTM's weights from N(0, 1), which saturates every gate.
	for _, name := range []string{"lstm.weight_ih_l0", "lstm.weight_hh_l0"} {
		w, err := root.Get(name)
		if err != nil {
			return nil, fmt.Errorf("initialising the model: %w", err)
		}
		ts.NoGrad(func() { uniform.Set(w) })
	}
	return m, nil
}

// forward returns the logits, rows × window × characters, and the state after
// the last character.
func (m *model) forward(inputs *ts.Tensor, state nn.State) (*ts.Tensor, *nn.LSTMState) {
	x := m.embedding.Forward(inputs)
	defer x.MustDrop()
	h, next := m.lstm.SeqInit(x, state)
	defer h.MustDrop()
	return m.head.Forward(h), next.(*nn.LSTMState)
}

// loss is the mean cross-entropy of the batch in nats a character; every window
// starts from the zero state.
func (m *model) loss(b batch, rows, length int64) (*ts.Tensor, error) {
	inputs, err := ts.NewTensorFromData(b.inputs, []int64{rows, length})
	if err != nil {
		return nil, err
	}
	defer inputs.MustDrop()
	targets, err := ts.NewTensorFromData(b.targets, []int64{rows * length})
	if err != nil {
		return nil, err
	}
	defer targets.MustDrop()
	start := m.lstm.ZeroState(rows).(*nn.LSTMState)
	defer drop(start)
	logits, end := m.forward(inputs, start)
	defer drop(end)
	logits = logits.MustView([]int64{rows * length, -1}, true)
	defer logits.MustDrop()
	return logits.CrossEntropyForLogits(targets), nil
}

func drop(s *nn.LSTMState) {
	s.Tensor1.MustDrop()
	s.Tensor2.MustDrop()
}
