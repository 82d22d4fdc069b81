package programs

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed-140d0f39/gtg/internal/detect/corpus"
)

// A Program is a training program: a task, a network and how it is trained.
type Program struct {
	Name string
	// HeldOut: thresholds may not be set with it.
	HeldOut bool
	// Revision changes with what the recipes do not tell.
	Revision int
	// Plain is the recipe of the plain healthy case, the others are variations.
	Plain Recipe
	// Chance is the metric of what knows nothing, Solved what a plain run has to
	// reach for the other runs of its seed to be judged by it.
	Chance, Solved float64
	Cases          []Case

	build func(*builder) (*task, error)
}

// A Case is a variation of a program, with a known cause.
type Case struct {
	Name  string
	Class corpus.Class
	// Hard: healthy, of a sort that fools published rules.
	Hard bool
	// Least is what part of the way from chance to the reference a healthy run
	// has to go, Most what part a faulty one may.
	Least, Most float64

	change func(*Recipe)
}

// Plain is the name of every program's first case, the reference.
const Plain = "healthy"

// All returns the programs.
func All() []*Program {
	all := []*Program{
		blob(), circle(), digitsMLP(), digitsConv(), sine(), friedman(), charLSTM(), latch(), autoencoder(), words(),
		bandit(), factors(), spirals(), recall(), adding(), quantile(), mixture(), contrast(), pendulum(), counts(), series(), graphs(), clicks(), ranking(),
		variational(), experts(), sets(), survival(), tagging(), denoising(),
		flow(), segmentation(), reversal(), multitask(),
		completion(), keyword(), causalAttention(), mixedTabular(),
		multilabel(), dilated(),
		upscaling(), distillation(),
		patchesMixer(), valueTargets(),
		textConv(), keypoints(),
		imitation(), verification(),
		forecastTransformer(), implicitField(),
		waveformDenoise(), molecules(), wideDeep(),
		heteroscedastic(), deepOperator(),
		decisionForest(), gatedConvText(),
		ordinalGrades(), textureExcitation(),
		skipGram(), gridCritic(),
		dualEncoder(), stateSpace(),
		counter(), inverseArm(),
		zeroInflated(), interactionMachine(),
		highwayTabular(), eventTimes(),
		gridDetector(), tripleScoring(),
		prototypes(), unrolledShrinkage(),
		pointerSorting(), neuralProcess(),
		bagInstances(), sensorFusion(),
		maxoutFrames(), cartpoleDynamics(),
		maskedGrammar(), treeCells(),
		denseBlocks(), scoreMatching(),
		particleSprings(), sessionItems(),
		hyperRegression(), neuralODE(),
		activitySeries(), poseClouds(),
		radialUnits(), storyMemory(),
		crossFeatures(), residualForecast(),
		relationScenes(), separableConv(),
		linkAutoencoder(), warpedFigures(),
		fourierOperator(), additiveEffects(),
		strokeLabels(), splineEdges(),
		pixelAutoregression(), fuzzyRules(),
		sinkhornSorting(), redundancyReduction(),
		vectorQuantised(), wienerHammerstein(),
		treeSoftmax(), boundaryCollocation(),
	}
	for _, p := range all {
		p.Cases = append(common(), p.Cases...)
		for i := range p.Cases {
			c := &p.Cases[i]
			if c.Least == 0 {
				c.Least = 0.85
			}
			if c.Most == 0 {
				c.Most = 0.6
			}
		}
	}
	return all
}

// Find returns the program and the case of the names.
func Find(program, name string) (*Program, *Case, error) {
	for _, p := range All() {
		if p.Name != program {
			continue
		}
		for i := range p.Cases {
			if p.Cases[i].Name == name {
				return p, &p.Cases[i], nil
			}
		}
		return nil, nil, fmt.Errorf("program %s has no case %q", program, name)
	}
	return nil, nil, fmt.Errorf("there is no program %q", program)
}

// Recipe is the program's recipe as the case varies it.
func (p *Program) Recipe(c *Case) Recipe {
	r := p.Plain
	if c.change != nil {
		c.change(&r)
	}
	return r
}

// A builder is what a program's task is made from.
type builder struct {
	*Recipe
	*network
	data *rand.Rand // draws the examples
}
