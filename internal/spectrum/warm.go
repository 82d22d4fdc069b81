package spectrum

import "gonum.org/v1/gonum/mat"

// start sets the first vector of the basis: a random one, or the sum of the two
// that are known and a little of a random one.
func (l *Lanczos[V]) start(k *krylov[V]) error {
	x, err := k.grow()
	if err != nil {
		return err
	}
	if err := randomUnit(l.space, x, l.rng.Uint64()); err != nil || !l.warm {
		return err
	}
	if err := l.space.Scale(warmNoise, x); err != nil {
		return err
	}
	if err := l.space.Axpy(1, l.low, x); err != nil {
		return err
	}
	if err := l.space.Axpy(1, l.high, x); err != nil {
		return err
	}
	length, err := norm(l.space, x)
	if err != nil {
		return err
	}
	return l.space.Scale(1/length, x)
}

// keep replaces the eigenvectors by those given in terms of the basis.
func (l *Lanczos[V]) keep(k *krylov[V], low, high mat.Vector) error {
	pair := krylov[V]{space: l.space}
	for _, x := range []mat.Vector{low, high} {
		v, err := pair.grow()
		if err == nil {
			err = k.combine(v, x)
		}
		if err != nil {
			pair.free()
			return err
		}
	}
	l.Free()
	l.low, l.high, l.warm = pair.q[0], pair.q[1], true
	return nil
}
