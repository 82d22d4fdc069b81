package clip_test

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/seed-140d0f39/gtg/clip"
)

func ExampleNone() {
	d := clip.None().Decide(clip.Gradient{Step: 1, Norm: 1e6, Max: 1e5})
	fmt.Println(d.Factor, d.Changes())
	// Output: 1 false
}

func ExampleNorm() {
	p := clip.Norm(1)
	for _, norm := range []float64{0.5, 4} {
		fmt.Println(p.Decide(clip.Gradient{Norm: norm}).Factor)
	}
	fmt.Println(clip.Norm(math.NaN()).Validate())
	// Output:
	// 1
	// 0.25
	// clip: Norm(NaN): the largest norm allowed has to be above 0, as in Norm(1); +Inf measures only
}

func ExamplePNorm() {
	p := clip.PNorm(math.Inf(1), 0.5)
	fmt.Println(p.Name(), p.Decide(clip.Gradient{Norm: 9, Max: 2}).Factor)
	// Output: norm_p+Inf 0.25
}

func ExamplePerParam() {
	p := clip.PerParam(1)
	clip.Bind(p, []clip.Param{{Name: "weight"}, {Name: "bias"}})
	d := p.Decide(clip.Gradient{ParamNorms: []float64{4, 0.5}, ParamMax: []float64{2, 0.5}})
	for _, change := range d.Params {
		fmt.Println(change.Factor)
	}
	// Output:
	// 0.25
	// 1
}

func ExampleBlockRMS() {
	p := clip.BlockRMS(0.1)
	clip.Bind(p, []clip.Param{{Name: "weight", Shape: []int64{10, 10}, Numel: 100}, {Name: "bias", Shape: []int64{4}, Numel: 4}})
	d := p.Decide(clip.Gradient{ParamNorms: []float64{2, 0.1}, ParamMax: []float64{1, 0.1}})
	for _, change := range d.Params {
		fmt.Println(change.Factor) // 2/√100 is above 0.1, 0.1/√4 is not
	}
	// Output:
	// 0.5
	// 1
}

func ExampleAGC() {
	// A transposed convolution, (in, out, kernel), has its units along axis 1.
	p := clip.AGC(0.01, clip.Except("head.*"), clip.Axis(1, "up.weight"))
	needs, err := clip.Bind(p, []clip.Param{
		{Name: "conv.weight", Shape: []int64{2, 3, 5, 5}},
		{Name: "up.weight", Shape: []int64{2, 3, 4}},
		{Name: "head.weight", Shape: []int64{10, 6}},
	})
	fmt.Println(needs.Units, err)

	d := p.Decide(clip.Gradient{
		ParamNorms: []float64{1, 0.02, 5}, ParamMax: []float64{1, 0.01, 5},
		Units: []clip.UnitNorms{
			{Grads: []float64{1, 0.01}, Values: []float64{2, 2}},
			{Grads: []float64{0.01, 0.01, 0.01}, Values: []float64{1, 1, 1}},
		},
	})
	fmt.Println(d.Params[0].Units, d.Params[1].Changes(), d.Params[2].Changes())

	_, err = clip.Bind(clip.AGC(0.01, clip.Except("classifier.*")), []clip.Param{{Name: "head.weight"}})
	fmt.Println(err)
	// Output:
	// [{0 0} {1 1}] <nil>
	// [0.02 1] false false
	// clip: AGC: Except: pattern "classifier.*" matches none of the parameters: head.weight
}

func ExampleExceptOutput() {
	p := clip.AGC(0.01, clip.ExceptOutput())
	needs, _ := clip.Bind(p, []clip.Param{
		{Name: "body.weight", Shape: []int64{4, 4}, Role: clip.RoleHidden},
		{Name: "head.weight", Shape: []int64{2, 4}, Role: clip.RoleOutput},
	})
	fmt.Println(needs.Units)
	// Output: [{0 0}]
}

