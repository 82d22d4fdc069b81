// Vectors in the space of the parameters, on their devices. Nothing here writes a
// .grad, steps a parameter or draws from libtorch's generators.
#include "vector.h"
#include "elements.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <unordered_set>

namespace gtg {
namespace {

std::atomic<int64_t> alive{0};

bool says(const char *message, std::initializer_list<const char *> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const char *p) { return strstr(message, p) != nullptr; });
}

} // namespace

Counted::Counted() { alive++; }
Counted::~Counted() { alive--; }

// libtorch has one type for nearly every exception: its words tell what it was.
int code_of(const std::exception &e) {
  if (const auto f = dynamic_cast<const Failure *>(&e)) return f->code;
  if (dynamic_cast<const Refused *>(&e)) return GTG_REFUSED;
  if (dynamic_cast<const std::bad_alloc *>(&e)) return GTG_NO_MEMORY;
  const char *what = e.what();
  if (says(what, {"can't allocate memory", "out of memory", "ALLOC_FAILED"})) return GTG_NO_MEMORY;
  if (says(what, {"second time", "modified by an inplace operation"})) return GTG_FREED;
  if (says(what, {"derivative for", "ouble backward", "not differentiable", "differentiable twice"})) return GTG_NO_DOUBLE_BACKWARD;
  return -1;
}

std::unique_ptr<Vector> vector_over(const Params &params) {
  auto v = std::make_unique<Vector>();
  std::unordered_set<const void *> seen;
  for (const auto *p : params) {
    const size_t i = v->parts.size();
    if (!p->defined()) throw Refused(text("parameter ", i, " of ", params.size(), " is an undefined tensor"));
    if (p->is_complex() && p->requires_grad()) throw Refused(text("parameter ", i, " of ", params.size(), " is complex: only real ones have a Hessian"));
    v->parts.emplace_back(*p);
    v->parts.back().there = p->requires_grad() && seen.insert(p->unsafeGetTensorImpl()).second;
  }
  return v;
}

void check(const Vector &a, const Vector &b) {
  if (a.parts.size() != b.parts.size()) {
    throw Refused(text("a vector of ", a.parts.size(), " parameters with one of ", b.parts.size()));
  }
  for (size_t i = 0; i < a.parts.size(); i++) {
    const auto &x = a.parts[i], &y = b.parts[i];
    if (x.identity != y.identity || x.sizes != y.sizes || x.options.dtype() != y.options.dtype() || x.options.device() != y.options.device()) {
      throw Refused(text("two vectors of different parameters: they differ at index ", i, " of ", a.parts.size()));
    }
  }
}

Vector &writable(void *v) {
  auto &out = vector_of(v);
  if (out.fixed) throw Refused("a graph's gradient is not to be changed: copy it first");
  return out;
}

namespace {

// Calls f with the index of each part that is there, the part and its parameter.
template <class F> void each_part(Vector &v, const Params &params, F f) {
  if (params.size() != v.parts.size()) {
    throw Refused(text("a vector of ", v.parts.size(), " parameters, but there are ", params.size()));
  }
  for (size_t i = 0; i < params.size(); i++) {
    auto &part = v.parts[i];
    const auto &p = *params[i];
    if (!p.defined() || p.unsafeGetTensorImpl() != part.identity || p.sizes() != part.sizes || p.dtype() != part.options.dtype() || p.device() != part.options.device()) {
      throw Refused(text("parameter ", i, " is not the one that the vector was made for"));
    }
    if (part.there) f(i, part, p);
  }
}

void assign(Part &part, const at::Tensor &from) {
  if (!from.defined()) {
    part.value.reset();
    return;
  }
  if (from.sizes() != part.sizes) throw Refused(text("a tensor of shape ", from.sizes(), " for a parameter of shape ", at::IntArrayRef(part.sizes)));
  if (!part.value.defined()) part.value = at::empty(part.sizes, part.options);
  part.value.copy_(from.layout() == at::kStrided ? from : from.to_dense());
}

Part &part_at(Vector &v, int64_t index, int64_t numel) {
  if (index < 0 || index >= int64_t(v.parts.size())) throw Refused(text("part ", index, " of a vector of ", v.parts.size(), " parameters"));
  auto &part = v.parts[index];
  if (numel != part.numel) throw Refused(text(numel, " elements for a parameter of ", part.numel));
  return part;
}

// ---- inner products ----------------------------------------------------------

constexpr int kLanes = 8;
// Elements in a chunk. Where a tensor is cut depends on its size alone, and with
// it the order of the sum.
constexpr int64_t kChunk = 1 << 14;

template <class T> GTG_INLINE double dot(const typename T::Bits *x, const typename T::Bits *y, int64_t n) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; l++) lanes[l] += T::value(x[i + l]) * T::value(y[i + l]);
  }
  for (int l = 0; i < n; i++, l++) lanes[l] += T::value(x[i]) * T::value(y[i]);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

