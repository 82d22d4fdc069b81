package figures

import (
	"math"

	"gonum.org/v1/plot/vg"

	"github.com/seed-140d0f39/gtg/internal/digest"
)

// bandOpacity is that of what lies between the smallest and the largest values,
// which is drawn where a series is no longer whole.
const bandOpacity = 0.30

// mean of a bucket: arithmetic on a linear axis, geometric on a logarithmic one.
func arithmetic(b *digest.Bucket) float64 {
	if b.N == 0 {
		return math.NaN()
	}
	return b.Mean
}

func geometric(b *digest.Bucket) float64 { return b.Geometric() }

// average is the running average over a fiftieth of the series, centred.
func average(s *digest.Series, most int, mean func(*digest.Bucket) float64) ranged {
	buckets := s.Reduce(digest.Buckets)
	half := len(buckets) / 100
	var r ranged
	skip := max(len(buckets)/most, 1)
	for i := 0; i < len(buckets); i += skip {
		var b digest.Bucket
		for j := max(i-half, 0); j <= min(i+half, len(buckets)-1); j++ {
			b.Merge(&buckets[j])
		}
		r = append(r, point{buckets[i].Middle(), mean(&b)})
	}
	return r
}

// values are the values of a series, which must be whole.
func values(s *digest.Series) ranged {
	var r ranged
	for _, b := range s.Reduce(digest.Buckets) {
		if b.N > 0 {
			r = append(r, point{float64(b.First), b.Min})
		}
	}
	return r
}

// means are the means of buckets, as a line.
func means(s *digest.Series, most int, mean func(*digest.Bucket) float64) ranged {
	var r ranged
	for _, b := range s.Reduce(most) {
		r = append(r, point{b.Middle(), mean(&b)})
	}
	return r
}

// staircase is a quantity that stays what it is between its changes.
func staircase(s *digest.Series, most int) ranged {
	var r ranged
	for _, b := range s.Reduce(most) {
		if b.N > 0 {
			r = append(r, point{float64(b.First), b.Mean}, point{float64(b.Last), b.Mean})
		}
	}
	return r
}

func bandOf(s *digest.Series, most int, positive bool) []span {
	var spans []span
	for _, b := range s.Reduce(most) {
		low := b.Min
		if positive && low <= 0 {
			low = b.Geometric()
		}
		if b.N > 0 && !math.IsNaN(low) {
			spans = append(spans, span{float64(b.First), float64(b.Last), low, b.Max})
		}
	}
	return spans
}

// notFiniteAt are the steps around which values were not finite.
func notFiniteAt(s *digest.Series) (at []float64) {
	for _, b := range s.Reduce(digest.Buckets) {
		if b.Bad > 0 {
			at = append(at, float64(b.First))
		}
	}
	return at
}

// resolution is how many buckets a panel of that size can show.
func resolution(size Size) int { return max(int(size.Width), 100) }

// scatter draws every value of a series while they are few, and what they cover
// beyond that.
func (f *panel) scatter(s *digest.Series, size Size, h hue, label string, positive bool) {
	if s.Whole() {
		v := values(s)
		if positive {
			v = positiveOnly(v)
		}
		f.Add(dots{v, h, 0.6, dotSize(s)})
		if positive {
			f.Add(dots{outliers(v), h, 1, 3.6})
		}
		f.key(label, h, dotKey)
		return
	}
	f.Add(band{bandOf(s, resolution(size), positive), h, bandOpacity})
	f.key(label+", smallest to largest", h, bandKey)
}

func positiveOnly(r ranged) ranged {
	kept := r[:0]
	for _, p := range r {
		if p.y > 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// extent is the range of steps of all runs.
func extent(runs []*digest.Digest) (first, last float64) {
	first, last = math.Inf(1), math.Inf(-1)
	for _, d := range runs {
		if d.Steps > 0 {
			first, last = math.Min(first, float64(d.First)), math.Max(last, float64(d.Last))
		}
	}
	if first > last {
		return 0, 1
	}
	return first, last
}

// logarithmic says whether a series calls for a logarithmic axis: everything is
// positive and the whole is much wider than where it ends.
func logarithmic(runs []*digest.Digest, of func(*digest.Digest) *digest.Series) bool {
	low, high := math.Inf(1), math.Inf(-1)
	for _, d := range runs {
		if all := of(d).All(); all.N > 0 {
			low, high = math.Min(low, all.Min), math.Max(high, all.Max)
		}
	}
	return low > 0 && high > 10*low
}

// any says whether a run has the series.
func any(runs []*digest.Digest, of func(*digest.Digest) *digest.Series) bool {
	for _, d := range runs {
		if !of(d).Empty() {
			return true
		}
	}
	return false
}

// outliers are the positive points far above those around them, which deserve larger
// dots: by more than 8 times, and by more than 4 standard deviations of the logarithm.
func outliers(r ranged) (far ranged) {
	sum, squares := make([]float64, len(r)+1), make([]float64, len(r)+1)
	for i, p := range r {
		l := math.Log(p.y)
		sum[i+1], squares[i+1] = sum[i]+l, squares[i]+l*l
	}
	half := max(len(r)/100, 32)
	for i, p := range r {
		from, to := max(i-half, 0), min(i+half+1, len(r))
		n, l := float64(to-from-1), math.Log(p.y)
		if n < 1 {
			continue
		}
		mean := (sum[to] - sum[from] - l) / n // of the others
		variance := (squares[to]-squares[from]-l*l)/n - mean*mean
		if l-mean > math.Max(math.Log(8), 4*math.Sqrt(math.Max(variance, 0))) {
			far = append(far, p)
		}
	}
	return far
}

// dotSize is smaller where there are many.
func dotSize(s *digest.Series) vg.Length {
	switch n := s.All().N; {
	case n > 4000:
		return 1.1
	case n > 1500:
		return 1.3
	case n > 400:
		return 2
	case n > 60:
		return 2.8
	}
	return 4.5 // more than a line is wide
}