func ExamplePercentile() {
	p := clip.Percentile(10, 10_000) // as AutoClip recommends
	var d clip.Decision
	for norm := 1; norm <= 11; norm++ {
		d = p.Decide(clip.Gradient{Norm: float64(norm)})
	}
	fmt.Printf("threshold %v, %.1f after\n", d.Threshold, 11*d.Factor)
	// Output: threshold 2, 2.0 after
}

func ExampleZScore() {
	config := clip.DefaultZScore()
	config.MaxNorm = math.Inf(1) // only spikes are clipped
	p := clip.ZScore(config)
	for i := range 100 {
		p.Decide(clip.Gradient{Norm: 2 + float64(i%2)})
	}
	d := p.Decide(clip.Gradient{Norm: 20})
	fmt.Printf("spikes begin at %.1f, 20 becomes %.1f\n", d.Threshold, 20*d.Factor)
	// Output: spikes begin at 3.7, 20 becomes 2.6
}

func ExampleMeanRatio() {
	p := clip.MeanRatio(1)
	for _, norm := range []float64{4, 2, 6} {
		d := p.Decide(clip.Gradient{Norm: norm})
		fmt.Println(d.Threshold, d.Factor)
	}
	// Output:
	// 0 1
	// 4 1
	// 3 0.5
}

func ExampleEMA() {
	p := clip.EMA(clip.OLMo())
	clip.Bind(p, []clip.Param{{Name: "weight"}, {Name: "bias"}})
	p.Decide(clip.Gradient{Norm: 2.3, ParamNorms: []float64{2, 1}})
	d := p.Decide(clip.Gradient{Norm: 16.1, ParamNorms: []float64{16, 1}})
	fmt.Println(d.Params[0].Factor, d.Params[1].Factor) // 16 is brought to 2·2
	// Output: 0.25 1
}

func ExampleAdaGC() {
	p := clip.EMA(clip.AdaGC())
	clip.Bind(p, []clip.Param{{Name: "weight"}})
	d := p.Decide(clip.Gradient{Norm: 4, ParamNorms: []float64{4}})
	fmt.Println(d.Threshold, d.Factor) // the warm-up clips by global norm
	// Output: 1 0.25
}

func ExampleOLMo() {
	config := clip.OLMo()
	config.Ratio = 1.5
	config.WarmUp, config.WarmUpFactor = 1000, 4 // be lenient at first
	fmt.Println(clip.EMA(config).Validate())
	// Output: <nil>
}

func ExampleCurvatureLimited() {
	// Beyond η·gᵀHg/gᵀg = 2 a step of gradient descent climbs.
	p := clip.CurvatureLimited(2)
	d := p.Decide(clip.Gradient{Norm: 3, Max: 3, LR: 0.1, GTHG: 80 * 9})
	fmt.Println(d.Factor)
	// Output: 0.25
}

func ExampleGroups() {
	p := clip.Groups(
		clip.Group{Name: "recurrent", Match: []string{"lstm.*"}, Policy: clip.Norm(1)},
		clip.Group{Name: "rest", Policy: clip.Outlier()})
	clip.Bind(p, []clip.Param{{Name: "lstm.w_hh"}, {Name: "head.weight"}})
	d := p.Decide(clip.Gradient{Norm: 5, ParamNorms: []float64{4, 3}, ParamMax: []float64{1, 1}})
	for _, g := range d.Groups {
		fmt.Println(g.Name, g.Norm, g.Clipped)
	}
	_, err := clip.Bind(p, []clip.Param{{Name: "gru.w_hh"}})
	fmt.Println(err)
	// Output:
	// recurrent 4 true
	// rest 3 false
	// clip: Groups: group "recurrent": pattern "lstm.*" matches none of the parameters: gru.w_hh
}