GTG_CLONES double dot_f32(const uint32_t *x, const uint32_t *y, int64_t n) { return dot<F32>(x, y, n); }
GTG_CLONES double dot_f64(const uint64_t *x, const uint64_t *y, int64_t n) { return dot<F64>(x, y, n); }

// The type that the kernels know, -1 for others.
int kernel_type(const at::TensorOptions &options) {
  switch (c10::typeMetaToScalarType(options.dtype())) {
  case at::kFloat: return GTG_F32;
  case at::kDouble: return GTG_F64;
  case at::kHalf: return GTG_F16;
  case at::kBFloat16: return GTG_BF16;
  default: return -1;
  }
}

struct Chunk {
  const void *x, *y;
  int64_t n;
  int type;
  size_t part;

  double dot() const {
    switch (type) {
    case GTG_F32: return dot_f32(static_cast<const uint32_t *>(x), static_cast<const uint32_t *>(y), n);
    case GTG_F64: return dot_f64(static_cast<const uint64_t *>(x), static_cast<const uint64_t *>(y), n);
    case GTG_F16: return gtg::dot<F16>(static_cast<const uint16_t *>(x), static_cast<const uint16_t *>(y), n);
    default: return gtg::dot<BF16>(static_cast<const uint16_t *>(x), static_cast<const uint16_t *>(y), n);
    }
  }
};

void cut(const Part &a, const Part &b, size_t part, int type, std::vector<Chunk> &chunks) {
  const int64_t size = a.value.element_size();
  const auto x = static_cast<const char *>(a.value.data_ptr()), y = static_cast<const char *>(b.value.data_ptr());
  for (int64_t i = 0; i < a.numel; i += kChunk) {
    chunks.push_back({x + i * size, y + i * size, std::min(kChunk, a.numel - i), type, part});
  }
}

// ---- random numbers ------------------------------------------------------------

// SplitMix64 (Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number
// Generators"): the n-th number of a stream needs none of those before it, so the
// numbers are the same on any number of threads.
struct Stream {
  uint64_t seed;
  uint64_t at(uint64_t n) const {
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // Between 0 and 1, neither of them.
  double uniform(uint64_t n) const { return (double(at(n) >> 12) + 0.5) * 0x1p-52; }
  // Box and Muller 1958.
  double normal(uint64_t n) const {
    return std::sqrt(-2 * std::log(uniform(2 * n))) * std::cos(6.283185307179586477 * uniform(2 * n + 1));
  }
  double sign(uint64_t n) const { return at(n) >> 63 ? 1 : -1; }
};

void randomize(Part &part, int distribution, uint64_t seed) {
  const int type = kernel_type(part.options);
  const at::Tensor host = at::empty(part.sizes, at::TensorOptions().dtype(type < 0 ? c10::scalarTypeToTypeMeta(at::kDouble) : part.options.dtype()));
  const Stream stream{Stream{seed}.at(0)}; // seeds that follow one another have streams that do not
  void *data = host.data_ptr();
  at::parallel_for(0, part.numel, 1 << 12, [&](int64_t begin, int64_t end) {
    with_type(type < 0 ? GTG_F64 : type, [&](auto t) {
      using T = decltype(t);
      auto x = static_cast<typename T::Bits *>(data);
      for (int64_t i = begin; i < end; i++) x[i] = T::nearest(distribution == GTG_NORMAL ? stream.normal(i) : stream.sign(i));
    });
  });
  part.value = host.to(part.options.device(), c10::typeMetaToScalarType(part.options.dtype()));
}

} // namespace
} // namespace gtg

using namespace gtg;

extern "C" {

int64_t gtg_curvature_alive(void) { return alive.load(); }

int gtg_vector_new(GTG_GRADS, void **out, char *error) {
  return attempt(error, [&] { *out = vector_over(listed(optimizer, tensors, n)).release(); });
}

int gtg_vector_like(void *vector, void **out, char *error) {
  return attempt(error, [&] {
    auto v = std::make_unique<Vector>();
    v->parts = vector_of(vector).parts;
    for (auto &part : v->parts) part.value.reset();
    *out = v.release();
  });
}

void gtg_vector_free(void *vector) { delete static_cast<Vector *>(vector); }

int64_t gtg_vector_len(void *vector) { return int64_t(vector_of(vector).parts.size()); }

int64_t gtg_vector_dim(void *vector) {
  int64_t dim = 0;
  for (const auto &part : vector_of(vector).parts) dim += part.there ? part.numel : 0;
  return dim;
}

int64_t gtg_vector_numel(void *vector, int64_t index) {
  const auto &parts = vector_of(vector).parts;
  return index >= 0 && index < int64_t(parts.size()) ? parts[index].numel : 0;
}

int gtg_vector_has(void *vector, int64_t index) {
  const auto &parts = vector_of(vector).parts;
  return index >= 0 && index < int64_t(parts.size()) && parts[index].there;
}

int gtg_vector_values(void *vector, GTG_GRADS, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    each_part(writable(vector), listed(optimizer, tensors, n), [](size_t, Part &part, const at::Tensor &p) { assign(part, p); });
  });
}

