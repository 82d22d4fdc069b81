package rivals

import (
	"math"
	"slices"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/monitor"
)

// autoTrainer are the rules of AUTOTRAINER (Zhang et al., ICSE 2021) with its
// parameters, every third epoch. Its rules know the accuracy: a run in which no
// accuracy was measured is not judged. Each rule speaks for itself; the original
// reports but one of those that hold.
func autoTrainer(run *monitor.Run, l *corpus.Label) []Rule {
	var rules []Rule
	add := func(name string, class corpus.Class, judge autoTrainerJudge) {
		rules = append(rules, &autoTrainerRule{about: claim("AUTOTRAINER "+name, class), g: newGradients(run), epochs: newEpochs(l, 3),
			judge: judge, useless: !areAccuracies(l.Accuracies)})
	}
	add("vanishing", corpus.Vanishing, (*autoTrainerRule).vanishing)
	add("exploding", corpus.Exploding, (*autoTrainerRule).exploding)
	add("dying ReLU", corpus.Dying, (*autoTrainerRule).dying)
	add("oscillating", corpus.Oscillating, (*autoTrainerRule).oscillating)
	add("slow convergence", corpus.TooSlow, (*autoTrainerRule).slow)
	return rules
}

// The parameters, under their names in the paper.
const (
	theta = 0.6  // an accuracy that is good enough
	delta = 0.01 // a gain of accuracy that counts
	beta1 = 1e-3
	beta2 = 1e-4
	beta3 = 70
	gamma = 0.7
	zeta  = 0.03
	eta   = 0.2
)

// areAccuracies says whether there are some, and all are shares.
func areAccuracies(x []float64) bool {
	return len(x) > 0 && !slices.ContainsFunc(x, func(a float64) bool { return !(a >= 0 && a <= 1) })
}

type autoTrainerJudge func(*autoTrainerRule, *monitor.Step, []float64) monitor.Condition

type autoTrainerRule struct {
	about
	g       gradients
	epochs  epochs
	judge   autoTrainerJudge
	useless bool
}

func (r *autoTrainerRule) Observe(s *monitor.Step) monitor.Condition {
	if _, ends := r.epochs.next(); r.useless || !ends {
		return monitor.Undecided
	}
	accuracies := r.epochs.known()
	if len(accuracies) == 0 {
		return monitor.Clear
	}
	return r.judge(r, s, accuracies)
}

// bad says whether a symptom of the gradients is an issue: the accuracy is not good
// enough, or never gained.
func bad(accuracies []float64) bool {
	return slices.Max(accuracies) < theta || len(accuracies) > 1 && gain(accuracies) < delta
}

// gain is the largest gain from one accuracy to the next.
func gain(accuracies []float64) float64 {
	most := math.Inf(-1)
	for i := 1; i < len(accuracies); i++ {
		most = max(most, accuracies[i]-accuracies[i-1])
	}
	return most
}

// ends returns the norms of the first and the last weight's gradient.
func (r *autoTrainerRule) ends(s *monitor.Step) (first, last float64, known bool) {
	k := r.g.kernels
	if len(k) < 2 || k[len(k)-1] >= len(s.ParamGradNorms) {
		return 0, 0, false
	}
	first, ok := s.ParamGradNorms[k[0]].Get()
	last, known = s.ParamGradNorms[k[len(k)-1]].Get()
	return first, last, ok && known
}

func (r *autoTrainerRule) vanishing(s *monitor.Step, accuracies []float64) monitor.Condition {
	first, last, known := r.ends(s)
	if !known {
		return monitor.Undecided
	}
	return holds(first/last < beta1 && first < beta2 && bad(accuracies))
}

func (r *autoTrainerRule) exploding(s *monitor.Step, accuracies []float64) monitor.Condition {
	first, last, known := r.ends(s)
	if !known && !notFinite(s) {
		return monitor.Undecided
	}
	return holds((first/last > beta3 || notFinite(s)) && bad(accuracies))
}

func (r *autoTrainerRule) dying(s *monitor.Step, accuracies []float64) monitor.Condition {
	all, _, known := r.g.zeros(s)
	if !known {
		return monitor.Undecided
	}
	return holds(all >= gamma && bad(accuracies))
}

// late says whether the rules about the accuracy speak.
func (r *autoTrainerRule) late() bool { return 10*r.epochs.seen >= 3*r.epochs.steps }

// oscillating pairs the local maxima of the accuracy with the local minima, in
// order, and counts the pairs that are far apart.
func (r *autoTrainerRule) oscillating(_ *monitor.Step, a []float64) monitor.Condition {
	var high, low []float64
	for i := 1; i < len(a)-1; i++ {
		if a[i] >= a[i-1] && a[i] >= a[i+1] {
			high = append(high, a[i])
		}
		if a[i] <= a[i-1] && a[i] <= a[i+1] {
			low = append(low, a[i])
		}
	}
	swings := 0
	for i := range min(len(high), len(low)) {
		if high[i]-low[i] >= zeta {
			swings++
		}
	}
	return holds(r.late() && float64(swings) >= eta*float64(len(a)))
}

func (r *autoTrainerRule) slow(_ *monitor.Step, a []float64) monitor.Condition {
	return holds(r.late() && len(a) > 1 && gain(a) < delta && slices.Max(a) < theta)
}
