package programs

import (
	"math"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// molecules learns the energy of small clusters of two elements: one network gives each
// atom, from radial and angular functions of its neighbours, its part of the energy, and
// the parts are summed (Behler and Parrinello 2007). The truth is a pair potential of
// Morse's form, and the parts themselves are never seen.
func molecules() *Program {
	return &Program{
		Name: "molecule-energy",
		Plain: Recipe{Steps: 1200, Batch: 16, Rows: 1000, Optimizer: "adam", LR: 1e-2,
			Hidden: 2, Width: 24, Activation: "relu", Gain: 1, Scale: 1},
		Chance: 0, Solved: 0.75,
		Cases: []Case{
			scheduled("warm-up"),
			scheduled("warm-up and cosine"),
			scheduled("restarts"),
			resized(2).least(0.7),
			resized(96),
			clipped(0.2, 1),
			hard("noise of infinite variance", func(r *Recipe) { r.Tails, r.Noise = true, 0.2 }).least(0.6),
			hard("batches of one", func(r *Recipe) { r.Batch, r.LR, r.Steps = 1, 1e-3, 1800 }).least(0.7),
			hard("few clusters, learnt by heart", func(r *Recipe) { r.Rows, r.Batch = 40, 8 }).least(0.2),
			hard("full batches", func(r *Recipe) { r.Rows, r.Batch = 120, 0 }).least(0.6),
			hard("tanh, plain gradient descent", func(r *Recipe) { r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 0.05 }).least(0.75),
			hard("tanh, plain gradient descent, full batches", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR, r.Rows, r.Batch = "tanh", "sgd", 0.06, 120, 0
			}).least(0.6),
			hard("losses of 1e-9", func(r *Recipe) { r.Unit, r.Optimizer, r.LR, r.Momentum = 1e-9, "sgd", 0.01, 0.9 }).least(0.75),
			hard("a long flat start", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Batch, r.Steps = "tanh", 0.2, "sgd", 0.02, 64, 1800
			}).least(0.6),
			tuned(1000, 0.1, 0.1),
			partly(2).least(0.7),
			tooSlow(1e-4),
			fault(corpus.Vanishing, "eight sigmoid layers, plain gradient descent", func(r *Recipe) {
				r.Hidden, r.Activation, r.Optimizer, r.LR = 8, "sigmoid", "sgd", 0.01
			}),
			fault(corpus.Vanishing, "six tanh layers, initialisation times 0.15", func(r *Recipe) {
				r.Hidden, r.Activation, r.Gain, r.Optimizer, r.LR, r.Momentum = 6, "tanh", 0.15, "sgd", 0.01, 0.9
			}),
			fault(corpus.Exploding, "seven layers, initialisation times 4", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR = 7, 4, "sgd", 0.01
			}),
			fault(corpus.Exploding, "six layers, initialisation times 3, clipped", func(r *Recipe) {
				r.Hidden, r.Gain, r.Optimizer, r.LR, r.Clip = 6, 3, "sgd", 1e-3, 1
			}),
			bornDead(20),
			killed(30),
			fault(corpus.Oscillating, "tanh, Adam with learning rate 0.3", func(r *Recipe) { r.Activation, r.LR = "tanh", 0.3 }),
			bouncing(0.5, 4).with("tanh"),
			fault(corpus.Diverging, "tanh, plain gradient descent, learning rate 3", func(r *Recipe) {
				r.Activation, r.Optimizer, r.LR = "tanh", "sgd", 3
			}),
			faster(150).with("tanh"),
			poisoned(20),
			mislabelled(100),
			nanOnce(),
			emptyMask(),
			logOfZero(),
			fault(corpus.IllConditioned, "tanh, descriptors of scales 1 to 1/10000, plain gradient descent", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR = 10000, "tanh", "sgd", 0.05
			}),
			fault(corpus.IllConditioned, "tanh, descriptors of scales 1 to 1/300, full batches", func(r *Recipe) {
				r.Spread, r.Activation, r.Optimizer, r.LR, r.Rows, r.Batch = 300, "tanh", "sgd", 0.06, 120, 0
			}),
			fault(corpus.Saddle, "all weights 0, full batches", func(r *Recipe) {
				r.Symmetric, r.Gain, r.Rows, r.Batch = true, 0, 300, 0
			}),
			fault(corpus.Escape, "tanh, small initialisation, plain gradient descent", func(r *Recipe) {
				r.Activation, r.Gain, r.Optimizer, r.LR, r.Batch, r.Steps = "tanh", 0.03, "sgd", 0.0045, 64, 2000
			}),
			steeper(3),
			unthawed(),
			negatedLoss(),
			negatedStep(),
		},
		build: func(b *builder) (*task, error) {
			units := &moleculeUnits{}
			return &task{
				training: b.atomClusters(b.Rows, b.Noise, units), test: b.atomClusters(200, 0, units),
				forward: b.atomwise(), loss: squares, metric: explained,
			}, nil
		},
	}
}

const (
	clusterAtoms = 7
	atomShells   = 5                             // radial functions for each element of the neighbours
	atomAngles   = 2                             // angular functions
	atomViews    = 2*atomShells + atomAngles + 1 // with the atom's own element
	atomCutoff   = 3.0
	closestAtoms = 0.8
)

