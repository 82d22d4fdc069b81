package score_test

import (
	"fmt"
	"os"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
	"github.com/seed-140d0f39/gtg/internal/detect/score"
	"github.com/seed-140d0f39/gtg/monitor"
)

func ExampleJudge() {
	folder := os.DirFS("runs")
	labels, err := corpus.Read(folder)
	if err != nil {
		fmt.Println("there is no corpus here")
		return
	}
	report := score.Sum(score.Judge(folder, labels, score.Options{Rivals: true}))
	report.Markdown(os.Stdout, false)
	// Output: there is no corpus here
}

func ExampleSum() {
	healthy := corpus.Label{Program: "mlp", Case: "healthy", Class: corpus.Healthy, Steps: 20_000, Confirmed: true, File: "1"}
	report := score.Sum([]score.Outcome{{Label: healthy, Steps: 20_000, Events: []monitor.Event{
		{Step: 7, Kind: monitor.Cliff, State: monitor.Firing, Severity: monitor.Warning},
	}}})
	fmt.Println(report.Tuning.Healthy.Alarms)
	// Output: 0.50 (1 in 20000 steps; 0.01–2.79)
}

func ExampleList() {
	slow := corpus.Label{Program: "mlp", Case: "learning rate 1e-9", Seed: 3, Class: corpus.TooSlow, Onset: 1, Steps: 2000,
		Metric: 0.1, Reference: 0.9, Chance: 0.1, Confirmed: true, File: "slow"}
	score.List(os.Stdout, []score.Outcome{{Label: slow, Steps: 2000}})
	// Output:
	// false alarms in healthy runs: 0 runs
	//
	// alarms in faulty runs while the cause was not there: 0 runs
	//
	// missed: slow
	//     mlp, "learning rate 1e-9", seed 3: too_slow from step 1, 2000 steps; metric 0.1, reference 0.9, chance 0.1
	// missed: 1 runs
	//
	// another kind first: 0 runs
	//
	// a kind more than once: 0 runs
	//
	// not resolved: 0 runs
	//
	// an invariance that did not hold: 0 runs
}

func ExamplePoisson() {
	i := score.Poisson(0)
	fmt.Printf("%.0f to %.3f\n", i.Low, i.High)
	// Output: 0 to 3.689
}

func ExampleWilson() {
	i := score.Wilson(8, 10)
	fmt.Printf("%.2f to %.2f\n", i.Low, i.High)
	// Output: 0.49 to 0.94
}
