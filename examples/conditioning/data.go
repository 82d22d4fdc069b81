package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/internal/digits"
)

// The inputs that the network can have, of the same pictures.
const (
	raw        = "raw"        // the bytes of the files, 0 to 255
	normalised = "normalised" // of mean 0 and variance 1 over all pixels of the training images
)

// A scaling makes inputs of pixels between 0 and 1: (pixel - shift)·factor.
type scaling struct{ shift, factor float64 }

// newScaling returns the scaling for such training pixels.
func newScaling(inputs string, pixels []float32) (scaling, error) {
	switch inputs {
	case raw:
		return scaling{0, 255}, nil
	case normalised:
		var sum, squares float64
		for _, p := range pixels {
			sum += float64(p)
			squares += float64(p) * float64(p)
		}
		n := float64(len(pixels))
		mean := sum / n
		return scaling{mean, 1 / math.Sqrt(squares/n-mean*mean)}, nil
	}
	return scaling{}, fmt.Errorf("-inputs %q: the inputs are %s or %s", inputs, raw, normalised)
}

// data is what the network learns from, or is tried on.
type data struct {
	x, y *ts.Tensor // images × pixels, and the digits
	n    int
}

// load makes data of the images, with the inputs that were asked for.
func load(inputs string, training, test digits.Images) (learned, tried data, err error) {
	pixels, labels := training.Batch(count(training.Len()))
	s, err := newScaling(inputs, pixels)
	if err != nil {
		return data{}, data{}, err
	}
	if learned, err = newData(s, pixels, labels); err != nil {
		return data{}, data{}, err
	}
	pixels, labels = test.Batch(count(test.Len()))
	tried, err = newData(s, pixels, labels)
	return learned, tried, err
}

// count is 0 to n-1.
func count(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

// newData scales the pixels in place.
func newData(s scaling, pixels []float32, labels []int64) (d data, err error) {
	for i, p := range pixels {
		pixels[i] = float32((float64(p) - s.shift) * s.factor)
	}
	d.n = len(labels)
	if d.x, err = ts.NewTensorFromData(pixels, []int64{int64(d.n), digits.Pixels}); err != nil {
		return d, err
	}
	d.y, err = ts.NewTensorFromData(labels, []int64{int64(d.n)})
	return d, err
}

// draw returns a batch of random images.
func (d data) draw(random *rand.Rand, size int) (x, y *ts.Tensor, err error) {
	numbers := make([]int64, size)
	for i := range numbers {
		numbers[i] = random.Int64N(int64(d.n))
	}
	index, err := ts.OfSlice(numbers)
	if err != nil {
		return nil, nil, err
	}
	defer index.MustDrop()
	return d.x.MustIndexSelect(0, index, false), d.y.MustIndexSelect(0, index, false), nil
}
