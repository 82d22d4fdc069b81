package figures

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// logScale is plot.LogScale without its panics: what is not positive is at the
// bottom.
type logScale struct{}

func (logScale) Normalize(min, max, x float64) float64 {
	if x <= 0 {
		return 0
	}
	return (math.Log(x) - math.Log(min)) / (math.Log(max) - math.Log(min))
}

// sinhScale is linear around 0 and logarithmic far from it, for values of both
// signs.
type sinhScale struct{}

func (sinhScale) Normalize(min, max, x float64) float64 {
	return (math.Asinh(x) - math.Asinh(min)) / (math.Asinh(max) - math.Asinh(min))
}

// number writes a number for an axis.
func number(v float64) string {
	if v == 0 {
		return "0"
	}
	if a := math.Abs(v); a >= 1e5 || a < 1e-3 {
		s := strconv.FormatFloat(v, 'e', -1, 64)
		if len(s) > 8 {
			s = strconv.FormatFloat(v, 'e', 2, 64)
		}
		s = strings.Replace(s, "e+0", "e", 1)
		s = strings.Replace(s, "e+", "e", 1)
		return strings.Replace(s, "e-0", "e-", 1)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// steps writes a number of steps for an axis: 20k, 1.5M.
func steps(v float64) string {
	for _, unit := range []struct {
		size float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= unit.size {
			return strconv.FormatFloat(v/unit.size, 'g', 4, 64) + unit.name
		}
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// even are ticks at round numbers, about as many as that.
func even(about int, label func(float64) string) plot.Ticker {
	return plot.TickerFunc(func(min, max float64) (ticks []plot.Tick) {
		span := max - min
		if !(span > 0) || math.IsInf(span, 0) {
			return []plot.Tick{{Value: min, Label: label(min)}}
		}
		unit := math.Pow(10, math.Floor(math.Log10(span/float64(about))))
		for _, k := range []float64{1, 2, 5, 10} {
			if span/(k*unit) <= float64(about)+0.5 {
				unit *= k
				break
			}
		}
		first := math.Ceil(min/unit - 1e-9)
		for i := range 3 * about { // first+i may be no more than first, far from 0
			v := (first+float64(i))*unit + 0 // never -0
			if v > max+1e-9*span {
				break
			}
			ticks = append(ticks, plot.Tick{Value: v, Label: label(round(v, unit))})
		}
		return ticks
	})
}

// round takes away what binary fractions leave of a multiple of the unit.
func round(v, unit float64) float64 {
	digits := int(math.Max(0, 2-math.Floor(math.Log10(unit))))
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', min(digits, 300), 64), 64)
	if err != nil {
		return v
	}
	return r
}

// decades are ticks at powers of 10, or at 1, 2 and 5 times them where there are
// hardly any.
func decades(about int) plot.Ticker {
	return plot.TickerFunc(func(min, max float64) (ticks []plot.Tick) {
		if !(min > 0) {
			return nil
		}
		low, high := math.Log10(min), math.Log10(max)
		every := math.Max(1, math.Ceil((high-low)/float64(about)))
		first := math.Ceil(low/every-1e-9) * every
		for e := first; e <= high+1e-9; e += every {
			ticks = append(ticks, plot.Tick{Value: math.Pow(10, e), Label: number(math.Pow(10, e))})
		}
		if len(ticks) >= 2 {
			return ticks
		}
		ticks = ticks[:0]
		for e := math.Floor(low); e <= high; e++ {
			for _, k := range []float64{1, 2, 5} {
				if v := k * math.Pow(10, e); v >= min*(1-1e-9) && v <= max*(1+1e-9) {
					ticks = append(ticks, plot.Tick{Value: v, Label: number(round(v, math.Pow(10, e)))})
				}
			}
		}
		if len(ticks) >= 2 {
			return ticks
		}
		return even(about, number).Ticks(min, max)
	})
}

// signed are ticks of a sinhScale: 0 and powers of 10 of both signs.
func signed(about int) plot.Ticker {
	return plot.TickerFunc(func(min, max float64) (ticks []plot.Tick) {
		most := math.Max(math.Abs(min), math.Abs(max))
		if most < 10 {
			return even(about, number).Ticks(min, max)
		}
		span := math.Log10(math.Max(1, -min)) + math.Log10(math.Max(1, max)) + 1
		every := math.Max(1, math.Ceil(span/float64(about)))
		ticks = append(ticks, plot.Tick{Value: 0, Label: "0"})
		for e := 0.0; math.Pow(10, e) <= most; e += every {
			for _, v := range []float64{math.Pow(10, e), -math.Pow(10, e)} {
				if v >= min && v <= max {
					ticks = append(ticks, plot.Tick{Value: v, Label: number(v)})
				}
			}
		}
		return ticks
	})
}

// unlabelled are the same ticks without their labels.
func unlabelled(t plot.Ticker) plot.Ticker {
	return plot.TickerFunc(func(min, max float64) []plot.Tick {
		ticks := t.Ticks(min, max)
		for i := range ticks {
			ticks[i].Label = ""
		}
		return ticks
	})
}

// limited leaves out ticks until there are no more than that.
type limited struct {
	plot.Ticker
	most int
}

func (l limited) Ticks(min, max float64) []plot.Tick {
	ticks := l.Ticker.Ticks(min, max)
	for len(ticks) > l.most {
		kept := ticks[:0]
		for i := 0; i < len(ticks); i += 2 {
			kept = append(kept, ticks[i])
		}
		ticks = kept
	}
	return ticks
}
