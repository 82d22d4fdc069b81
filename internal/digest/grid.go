package digest

import (
	"math"

	"github.com/seed-140d0f39/gtg/monitor"
)

const (
	gridRows    = 128 // at most; a model of more parameters has several in a row
	gridColumns = 512
)

// A Grid is one quantity of all parameters along a run, in constant memory:
// parameters in forward order by time. Neighbouring parameters share a row where
// they are more than 128, neighbouring records share a column where they are more
// than 512.
type Grid struct {
	Rows    []Row
	columns []Column
	records int64 // that a full column holds
	sums    []float64
	known   []bool
}

// A Row is what a row of a [Grid] is about: the parameters from First to Last.
type Row struct {
	Name        string
	First, Last int // places in Run.Params
}

// A Column is one stretch of time of a [Grid].
type Column struct {
	First, Last int64 // steps
	Records     int64
	Cells       []Cell // one for each row
}

// A Cell is what one row comes to in one stretch of time.
type Cell struct {
	Positive, Zero, Bad uint32  // values above 0, exactly 0, and not finite
	Max, Mean           float32 // of the decimal logarithm of the positive ones
}

func newGrid(params []monitor.Param) Grid {
	n := min(len(params), gridRows)
	g := Grid{Rows: make([]Row, n), records: 1, sums: make([]float64, n), known: make([]bool, n)}
	for i := range g.Rows {
		r := &g.Rows[i]
		r.First, r.Last = i*len(params)/n, (i+1)*len(params)/n-1
		if r.Name = params[r.First].Name; r.Last > r.First {
			r.Name += " … " + params[r.Last].Name
		}
	}
	return g
}

// Columns returns the grid's columns.
func (g *Grid) Columns() []Column { return g.columns }

// Empty says whether nothing was measured.
func (g *Grid) Empty() bool { return len(g.columns) == 0 }

// norms adds the norms of one step: over a row of several parameters it is the
// norm over all of them.
func (g *Grid) norms(step int64, norms []monitor.Number) {
	g.ratios(step, norms, nil)
}

// ratios adds the ratios of two norms of one step; without a divisor it adds the
// norms.
func (g *Grid) ratios(step int64, norms, divisors []monitor.Number) {
	any := false
	for i, r := range g.Rows {
		v, ok := rowNorm(norms, r)
		if divisors != nil && ok {
			var d float64
			if d, ok = rowNorm(divisors, r); d == 0 {
				ok = false // a bias that starts at 0
			}
			v /= d
		}
		g.sums[i], g.known[i] = v, ok
		any = any || ok
	}
	if !any {
		return
	}
	c := g.column(step)
	c.Last = step
	c.Records++
	for i, v := range g.sums {
		if g.known[i] {
			c.Cells[i].add(v)
		}
	}
}

func rowNorm(norms []monitor.Number, r Row) (norm float64, known bool) {
	if r.Last == r.First && r.First < len(norms) {
		return norms[r.First].Get()
	}
	for i := r.First; i <= min(r.Last, len(norms)-1); i++ {
		if v, ok := norms[i].Get(); ok {
			norm, known = math.Hypot(norm, v), true
		}
	}
	return norm, known
}

// column is the one that the next record belongs to.
func (g *Grid) column(step int64) *Column {
	if k := len(g.columns); k > 0 && g.columns[k-1].Records < g.records {
		return &g.columns[k-1]
	}
	if len(g.columns) == gridColumns {
		for i := range gridColumns / 2 {
			into, from := &g.columns[2*i], &g.columns[2*i+1]
			into.Last, into.Records = from.Last, into.Records+from.Records
			for j := range into.Cells {
				into.Cells[j].Merge(&from.Cells[j])
			}
			g.columns[i], g.columns[2*i] = g.columns[2*i], g.columns[i] // keeps each column's memory
		}
		g.columns = g.columns[:gridColumns/2]
		g.records *= 2
	}
	k := len(g.columns)
	if k < cap(g.columns) && g.columns[:k+1][k].Cells != nil {
		g.columns = g.columns[:k+1]
		clear(g.columns[k].Cells)
		g.columns[k] = Column{First: step, Cells: g.columns[k].Cells}
	} else {
		g.columns = append(g.columns, Column{First: step, Cells: make([]Cell, len(g.Rows))})
	}
	return &g.columns[k]
}

func (c *Cell) add(v float64) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		c.Bad++
	case v > 0:
		c.Merge(&Cell{Positive: 1, Max: float32(math.Log10(v)), Mean: float32(math.Log10(v))})
	default:
		c.Zero++
	}
}

// Merge adds another stretch of time.
func (c *Cell) Merge(o *Cell) {
	if o.Positive > 0 {
		if c.Positive == 0 || o.Max > c.Max {
			c.Max = o.Max
		}
		c.Mean = float32(mix(float64(c.Mean), int64(c.Positive), float64(o.Mean), int64(o.Positive)))
	}
	c.Positive += o.Positive
	c.Zero += o.Zero
	c.Bad += o.Bad
}
