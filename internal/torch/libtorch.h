// What the C++ files that need libtorch share.
#ifndef GTG_LIBTORCH_H
#define GTG_LIBTORCH_H

#include <ATen/core/Tensor.h>

#include <cstring>
#include <stdexcept>
#include <vector>

#include "gtg.h"

namespace gtg {

inline void say(char *error, const char *what) {
  if (error == nullptr) return;
  // libtorch's messages go on with a stack of frames: the first line says it.
  size_t n = strcspn(what, "\n");
  if (n >= GTG_ERROR_SIZE) n = GTG_ERROR_SIZE - 1;
  memcpy(error, what, n);
  error[n] = 0;
}

// What a caller asked for that makes no sense.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Runs f and turns whatever it throws into an error message: GTG_REFUSED, or -1
// when it is libtorch's.
template <class F> int guarded(char *error, F f) {
  try {
    f();
    return 0;
  } catch (const Refused &e) {
    say(error, e.what());
    return GTG_REFUSED;
  } catch (const std::exception &e) {
    say(error, e.what());
  } catch (...) {
    say(error, "an unknown C++ exception");
  }
  return -1;
}

using Params = std::vector<const at::Tensor *>;

// Lists the parameters of an optimizer or, where that is NULL, n tensors.
void parameters(void *optimizer, void *const *tensors, int64_t n, Params &out);

// The gradient of a tensor, undefined when there is none. Without the look at
// the graph, and the warning, of Tensor::grad.
inline const at::Tensor &grad_of(const at::Tensor &t) { return t.unsafeGetTensorImpl()->grad(); }

// Measures many tensors in one go. What it allocates is kept for the next time.
class Measurer {
public:
  // Measures each tensor, or its gradient, into its entry of out, and adds loss,
  // which may be undefined, to *sum: what is on a device comes in one copy, with one
  // synchronisation. portable: all as on a device. The sketch is of all tensors,
  // unless it is NULL.
  void measure(const Params &params, bool gradients, gtg_stat *out, const at::Tensor &loss = at::Tensor(), double *sum = nullptr,
               bool portable = false, gtg_sketch *sketch = nullptr);

private:
  struct Large { // a tensor in CPU memory
    const void *data;
    int64_t n, implicit;
    int type;
    gtg_stat *out;
    int64_t place; // in the list
  };
  struct Chunk { // of one
    const void *data;
    int64_t n;
    int type;
    uint64_t key;
    int64_t block;
  };
  struct Pending { // a tensor that is measured on its device
    at::Tensor values;
    int64_t implicit;
    gtg_stat *out;
  };
  void add_dense(const at::Tensor &t, int64_t implicit, gtg_stat *out, bool portable, int64_t place);
  void measure_large(const gtg_sketch *sketch);
  void collect(const at::Tensor &loss, double *sum);

  std::vector<char> left; // those that are not small
  std::vector<Large> large;
  std::vector<Chunk> chunks;
  std::vector<gtg_sums> sums;
  std::vector<double> parts; // of the sketch, of GTG_SKETCH sums each
  std::vector<Pending> pending;
  std::vector<at::Tensor> kept; // copies that large points into
};

} // namespace gtg
#endif
