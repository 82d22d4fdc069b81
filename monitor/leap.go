package monitor

import "math"

const (
	// leapMemory and leapBlock say how long the highest leaps are remembered:
	// that many blocks of that many records.
	leapMemory = 32
	leapBlock  = 64
	// leapClimb is the share of the leap that the loss before may have made.
	leapClimb = 0.25
	// leapFloorLevel and leapFloorProgress are the least deviation, as shares
	// of the level and of the progress made: what leaps by so many deviations leaps by at
	// least so many times as much.
	leapFloorLevel    = 0.05
	leapFloorProgress = 0.005
)

// leap is how far the loss lies above its recent median, and in deviations of those that
// lay above it.
func (c *Course) leap() (leap, deviations float64) {
	r := &c.before
	leap = max(c.loss-r.median, 0)
	spread := max(r.spread, leapFloorLevel*math.Abs(r.median), leapFloorProgress*c.Progress())
	if spread > 0 { // else every loss so far was 0, and there is no scale
		deviations = min(leap/spread, largest)
	}
	return leap, deviations
}

// climbs says whether the loss before made a part of the leap.
func (c *Course) climbs(leap float64) bool { return c.before.last-c.before.median > leapClimb*leap }

// leaps remembers the highest of the last leaps.
type leaps struct {
	Count  uint64              `json:"count"`
	Blocks [leapMemory]float64 `json:"blocks"` // the highest of each
}

// next counts one more and returns the block that it belongs to.
func (l *leaps) next() *float64 {
	slot := &l.Blocks[l.Count/leapBlock%leapMemory]
	if l.Count%leapBlock == 0 {
		*slot = 0
	}
	l.Count++
	return slot
}

func (l *leaps) highest() float64 {
	var highest float64
	for _, leap := range l.Blocks {
		highest = max(highest, leap)
	}
	return highest
}
