package spectrum_test

import (
	"fmt"

	"github.com/seed-140d0f39/gtg/internal/spectrum"
)

// The Hessian of x² − y² + 5z², by its products.
func saddle(out, in []float64) error {
	out[0], out[1], out[2] = 2*in[0], -2*in[1], 10*in[2]
	return nil
}

func ExampleLanczos() {
	l, err := spectrum.NewLanczos[[]float64](spectrum.Slices(3), spectrum.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Free()
	ends, err := l.Ends(spectrum.OperatorFunc[[]float64](saddle), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f to %.3f, converged: %t\n", ends.Low.Value, ends.High.Value, ends.Low.Converged && ends.High.Converged)
	// Output: -2.000 to 10.000, converged: true
}

func ExampleHutchinson() {
	trace, err := spectrum.Hutchinson(spectrum.Slices(3), spectrum.OperatorFunc[[]float64](saddle), 10, 1, nil)
	fmt.Println(trace.Value, "±", trace.StandardError, err)
	// Output: 10 ± 0 <nil>
}

// Recurrent weights that turn the state by a right angle and let it grow by a tenth
// each time: 50 steps through time multiply a gradient by 117.
func ExampleSpectralRadius() {
	weights, err := spectrum.NewMatrix(2, []float32{0, -1.1, 1.1, 0})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := spectrum.SpectralRadius(weights.Space(), weights, spectrum.RadiusOptions{}, nil)
	fmt.Printf("%.3f, converged: %t, %v\n", r.Value, r.Converged, err)
	// Output: 1.100, converged: true, <nil>
}
