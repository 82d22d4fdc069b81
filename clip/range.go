package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// The constants of a [Range]. They were chosen by simulation; the tests of
// this package repeat it and hold its counts.
const (
	// RangeWindow is how many ordinary values a Range remembers.
	RangeWindow = 128
	// RangeWarmUp is how many values a Range needs before it judges.
	RangeWarmUp = 48
	// RangeSpread is how many spreads above the median, on the log scale, an
	// outlier lies.
	RangeSpread = 6
	// RangeMaxSpread caps the measured spread, in units of the natural logarithm,
	// so that a window with two far levels in it does not become deaf.
	RangeMaxSpread = 2
	// RangeRatio is how many times the median an outlier is at least. The
	// square root of it is how many times the largest value in the window.
	RangeRatio = 5
	// RangeRebase is how many rejected values among the last [RangeWindow] judged
	// ones are a new level and no outliers.
	RangeRebase = 16
)

// upperNormal is the sum of the standard normal distribution's quantiles at
// 3/4, 7/8 and 15/16, the points at which spread looks at the window.
const upperNormal = 0.6744897501960817 + 1.1503493803760083 + 1.5341205443525465

// Range is the recent range of a positive quantity, such as a gradient norm or
// a loss: streaming robust statistics of its logarithm, which an outlier
// cannot drag. Only the upper end is guarded: small values are never outliers.
//
// The last [RangeWindow] ordinary values are kept. Let m be their median, M the
// largest of them and s their upper spread: the mean distance of the upper
// quartile, octile and hexadecile from m on the log scale, over the same for a
// normal distribution, at most [RangeMaxSpread]. With ratio = [RangeRatio],
//
//	limit = max(m·exp(RangeSpread·s), ratio·m, sqrt(ratio)·M)
//
// and what lies above it is an outlier. Each gate has its work. The first
// widens with the run's own noise: gradient norms are close to log-normal, and
// six spreads are out of reach of log-normal noise while a value of 30 medians
// is beyond the limit as long as the deviation of the logarithm is 0.3 or less.
// The second is the floor of the spread, for runs that hardly vary. The third
// is for what is not log-normal: trends, drifts, transients and norms with two
// modes, where the largest recent value is the better guide; no growth by less
// than sqrt(ratio) from one step to the next is ever an outlier.
//
// An outlier does not enter the window, so it does not widen the range. When
// [RangeRebase] of the last [RangeWindow] values were rejected, they are the new
// level: they become the window, and judging pauses until it holds [RangeWarmUp]
// values again. NaN, infinities, negative values and 0, which has no
// logarithm, are neither judged nor learned: a run whose norm is exactly 0 now
// and then keeps the range of its other steps.
//
// Not caught: an outlier among the first [RangeWarmUp] values, and one that is
// hidden by it while it is in the window; one within the range of a level that
// the run left less than a window ago; a cliff that is climbed in several steps
// of less than sqrt(ratio) each; some of 30 medians where the logarithm deviates
// by more than 0.3 (0.2 % are missed at 0.4, 15 % at 0.5), since such a run comes
// near to that by itself. Not left alone: healthy values far above all others
// that are so rare that the warm-up may hold none of them. They are taken for
// outliers until RangeRebase of them have come close together: of runs with two
// narrow modes, 30-fold apart, this meets nearly none with a fifth of large
// values, about 1 in 80 with a tenth, and those with less than an eighth may be
// clipped now and then for as long as they last.
//
// All comparisons are relative: multiplying every value by a constant changes
// no judgement. The zero Range is ready for use. A Range is not safe for
// concurrent use.
type Range struct {
	ratio  float64 // 0 means RangeRatio
	n      int
	next   int                  // where the oldest value of a full ring lies
	ring   [RangeWindow]float64 // the window in order of arrival
	sorted [RangeWindow]float64 // the same in order of size
	limit  float64

	seen     int64 // how many values have been judged or learned
	rejects  int
	rejected [RangeRebase]float64 // oldest first
	at       [RangeRebase]int64   // seen, when it was rejected
	rebased  bool
}

// NewRange returns an empty range with the constants above.
func NewRange() *Range { return &Range{} }

// NewRangeRatio returns an empty range in which ratio takes the place of
// [RangeRatio], for quantities that vary less than gradient norms do: with 2, an
// outlier is above 2 medians and 1.41 times the largest value. A ratio that is
// not a finite number above 1 means RangeRatio.
func NewRangeRatio(ratio float64) *Range {
	if !(ratio > 1) || math.IsInf(ratio, 1) {
		ratio = 0
	}
	return &Range{ratio: ratio}
}

// Observe judges v against the range of the values before it and then learns
// it, unless it is an outlier. The limit is in the unit of v, and +Inf while
// the range is not ready. It takes constant time and allocates nothing.
func (r *Range) Observe(v float64) (limit float64, outlier bool) {
	limit = r.Limit()
	r.rebased = false
	if !positive(v) {
		return limit, false
	}
	r.seen++
	if v > limit {
		r.reject(v)
		return limit, true
	}
	r.learn(v)
	r.updateLimit()
	return limit, false
}

// Ready says whether the range holds enough values to judge the next.
func (r *Range) Ready() bool { return r.n >= RangeWarmUp }

// Limit is what the next value is judged by: +Inf while the range is not ready.
func (r *Range) Limit() float64 {
	if !r.Ready() {
		return math.Inf(1)
	}
	return r.limit
}

// Median is the median of the window, the upper one of an even number, and 0
// while the window is empty.
func (r *Range) Median() float64 {
	if r.n == 0 {
		return 0
	}
	return r.sorted[r.n/2]
}

// Max is the largest value in the window, and 0 while it is empty.
func (r *Range) Max() float64 {
	if r.n == 0 {
		return 0
	}
	return r.sorted[r.n-1]
}