int gtg_vector_since(void *vector, GTG_GRADS, void *before, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &v = writable(vector), &b = vector_of(before);
    check(v, b);
    each_part(v, listed(optimizer, tensors, n), [&](size_t i, Part &part, const at::Tensor &p) {
      const auto &old = b.parts[i].value;
      // Without a value from before there is nothing to compare with.
      part.value = old.defined() ? p.sub(old).contiguous() : at::Tensor();
    });
  });
}

int gtg_vector_grad(void *vector, GTG_GRADS, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    each_part(writable(vector), listed(optimizer, tensors, n), [](size_t, Part &part, const at::Tensor &p) { assign(part, gtg::grad_of(p)); });
  });
}

int gtg_vector_set(void *vector, void *const *tensors, int64_t n, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &v = writable(vector);
    if (n != int64_t(v.parts.size())) throw Refused(text(n, " tensors for a vector of ", v.parts.size(), " parameters"));
    for (int64_t i = 0; i < n; i++) {
      if (v.parts[i].there) assign(v.parts[i], tensors[i] ? *static_cast<at::Tensor *>(tensors[i]) : at::Tensor());
    }
  });
}

int gtg_vector_get(void *vector, int64_t index, double *out, int64_t numel, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    const auto &part = part_at(vector_of(vector), index, numel);
    std::fill(out, out + numel, 0);
    if (!part.value.defined() || numel == 0) return;
    const auto x = part.value.to(at::kCPU, at::kDouble);
    memcpy(out, x.data_ptr(), size_t(numel) * sizeof *out);
  });
}

int gtg_vector_copy(void *vector, void *from, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &v = writable(vector), &x = vector_of(from);
    check(v, x);
    if (&v == &x) return;
    for (size_t i = 0; i < v.parts.size(); i++) {
      if (v.parts[i].there) assign(v.parts[i], x.parts[i].value);
    }
  });
}

int gtg_vector_scale(void *vector, double factor, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    for (auto &part : writable(vector).parts) {
      if (part.value.defined()) part.value.mul_(factor);
    }
  });
}

int gtg_vector_axpy(void *vector, double factor, void *x, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &v = writable(vector), &added = vector_of(x);
    check(v, added);
    for (size_t i = 0; i < v.parts.size(); i++) {
      auto &part = v.parts[i];
      const auto &value = added.parts[i].value;
      if (!part.there || !value.defined()) continue;
      if (!part.value.defined()) part.value = at::zeros(part.sizes, part.options);
      part.value.add_(value, factor);
    }
  });
}

int gtg_vector_dot(void *x, void *y, int portable, double *each, int64_t n, double *total, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    const auto &a = vector_of(x), &b = vector_of(y);
    check(a, b);
    if (each != nullptr && n != int64_t(a.parts.size())) throw Refused(text("room for ", n, " of ", a.parts.size(), " inner products"));
    std::vector<double> sums(a.parts.size());
    std::vector<Chunk> chunks;
    std::vector<std::pair<size_t, at::Tensor>> there; // on their devices
    for (size_t i = 0; i < sums.size(); i++) {
      const auto &p = a.parts[i], &q = b.parts[i];
      if (!p.value.defined() || !q.value.defined()) continue;
      const int type = kernel_type(p.options);
      if (portable || type < 0 || !p.value.is_cpu()) {
        there.emplace_back(i, p.value.to(at::kDouble).mul(q.value.to(at::kDouble)).sum());
      } else {
        cut(p, q, i, type, chunks);
      }
    }
    std::vector<double> partial(chunks.size());
    at::parallel_for(0, int64_t(chunks.size()), 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) partial[i] = chunks[i].dot();
    });
    for (size_t i = 0; i < chunks.size(); i++) sums[chunks[i].part] += partial[i];
    for (const auto &t : there) sums[t.first] = t.second.item<double>();
    *total = 0;
    for (double s : sums) *total += s;
    if (each != nullptr) std::copy(sums.begin(), sums.end(), each);
  });
}

int gtg_vector_random(void *vector, int distribution, const uint64_t *seeds, int64_t n, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &v = writable(vector);
    if (n != int64_t(v.parts.size())) throw Refused(text(n, " seeds for a vector of ", v.parts.size(), " parameters"));
    for (int64_t i = 0; i < n; i++) {
      if (v.parts[i].there) randomize(v.parts[i], distribution, seeds[i]);
    }
  });
}

int gtg_vector_put(void *vector, int64_t index, const double *from, int64_t numel, char *error) {
  return attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &part = part_at(writable(vector), index, numel);
    if (!part.there) return;
    const auto host = at::empty(part.sizes, at::kDouble);
    if (numel > 0) memcpy(host.data_ptr(), from, size_t(numel) * sizeof *from);
    assign(part, host);
  });
}

} // extern "C"
