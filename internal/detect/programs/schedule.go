package programs

import "math"

// schedules give what the learning rate is multiplied by, when the share done of
// the run is over.
var schedules = map[string]func(done float64) float64{
	"": func(float64) float64 { return 1 },
	"warm-up": func(done float64) float64 {
		return min(1, 0.001+done/0.1)
	},
	"warm-up and cosine": func(done float64) float64 {
		if done < 0.1 {
			return 0.001 + done/0.1
		}
		return 0.5 * (1 + math.Cos(math.Pi*(done-0.1)/0.9))
	},
	"steps": func(done float64) float64 {
		switch {
		case done < 0.5:
			return 1
		case done < 0.8:
			return 0.1
		}
		return 0.01
	},
	// Three periods (Loshchilov and Hutter 2017).
	"restarts": func(done float64) float64 {
		_, period := math.Modf(3 * done)
		return 0.01 + 0.99*0.5*(1+math.Cos(math.Pi*period))
	},
}
