// The one file that the compiler sees libtorch's headers through: reading them
// takes it ten times as long as all that is ours.
#if !__has_include(<torch/torch.h>)
#error "libtorch's headers were not found: run \"gtg setup\" in this module (in a checkout of gtg: make setup)"
#endif

#include "curvature.hpp"
#include "gradients.hpp"
#include "moved.hpp"
#include "snapshot.hpp"
#include "tensors.hpp"
#include "update.hpp"
#include "vectors.hpp"
