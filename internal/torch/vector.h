// Vectors in the space of the parameters, and the errors of what computes with them.
#ifndef GTG_VECTOR_H
#define GTG_VECTOR_H

#include "curvature.h"
#include "libtorch.h"

#include <memory>
#include <sstream>
#include <string>

namespace gtg {

// A failure that has a code of its own.
struct Failure : std::runtime_error {
  int code;
  Failure(int code, const std::string &what) : std::runtime_error(what), code(code) {}
};

// The code of whatever was thrown.
int code_of(const std::exception &e);

// guarded, with a code for each kind of failure.
template <class F> int attempt(char *error, F f) {
  int code = 0;
  const int failed = guarded(error, [&] {
    try {
      f();
    } catch (const std::exception &e) {
      code = code_of(e);
      throw;
    }
  });
  return code != 0 ? code : failed;
}

template <class... Args> std::string text(const Args &...args) {
  std::ostringstream s;
  (s << ... << args);
  return s.str();
}

// Counts what is not freed yet.
struct Counted {
  Counted();
  ~Counted();
  Counted(const Counted &) = delete;
  Counted &operator=(const Counted &) = delete;
};

// What a vector has for one parameter.
struct Part {
  const void *identity; // of the parameter
  bool there;           // is there a part for it?
  std::vector<int64_t> sizes;
  at::TensorOptions options; // dtype and device
  int64_t numel;
  at::Tensor value; // contiguous; undefined: 0

  explicit Part(const at::Tensor &p)
      : identity(p.unsafeGetTensorImpl()), there(false), sizes(p.sizes().vec()),
        options(at::TensorOptions().dtype(p.dtype()).device(p.device())), numel(p.numel()) {}
};

struct Vector : Counted {
  std::vector<Part> parts;
  bool fixed = false; // a graph's gradient shares its memory with the graph
};

inline Vector &vector_of(void *v) { return *static_cast<Vector *>(v); }

// One part for each parameter, there where it requires a gradient. A tensor that
// is listed twice has one part.
std::unique_ptr<Vector> vector_over(const Params &params);

// Throws unless both are vectors of the same parameters.
void check(const Vector &a, const Vector &b);

// The vector, if it may be changed.
Vector &writable(void *v);

inline Params listed(void *optimizer, void *const *tensors, int64_t n) {
  Params params;
  parameters(optimizer, tensors, n, params);
  return params;
}

} // namespace gtg
#endif
