package monitor

import "time"

// SchemaVersion is the version of the run log's format that this package's
// types describe.
const SchemaVersion = 1

// Run describes a run: the first line of its log.
type Run struct {
	// Name is the run's name or id.
	Name string
	// Started is when the run began.
	Started time.Time
	// Framework is for people, e.g. "gotch 0.9.1, libtorch 1.13.1".
	Framework string
	// Device is "cpu", "cuda:0", …
	Device string
	// Optimizer is nil when it is not known.
	Optimizer *Optimizer
	// Params lists the parameters in forward order where it is known.
	Params []Param
	// Config holds the run's options, free form.
	Config map[string]any
}

// Optimizer describes an optimizer at the start of a run. A hyperparameter that
// it does not have is unknown.
type Optimizer struct {
	Kind        string // "sgd", "adam", "adamw", "rmsprop", …
	LR          Number
	Momentum    Number
	Beta1       Number
	Beta2       Number
	WeightDecay Number
}

// Param describes one parameter tensor.
type Param struct {
	Name  string
	Shape []int64
	Numel int64
	// Constant is the number that all elements of a weight are when the run begins;
	// unknown where they differ, as they should, and where nobody looked.
	Constant Number
}
