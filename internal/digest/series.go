package digest

import (
	"math"
	"slices"

	"github.com/seed-140d0f39/gtg/monitor"
)

// Buckets is how many buckets a [Series] has at most. A run with no more records
// than that is kept whole.
const Buckets = 8192

// A Series is one quantity along a run, in constant memory: its values in
// buckets of as many records each. Where they would become more than [Buckets],
// neighbours are merged by two. A bucket keeps the minimum, the maximum and where
// they were, so that no spike is lost.
type Series struct {
	buckets []Bucket
	records int64 // that a full bucket holds; 0 means 1
	all     Bucket
}

// A Bucket is what one stretch of a series comes to.
type Bucket struct {
	First, Last  int64   // steps
	N            int64   // finite values
	Bad          int64   // values that are NaN or infinite, which nothing else counts
	Min, Max     float64 // of the finite values
	MinAt, MaxAt int64   // the steps that had them first
	Mean         float64
	Positive     int64   // values above 0
	LogMean      float64 // mean of the natural logarithm of those
}

// Geometric is the geometric mean of the positive values, or NaN.
func (b *Bucket) Geometric() float64 {
	if b.Positive == 0 {
		return math.NaN()
	}
	return math.Exp(b.LogMean)
}

// Middle is the step in the middle of the bucket.
func (b *Bucket) Middle() float64 { return float64(b.First)/2 + float64(b.Last)/2 }

func (b *Bucket) add(step int64, v float64) {
	if b.N+b.Bad == 0 {
		b.First = step
	}
	b.Last = step
	if math.IsNaN(v) || math.IsInf(v, 0) {
		b.Bad++
		return
	}
	if b.N == 0 || v < b.Min {
		b.Min, b.MinAt = v, step
	}
	if b.N == 0 || v > b.Max {
		b.Max, b.MaxAt = v, step
	}
	b.N++
	b.Mean = mix(b.Mean, b.N-1, v, 1)
	if v > 0 {
		b.Positive++
		b.LogMean = mix(b.LogMean, b.Positive-1, math.Log(v), 1)
	}
}

// Merge adds the bucket that comes after b.
func (b *Bucket) Merge(after *Bucket) {
	if after.N+after.Bad == 0 {
		return
	}
	if b.N+b.Bad == 0 {
		*b = *after
		return
	}
	b.Last = after.Last
	b.Bad += after.Bad
	if after.N == 0 {
		return
	}
	if b.N == 0 || after.Min < b.Min {
		b.Min, b.MinAt = after.Min, after.MinAt
	}
	if b.N == 0 || after.Max > b.Max {
		b.Max, b.MaxAt = after.Max, after.MaxAt
	}
	b.Mean = mix(b.Mean, b.N, after.Mean, after.N)
	b.LogMean = mix(b.LogMean, b.Positive, after.LogMean, after.Positive)
	b.N += after.N
	b.Positive += after.Positive
}

// mix is the mean of two means of so many values. No sum overflows on the way.
func mix(a float64, n int64, b float64, m int64) float64 {
	if m == 0 {
		return a
	}
	share := float64(m) / float64(n+m)
	return a*(1-share) + b*share
}

// Add adds the value of a step, unless it is unknown.
func (s *Series) Add(step int64, n monitor.Number) {
	v, known := n.Get()
	if !known {
		return
	}
	s.all.add(step, v)
	s.records = max(s.records, 1)
	if k := len(s.buckets); k > 0 && s.buckets[k-1].N+s.buckets[k-1].Bad < s.records {
		s.buckets[k-1].add(step, v)
		return
	}
	if len(s.buckets) == Buckets {
		s.buckets = halve(s.buckets)
		s.records *= 2
	}
	s.buckets = append(s.buckets, Bucket{})
	s.buckets[len(s.buckets)-1].add(step, v)
}

// halve merges neighbours, in place.
func halve(b []Bucket) []Bucket {
	for i := range (len(b) + 1) / 2 {
		b[i] = b[2*i]
		if 2*i+1 < len(b) {
			b[i].Merge(&b[2*i+1])
		}
	}
	return b[:(len(b)+1)/2]
}

// Whole says whether every value has a bucket of its own.
func (s *Series) Whole() bool { return s.records <= 1 }

// All is the whole series in one bucket.
func (s *Series) All() Bucket { return s.all }

// Empty says whether no value was known.
func (s *Series) Empty() bool { return len(s.buckets) == 0 }

// Reduce returns the series in at most that many buckets.
func (s *Series) Reduce(most int) []Bucket {
	b := slices.Clone(s.buckets)
	for len(b) > max(most, 1) {
		b = halve(b)
	}
	return b
}

// Recent is the end of the series in one bucket: that share of its buckets, and
// at least one.
func (s *Series) Recent(share float64) Bucket {
	var b Bucket
	n := len(s.buckets)
	for i := max(n-max(int(share*float64(n)), 1), 0); i < n; i++ {
		b.Merge(&s.buckets[i])
	}
	return b
}

// Early is the beginning of the series in one bucket, likewise.
func (s *Series) Early(share float64) Bucket {
	var b Bucket
	for i := range min(max(int(share*float64(len(s.buckets))), 1), len(s.buckets)) {
		b.Merge(&s.buckets[i])
	}
	return b
}
