package corpus

import "github.com/seed-140d0f39/gtg/monitor"

// A Class is what was done to a run.
type Class string

// The classes.
const (
	Healthy        Class = "healthy"
	Vanishing      Class = "vanishing"       // saturating activations or too small an initialisation, through depth or time
	Exploding      Class = "exploding"       // too large an initialisation, through depth or time
	Dying          Class = "dying"           // rectifiers that no input activates any more
	Oscillating    Class = "oscillating"     // a step that jumps from one wall of the valley to the other
	TooSlow        Class = "too_slow"        // a learning rate orders of magnitude too small
	Diverging      Class = "diverging"       // a learning rate orders of magnitude too large
	Cliffs         Class = "cliffs"          // a recurrence or a product of weights, without clipping
	Poisoned       Class = "poisoned"        // one bad batch, and recovery
	NonFinite      Class = "nonfinite"       // a NaN or an infinity in a batch or in the loss
	IllConditioned Class = "ill_conditioned" // inputs or parameters of very different scales
	Saddle         Class = "saddle"          // a symmetric initialisation
	Escape         Class = "escape"          // a plateau that the run leaves by itself
	Frozen         Class = "frozen"          // a validation that freezes parameters and does not thaw them
	SignError      Class = "sign_error"      // the loss is climbed
)

// Classes lists all classes, the healthy one first.
func Classes() []Class {
	return []Class{Healthy, Vanishing, Exploding, Dying, Oscillating, TooSlow, Diverging, Cliffs, Poisoned,
		NonFinite, IllConditioned, Saddle, Escape, Frozen, SignError}
}

// kinds says which kinds of events name a class rightly.
var kinds = map[Class][]monitor.Kind{
	Vanishing: {monitor.Vanishing},
	Exploding: {monitor.Exploding, monitor.NonFinite},
	Dying:     {monitor.Dead},
	// The step is too long for the curvature: both kinds say just that. Where the walls
	// are steep the loss climbs away first.
	Oscillating: {monitor.Oscillating, monitor.IllConditioned, monitor.Diverging},
	TooSlow:     {monitor.Stagnating, monitor.Plateau},
	// A loss that climbs away takes the gradients with it, until they overflow. Where units
	// that saturate bound it, it swings far above where it began.
	Diverging:      {monitor.Diverging, monitor.Exploding, monitor.NonFinite, monitor.Oscillating},
	Cliffs:         {monitor.Cliff},
	Poisoned:       {monitor.Cliff, monitor.LossSpike},
	NonFinite:      {monitor.NonFinite},
	IllConditioned: {monitor.IllConditioned, monitor.Oscillating, monitor.Stagnating},
	Saddle:         {monitor.Plateau, monitor.Stagnating, monitor.CriticalPoint},
	// Most such plateaus come of too small an initialisation.
	Escape:    {monitor.Plateau, monitor.Stagnating, monitor.Vanishing},
	Frozen:    {monitor.Frozen},
	SignError: {monitor.Diverging, monitor.Exploding, monitor.NonFinite},
}

// Kinds are the kinds of events that name the class rightly; none for Healthy.
func (c Class) Kinds() []monitor.Kind { return kinds[c] }
