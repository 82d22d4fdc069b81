package digits

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// idx writes a file in MNIST's format: a magic number, the sizes and the bytes.
func idx(t *testing.T, path string, magic uint32, sizes []uint32, data []byte) {
	t.Helper()
	var file bytes.Buffer
	z := gzip.NewWriter(&file)
	require.NoError(t, binary.Write(z, binary.BigEndian, append([]uint32{magic}, sizes...)))
	_, err := z.Write(data)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o644))
}

// folder holds n images of which the i-th is of grey 51 i and digit i.
func folder(t *testing.T, n, side int, labels []byte) string {
	dir := t.TempDir()
	var pictures []byte
	for i := range n {
		pictures = append(pictures, bytes.Repeat([]byte{byte(51 * i)}, side*side)...)
	}
	for _, name := range []string{"train", "t10k"} {
		idx(t, filepath.Join(dir, name+"-images-idx3-ubyte.gz"), 2051, []uint32{uint32(n), uint32(side), uint32(side)}, pictures)
		idx(t, filepath.Join(dir, name+"-labels-idx1-ubyte.gz"), 2049, []uint32{uint32(len(labels))}, labels)
	}
	return dir
}

func TestLoad(t *testing.T) {
	training, test, err := Load(folder(t, 3, 28, []byte{0, 1, 2}))
	require.NoError(t, err)
	require.Equal(t, 3, training.Len())
	require.Equal(t, 3, test.Len())
	pictures, labels := training.Batch([]int{2, 0})
	require.Equal(t, []int64{2, 0}, labels)
	require.Len(t, pictures, 2*Pixels)
	require.InDelta(t, 0.4, pictures[0], 1e-6)
	require.InDelta(t, 0.4, pictures[Pixels-1], 1e-6)
	require.Zero(t, pictures[Pixels])
	require.Equal(t, 2, training.First(2).Len())
	require.Equal(t, 3, training.First(9).Len())
}

func TestLoadRefuses(t *testing.T) {
	_, _, err := Load(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "-data")
	_, _, err = Load(folder(t, 2, 27, []byte{1, 2}))
	require.ErrorContains(t, err, "27 × 27")
	_, _, err = Load(folder(t, 2, 28, []byte{1}))
	require.ErrorContains(t, err, "2 images and 1 labels")
	_, _, err = Load(folder(t, 1, 28, []byte{10}))
	require.ErrorContains(t, err, "label 0 is 10")
}

// The data of the module is MNIST: 60000 and 10000 images of all digits.
func TestModule(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 70000 images")
	}
	dir, err := Folder(t.Context(), "")
	require.NoError(t, err)
	training, test, err := Load(dir)
	require.NoError(t, err)
	require.Equal(t, 60000, training.Len())
	require.Equal(t, 10000, test.Len())
	_, first := training.Batch([]int{0, 1, 2, 3, 4})
	require.Equal(t, []int64{5, 0, 4, 1, 9}, first)
}
