package main

import (
	"context"
	"fmt"
	"io"

	"github.com/sugarme/gotch"
	"github.com/sugarme/gotch/ts"

	"github.com/seed-140d0f39/gtg/hooks"
	"github.com/seed-140d0f39/gtg/internal/digits"
)

// train fits softmax(x w + b) by gradient descent on all images at once.
func train(ctx context.Context, c *config, training, test digits.Images, out io.Writer) error {
	x, y, err := tensors(training)
	if err != nil {
		return err
	}
	testX, testY, err := tensors(test)
	if err != nil {
		return err
	}
	w := ts.MustZeros([]int64{digits.Pixels, digits.Digits}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	b := ts.MustZeros([]int64{digits.Digits}, gotch.Float, gotch.CPU).MustSetRequiresGrad(true, true)
	weights := []*ts.Tensor{w, b}

	for epoch := 1; epoch <= c.epochs; epoch++ {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		logits := predict(x, w, b)
		loss := logits.CrossEntropyForLogits(y)
		for _, t := range weights {
			t.ZeroGrad()
		}
		if err := loss.Backward(); err != nil {
			return err
		}

		norms, err := hooks.Norms(weights)
		if err != nil {
			return err
		}
		total, err := hooks.ClipGradNorm(weights, c.max)
		if err != nil {
			return err
		}

		ts.NoGrad(func() {
			for _, t := range weights {
				change := t.MustGrad(false).MustMulScalar(ts.FloatScalar(-c.lr), true)
				t.MustAdd_(change)
				change.MustDrop()
			}
		})
		if epoch == 1 || epoch%10 == 0 || epoch == c.epochs {
			fmt.Fprintf(out, "epoch %3d  loss %.3f  gradient norms: w %.3f, b %.3f, total %.3f, multiplied by %.3f  test accuracy %.2f %%\n",
				epoch, loss.Float64Values()[0], norms.Each[0], norms.Each[1], total, min(1, c.max/total), 100*accuracy(testX, testY, w, b))
		}
		loss.MustDrop()
		logits.MustDrop()
	}
	return nil
}

// predict returns the logits, images × digits.
func predict(x, w, b *ts.Tensor) *ts.Tensor { return x.MustMm(w, false).MustAdd(b, true) }

// accuracy is the share of the images that are recognised.
func accuracy(x, y, w, b *ts.Tensor) float64 {
	var share float64
	ts.NoGrad(func() {
		logits := predict(x, w, b)
		defer logits.MustDrop()
		share = logits.AccuracyForLogits(y).Float64Values(true)[0]
	})
	return share
}

// tensors returns the images, images × pixels, and their digits.
func tensors(im digits.Images) (x, y *ts.Tensor, err error) {
	numbers := make([]int, im.Len())
	for i := range numbers {
		numbers[i] = i
	}
	pictures, labels := im.Batch(numbers)
	if x, err = ts.NewTensorFromData(pictures, []int64{int64(im.Len()), digits.Pixels}); err != nil {
		return nil, nil, err
	}
	y, err = ts.NewTensorFromData(labels, []int64{int64(im.Len())})
	return x, y, err
}