// moleculeUnits are the mean and the standard deviation of each descriptor and of the
// energy, in the training examples.
type moleculeUnits struct {
	known                 bool
	mean, deviation       [atomViews]float64
	zero, energyDeviation float64
}

// atomClusters draws clusters, rows × atoms × descriptors, and their energies, both in the
// units of the training examples, the descriptors with scales from 1 down to 1/Spread. A
// shift makes the bonds so much longer.
func (b *builder) atomClusters(rows int, noise float64, units *moleculeUnits) examples {
	views, energies := make([][atomViews]float64, 0, rows*clusterAtoms), make([]float64, rows)
	for r := range energies {
		places, elements := b.placedAtoms()
		energies[r] = morseEnergy(places, elements, b.Shift)
		for i := range places {
			views = append(views, atomDescriptors(places, elements, i))
		}
	}
	if !units.known {
		units.learn(views, energies)
	}
	x, y := make([]float32, 0, len(views)*atomViews), make([]float32, rows)
	for _, v := range views {
		for f := range v {
			scale := math.Pow(b.spread(), -float64(f)/(atomViews-1))
			x = append(x, float32(scale*(v[f]-units.mean[f])/units.deviation[f]))
		}
	}
	for r, e := range energies {
		v := (e - units.zero) / units.energyDeviation
		if noise > 0 {
			v += noise * b.error()
		}
		y[r] = float32(b.Scale * v)
	}
	return examples{tensor(x, int64(rows), clusterAtoms, atomViews), tensor(y, int64(rows), 1)}
}

func (u *moleculeUnits) learn(views [][atomViews]float64, energies []float64) {
	moments := func(count int, at func(i int) float64) (mean, deviation float64) {
		for i := range count {
			mean += at(i) / float64(count)
		}
		for i := range count {
			deviation += (at(i) - mean) * (at(i) - mean) / float64(count)
		}
		return mean, math.Sqrt(deviation)
	}
	u.known = true
	for f := range atomViews {
		u.mean[f], u.deviation[f] = moments(len(views), func(i int) float64 { return views[i][f] })
	}
	u.zero, u.energyDeviation = moments(len(energies), func(i int) float64 { return energies[i] })
}

// placedAtoms puts atoms into a ball, none of them too close to another.
func (b *builder) placedAtoms() (places [clusterAtoms][3]float64, elements [clusterAtoms]int) {
	for i := range places {
		elements[i] = b.data.IntN(2)
		for again := true; again; {
			for d := range 3 {
				places[i][d] = 3 * (b.data.Float64() - 0.5)
			}
			again = atomDistance(places[i], [3]float64{}) > 1.5
			for _, other := range places[:i] {
				again = again || atomDistance(places[i], other) < closestAtoms
			}
		}
	}
	return places, elements
}

func atomDistance(a, b [3]float64) float64 {
	return math.Sqrt((a[0]-b[0])*(a[0]-b[0]) + (a[1]-b[1])*(a[1]-b[1]) + (a[2]-b[2])*(a[2]-b[2]))
}

// morseEnergy is that of all pairs. Unlike atoms bind most strongly, and two of the
// second element hardly at all.
func morseEnergy(places [clusterAtoms][3]float64, elements [clusterAtoms]int, longer float64) float64 {
	depth, bond := [3]float64{1, 1.8, 0.3}, [3]float64{1, 1.15, 1.5}
	var sum float64
	for i := range places {
		for j := range i {
			pair := elements[i] + elements[j]
			e := 1 - math.Exp(-1.8*(atomDistance(places[i], places[j])-bond[pair]-longer))
			sum += depth[pair] * (e*e - 1)
		}
	}
	return sum
}

// atomDescriptors are Gaussian shells of the neighbours of each element, from the outermost
// one in, two sums over the angles between neighbours, and the atom's own element.
func atomDescriptors(places [clusterAtoms][3]float64, elements [clusterAtoms]int, i int) (v [atomViews]float64) {
	fade := func(r float64) float64 {
		if r >= atomCutoff {
			return 0
		}
		return 0.5 * (1 + math.Cos(math.Pi*r/atomCutoff))
	}
	for j := range places {
		if j == i {
			continue
		}
		r := atomDistance(places[i], places[j])
		for s := range atomShells {
			far := r - (2.6 - 0.45*float64(s))
			v[atomAngles+2*s+elements[j]] += math.Exp(-4*far*far) * fade(r)
		}
		for k := range j {
			if k == i {
				continue
			}
			q, opposite := atomDistance(places[i], places[k]), atomDistance(places[j], places[k])
			cosine := (r*r + q*q - opposite*opposite) / (2 * r * q)
			near := fade(r) * fade(q)
			v[0] += (1 + cosine) * near
			v[1] += (1 - cosine) * near
		}
	}
	v[atomViews-1] = float64(elements[i])
	return v
}

// atomwise is the sum of what one network makes of each atom, in a unit that leaves it
// about as large as one part.
func (b *builder) atomwise() func(x *ts.Tensor, train bool) *ts.Tensor {
	part := b.mlp(atomViews, 1)
	return func(x *ts.Tensor, train bool) *ts.Tensor {
		sum := part(x, train).MustSumDimIntlist([]int64{1}, false, gotch.Float, true)
		return sum.MustMulScalar(ts.FloatScalar(1/math.Sqrt(clusterAtoms)), true)
	}
}
