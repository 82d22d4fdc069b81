// Package setup makes gotch build on this machine: it finds libtorch, fits a
// copy of gotch to it and puts the copy in force with a go.work file.
//
// gotch 0.9.1 is generated for libtorch 2.1.0 with CUDA, and its module names
// those libraries and no others. Against another libtorch a few of its C++
// functions do not compile. [Run] copies the module out of the module cache
// (which it never changes), gives the copy this machine's include and library
// paths, and replaces the body of each function that does not compile by one
// that raises an error which says so. [Diagnose] checks the result.
//
// The package needs no cgo and no libtorch.
package setup

import "golang.org/x/mod/module"

// What is fitted, and what it was made for.
const (
	gotchPath    = "github.com/sugarme/gotch"
	gotchVersion = "v0.9.1"
	gotchTorch   = "2.1.0"
	gtgPath      = "github.com/seed-140d0f39/gtg"
)

var gotch = module.Version{Path: gotchPath, Version: gotchVersion}

// recipe is the version of the fitting itself. Raising it makes copies that an
// older gtg fitted out of date.
const recipe = 1