func ExampleChain() {
	p := clip.Chain(clip.Value(1), clip.Norm(5))
	d := p.Decide(clip.Gradient{Norm: 20, Max: 3})
	fmt.Println(p.Name(), d.Clamps(), "again:", d.Again)
	d = p.Decide(clip.Gradient{Norm: 10, Max: 1, Again: true}) // as Value left it
	fmt.Println(d.Factor, "again:", d.Again)
	// Output:
	// value+norm true again: true
	// 0.5 again: false
}

func ExampleAfter() {
	p := clip.After(100, clip.Norm(1))
	fmt.Println(p.Decide(clip.Gradient{Step: 100, Norm: 4}).Factor)
	fmt.Println(p.Decide(clip.Gradient{Step: 101, Norm: 4}).Factor)
	// Output:
	// 1
	// 0.25
}

func ExampleScheduled() {
	p := clip.Scheduled(clip.Norm(1), clip.Linear(10, 1, 1000))
	for _, step := range []int64{1, 501, 1001, 5000} {
		fmt.Println(p.Decide(clip.Gradient{Step: step}).Threshold)
	}
	fmt.Println(clip.Scheduled(clip.Outlier(), clip.Cosine(1, 0.1, 1000)).Validate())
	// Output:
	// 10
	// 5.5
	// 1
	// 1
	// clip: Scheduled(outlier): only the thresholds of Norm, PNorm, PerParam, Value, Bounds, BlockRMS and AGC can be scheduled
}

func ExampleBounds() {
	d := clip.Bounds(-1, 0.5).Decide(clip.Gradient{Max: 3})
	fmt.Println(d.Lower, d.Upper)
	// Output: -1 0.5
}

func ExampleTotalNorm() {
	fmt.Println(clip.TotalNorm(2, 3, 4), clip.TotalNorm(1, 3, 4), clip.TotalNorm(math.Inf(1), 3, 4))
	// Output: 5 7 4
}

func ExampleValue() {
	p := clip.Value(0.5)
	fmt.Println(p.Decide(clip.Gradient{Max: 0.4}).Clamps())
	d := p.Decide(clip.Gradient{Max: 3})
	fmt.Println(d.Clamps(), d.Lower, d.Upper)
	// Output:
	// false
	// true -0.5 0.5
}

func ExampleOutlier() {
	p := clip.Outlier()
	for step := int64(1); step <= 100; step++ {
		p.Decide(clip.Gradient{Step: step, Norm: 2})
	}
	d := p.Decide(clip.Gradient{Step: 101, Norm: 1000})
	fmt.Println("threshold", d.Threshold, "factor", d.Factor)
	// Output: threshold 10 factor 0.01
}

func ExampleRange() {
	r := clip.NewRange()
	for i := range 100 {
		r.Observe(2 + float64(i%3)) // 2, 3, 4, 2, 3, 4, …
	}
	limit, outlier := r.Observe(500)
	fmt.Printf("median %v, limit %.1f, 500 is an outlier: %v\n", r.Median(), limit, outlier)

	_, outlier = r.Observe(5)
	fmt.Println("5 is an outlier:", outlier)
	// Output:
	// median 3, limit 15.0, 500 is an outlier: true
	// 5 is an outlier: false
}

func ExampleNewRangeRatio() {
	r := clip.NewRangeRatio(2)
	for range 100 {
		r.Observe(0.7) // a loss that hardly varies
	}
	limit, outlier := r.Observe(1.5)
	fmt.Println(limit, outlier)
	// Output: 1.4 true
}

func ExampleRange_MarshalJSON() {
	r := clip.NewRange()
	r.Observe(0.5)
	r.Observe(0.25)
	saved, _ := json.Marshal(r)
	fmt.Println(string(saved))

	var restored clip.Range
	err := json.Unmarshal(saved, &restored)
	fmt.Println(restored.Count(), restored.Median(), err)
	// Output:
	// {"ratio":5,"window":[0.5,0.25]}
	// 2 0.5 <nil>
}