// Count is how many values the window holds, at most [RangeWindow].
func (r *Range) Count() int { return r.n }

// Rebased says whether the last Observe took the rejected values for a new
// level.
func (r *Range) Rebased() bool { return r.rebased }

func positive(v float64) bool { return v > 0 && !math.IsInf(v, 1) }

func (r *Range) gate() float64 {
	if r.ratio == 0 {
		return RangeRatio
	}
	return r.ratio
}

func (r *Range) updateLimit() {
	if !r.Ready() {
		return
	}
	r.limit = r.bound()
}

// bound is the limit that the window gives, whether it is ready or not.
func (r *Range) bound() float64 {
	m, ratio := r.Median(), r.gate()
	wide := max(ratio, math.Exp(RangeSpread*r.spread()))
	return max(m*wide, r.Max()*math.Sqrt(ratio))
}

// spread estimates the deviation of the logarithms from the upper half of the
// window alone: what lies below the median says nothing about its upper end.
func (r *Range) spread() float64 {
	m := r.Median()
	up := (r.sorted[r.n*3/4] / m) * (r.sorted[r.n*7/8] / m) * (r.sorted[r.n*15/16] / m)
	return min(math.Log(up)/upperNormal, RangeMaxSpread)
}

// learn lets v into the window, in the place of the oldest value of a full one.
func (r *Range) learn(v float64) {
	s := r.sorted[:r.n]
	in, _ := slices.BinarySearch(s, v)
	if r.n < RangeWindow {
		copy(r.sorted[in+1:r.n+1], s[in:])
		r.sorted[in] = v
		r.ring[r.n] = v
		r.n++
		return
	}
	out, _ := slices.BinarySearch(s, r.ring[r.next])
	if out < in {
		in--
		copy(s[out:in], s[out+1:in+1])
	} else {
		copy(s[in+1:out+1], s[in:out])
	}
	s[in] = v
	r.ring[r.next] = v
	r.next = (r.next + 1) % RangeWindow
}

// reject keeps v aside, forgets the rejected values that are long past, and
// makes them the window when there are too many for outliers.
func (r *Range) reject(v float64) {
	past := 0
	for past < r.rejects && r.seen-r.at[past] >= RangeWindow {
		past++
	}
	copy(r.rejected[:], r.rejected[past:r.rejects])
	copy(r.at[:], r.at[past:r.rejects])
	r.rejects -= past
	r.rejected[r.rejects], r.at[r.rejects] = v, r.seen
	r.rejects++
	if r.rejects < RangeRebase {
		return
	}
	r.n, r.next, r.rejects = 0, 0, 0
	for _, v := range r.rejected {
		r.learn(v)
	}
	r.updateLimit()
	r.rebased = true
}

// rangeState is a Range in JSON.
type rangeState struct {
	Ratio    float64   `json:"ratio"`
	Window   []float64 `json:"window"`             // oldest first
	Rejected []float64 `json:"rejected,omitempty"` // oldest first
	Ages     []int64   `json:"ages,omitempty"`     // values since each was rejected
	Rebased  bool      `json:"rebased,omitempty"`
}

// MarshalJSON writes the whole state. A Range that is restored from it goes on
// bit for bit as this one.
func (r *Range) MarshalJSON() ([]byte, error) { return json.Marshal(r.state()) }

func (r *Range) state() rangeState {
	s := rangeState{Ratio: r.gate(), Window: make([]float64, 0, r.n), Rebased: r.rebased}
	s.Window = append(s.Window, r.ring[r.next:r.n]...)
	s.Window = append(s.Window, r.ring[:r.next]...)
	for i, v := range r.rejected[:r.rejects] {
		if age := r.seen - r.at[i]; age < RangeWindow {
			s.Rejected = append(s.Rejected, v)
			s.Ages = append(s.Ages, age)
		}
	}
	return s
}

// UnmarshalJSON puts the state that MarshalJSON wrote in the place of this
// one. After an error the range is as it was.
func (r *Range) UnmarshalJSON(data []byte) error {
	var s rangeState
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("clip: the state of a range: %w", err)
	}
	if err := s.validate(); err != nil {
		return fmt.Errorf("clip: the state of a range: %w", err)
	}
	fresh := NewRangeRatio(s.Ratio)
	for _, v := range s.Window {
		fresh.learn(v)
	}
	fresh.updateLimit()
	for i, v := range s.Rejected {
		fresh.rejected[i], fresh.at[i] = v, -s.Ages[i]
	}
	fresh.rejects, fresh.rebased = len(s.Rejected), s.Rebased
	*r = *fresh
	return nil
}

func (s rangeState) validate() error {
	if !(s.Ratio > 1) {
		return fmt.Errorf("ratio is %v, want a number above 1", s.Ratio)
	}
	if s.Window == nil {
		return errors.New("there is no window")
	}
	if len(s.Window) > RangeWindow {
		return fmt.Errorf("the window holds %d values, want at most %d", len(s.Window), RangeWindow)
	}
	if len(s.Rejected) >= RangeRebase || len(s.Rejected) != len(s.Ages) {
		return fmt.Errorf("%d rejected values with %d ages, want as many of both, fewer than %d",
			len(s.Rejected), len(s.Ages), RangeRebase)
	}
	for _, v := range slices.Concat(s.Window, s.Rejected) {
		if !positive(v) {
			return fmt.Errorf("it holds the value %v, want only positive ones", v)
		}
	}
	last := int64(RangeWindow)
	for _, age := range s.Ages {
		if age < 0 || age >= last {
			return fmt.Errorf("age %d, want ages from %d down to 0, each less than the one before", age, RangeWindow-1)
		}
		last = age
	}
	return nil
}
