package programs

// A Recipe is all that a run depends on beside its program and its seed. What a
// program has no use for is left at 0.
type Recipe struct {
	Steps int // that are logged
	Batch int // examples in a step; 0 is all of them
	Rows  int // training examples

	Optimizer   string // sgd, adam, adamw or rmsprop
	LR          float64
	Momentum    float64
	WeightDecay float64
	Schedule    string  // of the learning rate, see schedules; empty is constant
	Clip        float64 // global norm; 0 is no clipping

	Hidden     int     // hidden layers, or blocks
	Width      int     // units in each
	Activation string  // see activations
	Gain       float64 // the initial weights' standard deviation, as a multiple of the usual one
	Recurrent  float64 // the initial spectral radius of a recurrence, approximately
	Bias       float64 // of hidden layers, initially
	Gate       float64 `json:",omitempty"` // the initial bias of a GRU's update gates
	Bare       bool    `json:",omitempty"` // the blocks have no shortcuts
	Unnormed   bool    `json:",omitempty"` // the blocks have no layer norms
	Dice       bool    `json:",omitempty"` // the loss is a soft Dice loss
	Symmetric  bool    // all initial weights of a layer are the same, Gain times the usual standard deviation
	Dropout    float64
	Penalty    float64 // L2, as part of the loss
	Unit       float64 // what the loss is multiplied by and the learning rate divided by; 0 is 1

	Noise  float64 // share of wrong labels, or standard deviation of the targets' noise
	Tails  bool    // the targets' noise has infinite variance (Student's t, 1.5 degrees of freedom)
	Scale  float64 // what the targets are multiplied by
	Spread float64 // ratio of the largest to the smallest feature's scale; 0 is 1
	Offset float64 `json:",omitempty"` // what is added to the features
	Shift  float64 // how far the task is from the one that was trained before the log begins

	Uneven    bool // an epoch ends with a smaller batch
	NextBatch int  // batch size of the second half; 0 is the same
	Before    int  // steps at the plain learning rate before the log begins
	Untrained int  // parameter tensors, from the first on, that are frozen on purpose
	Renewed   int  `json:",omitempty"` // steps after which the network that targets come from is copied anew
	Pieces    int  `json:",omitempty"` // of each maxout unit; 0 is none of them

	Fault Fault
}

// A Fault is what goes wrong at a known step.
type Fault struct {
	Kind    FaultKind
	At      float64 // when, as a share of the run; each seed adds up to a tenth
	Size    float64
	Lasting bool
}

// FaultKind is what happens.
type FaultKind string

// The faults.
const (
	NoFault     FaultKind = ""
	BigInputs   FaultKind = "big inputs"   // a batch's inputs are Size times too large
	BadLabels   FaultKind = "bad labels"   // a batch's targets belong to other rows, and it weighs Size times as much
	InputNaN    FaultKind = "input NaN"    // one element of a batch is NaN
	InputInf    FaultKind = "input Inf"    // one element of a batch is infinite
	LossNaN     FaultKind = "loss NaN"     // 0/0 in the loss
	LogZero     FaultKind = "log 0"        // the logarithm of 0 in the loss
	Kill        FaultKind = "kill"         // all hidden biases become -Size
	Leap        FaultKind = "leap"         // one step is Size times too long
	Steeper     FaultKind = "steeper"      // weights grow Size times: a product of them, a cliff
	Requires    FaultKind = "requires"     // requires_grad goes off for all parameters but one
	LongSteps   FaultKind = "long steps"   // the learning rate is multiplied by Size from then on
	NegatedLoss FaultKind = "negated loss" // from the beginning
	NegatedStep FaultKind = "negated step" // from the beginning: the learning rate is negative
)

// onset is the first step whose record can show the fault.
func (f Fault) onset(steps int, seed int64) int64 {
	if f.At == 0 {
		return 1
	}
	// Each seed has a step of its own, and an odd one.
	shift := float64((seed*37+11)%100) / 1000
	return int64((f.At+shift)*float64(steps)) | 1
}
