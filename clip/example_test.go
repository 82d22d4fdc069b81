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
