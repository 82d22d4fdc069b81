// Package torch is the only room of gtg with C++: it measures and changes
// gradients, and stands at gotch's C boundary.
//
// All of gotch's stepping methods end in three C functions: at_backward,
// ato_step and ato_zero_grad. The linker's --wrap option sends every call to
// them through this package (interpose.cpp), so an unchanged training loop is
// seen at the two moments that matter: while the loss's graph is alive, and
// when all gradients are there but the optimizer has not used them yet.
//
// No gotch tensor operation is used: each costs 100 kB of Go heap and a global
// lock. Nothing here touches gotch's thread-local error. Every C++ exception is
// caught and returned as an error.
package torch

// The libtorch that this is built against is not named here: "gtg setup" finds
// it and writes zlibtorch.go with its include and library paths.

// #cgo CXXFLAGS: -std=c++17 -O3 -g0 -Wall -Wno-unknown-pragmas -Wno-sign-compare
// #cgo LDFLAGS: -lstdc++
// #cgo linux CXXFLAGS: -fopenmp
// #cgo linux LDFLAGS: -fopenmp
// #include "gtg.h"
import "C"
