// Measuring and changing gradients. CPU memory is read and written by the kernels
// of this package, all else by libtorch's operations.
#pragma once

#include "libtorch.h"
#include "parallel.h"
#include "sketch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>

namespace gtg {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// The type that the kernels know, -1 for others.
int kernel_type(const at::Tensor &t) {
  switch (t.scalar_type()) {
  case at::kFloat: return GTG_F32;
  case at::kDouble: return GTG_F64;
  case at::kHalf: return GTG_F16;
  case at::kBFloat16: return GTG_BF16;
  default: return -1;
  }
}

// Whether the kernels can work on the tensor's memory as it is. The order of
// elements in memory does not matter to them, as long as each is there once.
bool plain(const at::Tensor &t) {
  return t.layout() == at::kStrided && t.is_cpu() && kernel_type(t) >= 0 && !t.is_neg() && t.is_non_overlapping_and_dense();
}

// A tensor of at most so many elements is worked on by the thread that looks at
// it, a larger one in chunks by all.
constexpr int64_t kSmall = 1 << 13;
// A look at a tensor, however small it is, costs as much as so many bytes.
constexpr int64_t kLook = 1 << 12;

// To the gradient of a parameter lead three pointers, and to follow one that is
// not in the cache takes as long as to measure many elements: it is fetched while
// the gradients before it are worked on.
void fetch_after(const Params &params, int64_t i) {
  const int64_t n = int64_t(params.size());
  constexpr int64_t kAhead = 2;
  if (i + 2 * kAhead < n) __builtin_prefetch(reinterpret_cast<const char *>(params[i + 2 * kAhead]->unsafeGetTensorImpl()) + 32);
  if (i + kAhead < n) __builtin_prefetch(grad_of(*params[i + kAhead]).unsafeGetTensorImpl());
}

// So many successive tensors are looked at by one thread, which adds the small ones
// to one part of the sketch.
constexpr int64_t kGroup = 16;

// What is left of a tensor after the first look: nothing, all, or only to note the
// order of its elements.
enum { kDone, kLeft, kReordered };

// Calls f with where each chunk begins and how many elements it has, and returns
// the bytes of all.
template <class Pointer, class F> int64_t each_chunk(Pointer data, int64_t n, int type, F f) {
  const int64_t size = type == GTG_F64 ? 8 : type == GTG_F32 ? 4 : 2;
  using Byte = std::conditional_t<std::is_same<Pointer, void *>::value, char, const char>;
  for (int64_t i = 0; i < n; i += GTG_CHUNK) f(static_cast<Byte *>(data) + i * size, std::min<int64_t>(GTG_CHUNK, n - i));
  return n * size;
}

// ---- measuring ----------------------------------------------------------

// The elements of a gradient that are stored, as a dense real tensor; implicit
// is the number of those that are not stored because they are 0.
at::Tensor elements(const at::Tensor &g, int64_t *implicit) {
  *implicit = 0;
  at::Tensor t = g;
  if (t.layout() == at::kSparse) {
    // Uncoalesced entries of one index are summands, not elements.
    const int64_t all = t.numel();
    t = t.coalesce().values();
    *implicit = all - t.numel();
  } else if (t.layout() != at::kStrided) {
    t = t.to_dense();
  }
  t = t.resolve_neg();
  if (t.is_complex()) {
    *implicit *= 2;
    t = at::view_as_real(t.resolve_conj());
  }
  return t;
}

// Results of one tensor on its own device, in float64: norm, largest
// magnitude, zeros, non-finite elements. Nothing here waits for the device.
at::Tensor scan_portable(const at::Tensor &t) {
  const auto all = at::IntArrayRef{};
  auto norm = t.numel() == 0 ? at::zeros({}, t.options().dtype(at::kDouble))
                             : at::linalg_vector_norm(t, 2, c10::nullopt, false, at::kDouble);
  auto max = t.numel() == 0 ? at::zeros_like(norm)
                            : at::linalg_vector_norm(t, INFINITY, c10::nullopt, false, at::kDouble);
  auto zeros = t.eq(0).sum(all, false, at::kDouble);
  auto bad = at::isfinite(t).logical_not().sum(all, false, at::kDouble);
  return at::stack({norm, max, zeros, bad});
}

// The rare second look at a tensor that has non-finite elements or whose norm
// left float64's range.
void classify_portable(const at::Tensor &t, gtg_stat *out) {
  const auto d = t.to(at::kDouble);
  if (out->nonfinite) {
    out->nan = d.isnan().sum().item<int64_t>();
    out->pos_inf = d.isposinf().sum().item<int64_t>();
    out->neg_inf = d.isneginf().sum().item<int64_t>();
    out->max = at::where(at::isfinite(d), d.abs(), at::zeros_like(d)).max().item<double>();
    out->norm = out->nan ? kNaN : kInfinity;
  } else if (out->max > 0) {
    out->norm = out->max * (d / out->max).square().sum().sqrt().item<double>();
  }
}

// Says in which order a tensor's elements are in memory, where that is not the order
// of their indices: only sketches of one order can be compared.
uint64_t layout_of(const at::Tensor &t, int64_t place) {
  if (t.is_contiguous()) return 0;
  uint64_t hash = uint64_t(place);
  for (int64_t d = 0; d < t.dim(); d++) {
    if (t.size(d) > 1) hash = sketch_key(hash + uint64_t(d), t.stride(d));
  }
  return hash;
}

// Adds up the parts of a sketch in their order, and says whether all is finite.
bool total(const std::vector<double> &parts, double *sums) {
  std::fill_n(sums, kBuckets, 0);
  for (size_t part = 0; part < parts.size(); part += kBuckets) {
    for (int i = 0; i < kBuckets; i++) sums[i] += parts[part + i];
  }
  return std::all_of(sums, sums + kBuckets, [](double x) { return std::isfinite(x); });
}

} // namespace

void Measurer::measure(const Params &params, bool gradients, gtg_stat *out, const at::Tensor &loss, double *sum, bool portable,
                       gtg_sketch *sketch) {
  const auto tensor = [&](int64_t i) -> const at::Tensor & { return gradients ? grad_of(*params[i]) : *params[i]; };
  const int64_t n = int64_t(params.size()), groups = (n + kGroup - 1) / kGroup;
  left.resize(n);
  parts.resize(sketch ? groups * kBuckets : 0);
  each(groups, n * kLook, [&](int64_t group) {
    gtg_buckets buckets;
    if (sketch) buckets = gtg_buckets{};
    for (int64_t i = group * kGroup; i < std::min(n, (group + 1) * kGroup); i++) {
      fetch_after(params, i);
      const at::Tensor &t = tensor(i);
      left[i] = kDone;
      if (!t.defined()) {
        out[i] = gtg_stat{};
      } else if (t.numel() > kSmall || portable || !plain(t)) {
        left[i] = kLeft;
      } else {
        gtg_sums s;
        const int type = kernel_type(t);
        if (sketch) {
          const gtg_sketching into{&buckets, sketch_key(sketch->seed, i), 0};
          gtg_scan(t.data_ptr(), t.numel(), type, &s, &into);
          if (!t.is_contiguous()) left[i] = kReordered;
        } else {
          gtg_scan(t.data_ptr(), t.numel(), type, &s, nullptr);
        }
        gtg_scan_end(t.data_ptr(), t.numel(), type, &s, 1, &out[i]);
      }
    }
    if (sketch) sketched(buckets, &parts[group * kBuckets]);
  });
  large.clear();
  pending.clear();
  kept.clear();
  uint64_t layout = 0;
  bool known = true;
  for (int64_t i = 0; i < n; i++) {
    if (left[i] == kDone) continue;
    const at::Tensor &t = tensor(i);
    if (sketch && plain(t)) layout ^= layout_of(t, i);
    if (left[i] == kReordered) continue;
    known = known && t.layout() == at::kStrided;
    int64_t implicit = 0;
    if (plain(t)) {
      add_dense(t, 0, &out[i], portable, i);
    } else {
      kept.push_back(elements(t, &implicit));
      add_dense(kept.back(), implicit, &out[i], portable, i);
    }
  }
  known = known && pending.empty();
  measure_large(sketch);
  collect(loss, sum);
  if (sketch) {
    sketch->layout = layout;
    sketch->known = known && std::all_of(out, out + n, [](const gtg_stat &s) { return s.nonfinite == 0; }) && total(parts, sketch->sums);
  }
  pending.clear();
  kept.clear();
}

void Measurer::add_dense(const at::Tensor &t, int64_t implicit, gtg_stat *out, bool portable, int64_t place) {
  const int type = kernel_type(t);
  if (portable || type < 0 || !t.is_cpu()) {
    pending.push_back({type < 0 ? t.to(at::kDouble) : t, implicit, out});
  } else if (plain(t)) {
    large.push_back({t.data_ptr(), t.numel(), implicit, type, out, place});
  } else {
    const auto copy = t.contiguous();
    kept.push_back(copy);
    large.push_back({copy.data_ptr(), copy.numel(), implicit, type, out, place});
  }
}

void Measurer::measure_large(const gtg_sketch *sketch) {
  chunks.clear();
  int64_t bytes = 0;
  for (const auto &t : large) {
    const uint64_t key = sketch ? sketch_key(sketch->seed, t.place) : 0;
    int64_t block = 0;
    bytes += each_chunk(t.data, t.n, t.type, [&](const void *data, int64_t n) {
      chunks.push_back({data, n, t.type, key, block});
      block += GTG_CHUNK / kBuckets;
    });
  }
  sums.resize(chunks.size());
  const size_t small = parts.size();
  parts.resize(small + (sketch ? chunks.size() * kBuckets : 0));
  each(int64_t(chunks.size()), bytes, [&](int64_t i) {
    const auto &c = chunks[i];
    if (!sketch) return gtg_scan(c.data, c.n, c.type, &sums[i], nullptr);
    gtg_buckets buckets{};
    const gtg_sketching into{&buckets, c.key, c.block};
    gtg_scan(c.data, c.n, c.type, &sums[i], &into);
    sketched(buckets, &parts[small + i * kBuckets]);
  });
  const gtg_sums *s = sums.data();
  for (const auto &t : large) {
    const int64_t count = (t.n + GTG_CHUNK - 1) / GTG_CHUNK;
    gtg_scan_end(t.data, t.n, t.type, s, count, t.out);
    s += count;
    t.out->numel += t.implicit;
    t.out->zeros += t.implicit;
  }
}

void Measurer::collect(const at::Tensor &loss, double *sum) {
  std::vector<at::Device> devices;
  const auto note = [&](const at::Device &d) {
    if (std::find(devices.begin(), devices.end(), d) == devices.end()) devices.push_back(d);
  };
  for (const auto &p : pending) note(p.values.device());
  if (loss.defined()) note(loss.device());
  for (const auto &device : devices) {
    std::vector<at::Tensor> parts;
    for (const auto &p : pending) {
      if (p.values.device() == device) parts.push_back(scan_portable(p.values));
    }
    const bool with_loss = loss.defined() && loss.device() == device;
    if (with_loss) parts.push_back(loss.reshape({1}).to(at::kDouble));
    const auto host = at::cat(parts).to(at::kCPU).contiguous();
    const double *x = host.data_ptr<double>();
    for (const auto &p : pending) {
      if (p.values.device() != device) continue;
      p.out->numel = p.values.numel() + p.implicit;
      p.out->defined = 1;
      p.out->norm = x[0];
      p.out->max = x[1];
      p.out->zeros = int64_t(x[2]) + p.implicit;
      p.out->nonfinite = int64_t(x[3]);
      x += 4;
      if (p.out->nonfinite || (p.out->max > 0 && !(p.out->norm > 1e-145 && std::isfinite(p.out->norm)))) {
        classify_portable(p.values, p.out);
      }
    }
    if (with_loss) *sum += x[0];
  }
}

namespace {

// The sum of (|x| / scale)^p over all elements.
double power_sum(const at::Tensor &given, double p, double scale) {
  int64_t implicit = 0;
  auto t = plain(given) ? given : elements(given, &implicit);
  const int type = kernel_type(t);
  if (type < 0 || !t.is_cpu()) return (t.to(at::kDouble) / scale).abs().pow(p).sum().item<double>();
  if (!plain(t)) t = t.contiguous();
  std::vector<std::pair<const void *, int64_t>> chunks;
  const int64_t bytes = each_chunk(t.data_ptr(), t.numel(), type, [&](const void *data, int64_t n) { chunks.emplace_back(data, n); });
  std::vector<double> sums(chunks.size());
  each(int64_t(chunks.size()), bytes, [&](int64_t i) { sums[i] = gtg_power_sum(chunks[i].first, chunks[i].second, type, p, scale); });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double p_norm(const at::Tensor &t, const gtg_stat &s, double p) {
  if (!s.defined) return -1;
  if (s.nonfinite || p == 2) return s.norm;
  if (std::isinf(p) || s.max == 0) return s.max;
  // In units of the largest element no power leaves float64's range.
  return s.max * std::pow(power_sum(t, p, s.max), 1 / p);
}

// ---- changing -----------------------------------------------------------

// The stored elements of a gradient in place, as a strided real tensor. Those of
// an uncoalesced sparse gradient are summands.
at::Tensor stored(const at::Tensor &g) {
  at::Tensor t = g;
  if (t.layout() == at::kSparse) {
    t = t._values();
  } else if (t.layout() != at::kStrided) {
    t = t.values();
  }
  if (t.is_complex()) t = at::view_as_real(t.is_conj() ? t.conj() : t);
  return t;
}

// What the kernels know.
bool known(const at::Tensor &t) { return t.is_cpu() && kernel_type(t) >= 0; }

// The product is taken with more digits than the gradient has, and rounded once.
at::Tensor product(const at::Tensor &t, const at::Tensor &factor) {
  return t.to(t.is_cpu() || t.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).mul(factor);
}

// Changes what is not in CPU memory.
void change_there(const at::Tensor &t, double factor, double lower, double upper) {
  if (factor == 0) {
    t.zero_();
  } else if (factor != 1) {
    t.copy_(product(t, at::scalar_tensor(factor, at::kDouble)));
  }
  if (!(lower < upper)) return;
  // libtorch refuses a bound that the type has no number for.
  const double largest = t.scalar_type() == at::kHalf     ? 65504
                         : t.scalar_type() == at::kDouble ? std::numeric_limits<double>::max()
                                                          : double(std::numeric_limits<float>::max());
  const auto bound = [=](double b) { return std::fabs(b) > largest ? std::copysign(kInfinity, b) : b; };
  t.clamp_(bound(lower), bound(upper));
}

struct Factor {
  double factor = 1, lower = 0, upper = 0;
  bool bounded() const { return lower < upper; }
};

// A gradient as the kernels can write to it: in chunks, on all threads.
void change_plain(const at::Tensor &t, const Factor &f) {
  const int type = kernel_type(t);
  std::vector<std::pair<void *, int64_t>> chunks;
  const int64_t bytes = each_chunk(t.data_ptr(), t.numel(), type, [&](void *data, int64_t n) { chunks.emplace_back(data, n); });
  // From the end: what was measured last is still in the cache.
  const int64_t n = int64_t(chunks.size());
  each(n, bytes, [&](int64_t i) { gtg_change(chunks[n - 1 - i].first, chunks[n - 1 - i].second, type, f.factor, f.lower, f.upper); });
}

void change(const at::Tensor &g, const Factor &f) {
  const auto t = stored(g);
  if (g.layout() != at::kStrided && f.bounded() && !g.is_coalesced()) {
    const auto c = g.coalesce();
    change(c, f);
    g.copy_(c);
  } else if (plain(t)) {
    g.unsafeGetTensorImpl()->bump_version();
    change_plain(t, f);
  } else if (!known(t)) {
    g.unsafeGetTensorImpl()->bump_version();
    change_there(t, f.factor, f.lower, f.upper);
  } else if (g.layout() == at::kStrided) { // by way of a copy that is dense
    const auto c = g.resolve_neg().clone(at::MemoryFormat::Contiguous);
    change(c, f);
    g.copy_(c);
  } else {
    throw Refused("a sparse gradient whose values are not dense");
  }
}

// Changes each gradient by what f(i) says. The last come first: what was measured
// last is still in the cache.
template <class F> void change_all(const Params &params, F f) {
  const int64_t n = int64_t(params.size());
  std::vector<char> left(n);
  each(n, n * kLook, [&](int64_t k) {
    const int64_t i = n - 1 - k;
    const auto &g = grad_of(*params[i]);
    const Factor &how = f(i);
    if (!g.defined() || (how.factor == 1 && !how.bounded())) return;
    if (g.numel() > kSmall || !plain(g)) {
      left[i] = 1;
      return;
    }
    g.unsafeGetTensorImpl()->bump_version();
    gtg_change(g.data_ptr(), g.numel(), kernel_type(g), how.factor, how.lower, how.upper);
  });
  for (int64_t i = n - 1; i >= 0; i--) {
    if (left[i]) change(grad_of(*params[i]), f(i));
  }
}

void zero_nonfinite(const at::Tensor &g, bool only_elements) {
  if (!only_elements) {
    stored(g).zero_();
  } else if (g.layout() == at::kSparse && !g.is_coalesced()) {
    const auto c = g.coalesce();
    zero_nonfinite(c, true);
    g.copy_(c);
    return;
  } else {
    const auto t = stored(g);
    t.masked_fill_(at::isfinite(t).logical_not(), 0);
  }
  g.unsafeGetTensorImpl()->bump_version();
}

// ---- units --------------------------------------------------------------

// A tensor as outer x units x inner elements.
struct Units {
  int64_t outer = 1, units = 1, inner = 1;
};

Units units_of(const at::Tensor &t, int64_t axis, int64_t units) {
  Units u;
  if (axis >= t.dim()) {
    throw Refused("there is no axis " + std::to_string(axis) + " in a tensor of " + std::to_string(t.dim()) + " dimensions");
  }
  for (int64_t d = 0; d < t.dim(); d++) {
    (axis < 0 || d > axis ? u.inner : d < axis ? u.outer : u.units) *= t.size(d);
  }
  if (u.units != units) {
    throw Refused("there are " + std::to_string(u.units) + " units, not " + std::to_string(units));
  }
  return u;
}

void unit_norms(const at::Tensor &given, int64_t axis, double *out, int64_t units) {
  if (!given.defined()) {
    std::fill(out, out + units, -1);
    return;
  }
  auto t = given.layout() == at::kStrided ? given : given.to_dense();
  Units u = units_of(t, axis, units);
  if (t.is_complex()) {
    t = at::view_as_real(t.resolve_conj());
    u.inner *= 2;
  }
  if (known(t)) {
    t = t.resolve_neg().contiguous();
    const int64_t slice = std::max<int64_t>(1, GTG_CHUNK / std::max<int64_t>(1, u.outer * u.inner)); // units in a chunk
    each((units + slice - 1) / slice, t.numel() * 4, [&](int64_t i) {
      gtg_unit_norms(t.data_ptr(), kernel_type(t), u.outer, units, u.inner, i * slice, std::min(units, (i + 1) * slice), out);
    });
    return;
  }
  const auto d = t.to(at::kDouble).reshape({u.outer, units, u.inner});
  if (d.numel() == 0) {
    std::fill(out, out + units, 0);
    return;
  }
  const auto max = at::linalg_vector_norm(d, INFINITY, at::IntArrayRef{0, 2}, true);
  const auto scale = at::where(max.gt(0).logical_and(at::isfinite(max)), max, at::ones_like(max));
  const auto norms = (at::linalg_vector_norm(d / scale, 2, at::IntArrayRef{0, 2}, true) * scale).reshape({units}).to(at::kCPU);
  std::copy_n(norms.data_ptr<double>(), units, out);
}

void apply_units(const at::Tensor &g, int64_t axis, const double *factors, int64_t units) {
  if (!g.defined()) return;
  Units u = units_of(g, axis, units);
  if (std::all_of(factors, factors + units, [](double f) { return f == 1; })) return;
  g.unsafeGetTensorImpl()->bump_version();
  const auto t = stored(g);
  if (g.layout() == at::kStrided && known(t) && !t.is_neg() && t.is_contiguous()) {
    if (g.is_complex()) u.inner *= 2;
    gtg_unit_change(t.data_ptr(), kernel_type(t), u.outer, units, u.inner, factors);
    return;
  }
  // One factor for each stored element, broadcast.
  auto f = at::tensor(at::ArrayRef<double>(factors, units), at::kDouble).to(t.device());
  std::vector<int64_t> shape(t.dim(), 1);
  if (axis < 0) {
  } else if (g.layout() == at::kStrided) {
    shape[axis] = units;
  } else if (g.layout() != at::kSparse) {
    throw Refused("units of a compressed sparse gradient");
  } else if (axis < g.sparse_dim()) {
    f = f.index_select(0, g._indices()[axis]);
    shape[0] = f.numel();
  } else {
    shape[axis - g.sparse_dim() + 1] = units;
  }
  f = f.reshape(shape);
  const auto x = product(t, f);
  t.copy_(at::where(f.eq(0), at::zeros_like(x), x));
}

// What the functions below use over and over; emptied at the end.
struct Work {
  Params params;
  std::vector<gtg_stat> stats;
  Measurer measurer;
};

// Runs f with the parameters found.
template <class F> int with(void *optimizer, void *const *tensors, int64_t n, char *error, F f) {
  thread_local Work work;
  return guarded(error, [&] {
    at::NoGradGuard no_grad;
    parameters(optimizer, tensors, n, work.params);
    work.stats.resize(work.params.size());
    f(work);
  });
}

void check_count(const Work &w, int64_t params) {
  if (int64_t(w.params.size()) != params) {
    throw Refused(std::to_string(params) + " entries for " + std::to_string(w.params.size()) + " parameters");
  }
}

const at::Tensor &check_index(const Work &w, int64_t index) {
  if (index < 0 || index >= int64_t(w.params.size())) {
    throw Refused("there is no parameter " + std::to_string(index) + " among " + std::to_string(w.params.size()));
  }
  return *w.params[index];
}

} // namespace
} // namespace gtg

using namespace gtg;

// constant is the number that all elements of a weight are, NaN where they differ or for
// what is no weight. The first of them tell almost every weight.
double constant(const at::Tensor &p) {
  const double differ = std::numeric_limits<double>::quiet_NaN();
  if (!p.defined() || p.dim() < 2 || p.numel() < 2 || p.layout() != at::kStrided || !p.is_floating_point()) return differ;
  const auto w = p.detach();
  const auto row = w.select(0, 0).flatten();
  const auto first = row.select(0, 0);
  if (!row.narrow(0, 0, std::min<int64_t>(row.numel(), 16)).eq(first).all().item<bool>()) return differ;
  return w.eq(first).all().item<bool>() ? first.item<double>() : differ;
}

extern "C" {

int gtg_measure(void *const *tensors, int64_t n, int gradients, int portable, gtg_stat *out, char *error) {
  return with(nullptr, tensors, n, error, [&](Work &w) {
    w.measurer.measure(w.params, gradients != 0, out, at::Tensor(), nullptr, portable != 0);
  });
}

int64_t gtg_grads_measure(GTG_GRADS, gtg_stat *out, int64_t capacity, gtg_sketch *sketch, char *error) {
  int64_t params = 0;
  const int result = with(optimizer, tensors, n, error, [&](Work &w) {
    params = int64_t(w.params.size());
    if (params <= capacity) w.measurer.measure(w.params, true, out, at::Tensor(), nullptr, false, sketch);
  });
  return result ? result : params;
}

int gtg_grads_apply(GTG_GRADS, double factor, double lower, double upper, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    change_all(w.params, [&](int64_t) { return Factor{factor, lower, upper}; });
  });
}

int gtg_grads_apply_each(GTG_GRADS, const double *factors, const double *lower, const double *upper, int64_t params, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    check_count(w, params);
    change_all(w.params, [&](int64_t i) { return Factor{factors[i], lower ? lower[i] : 0, upper ? upper[i] : 0}; });
  });
}

int gtg_grads_zero_nonfinite(GTG_GRADS, int only_elements, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    w.measurer.measure(w.params, true, w.stats.data());
    for (size_t i = 0; i < w.stats.size(); i++) {
      if (w.stats[i].nonfinite) zero_nonfinite(grad_of(*w.params[i]), only_elements != 0);
    }
  });
}

int gtg_grads_p_norms(GTG_GRADS, double p, double *out, int64_t params, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    check_count(w, params);
    w.measurer.measure(w.params, true, w.stats.data());
    for (int64_t i = 0; i < params; i++) out[i] = p_norm(grad_of(*w.params[i]), w.stats[i], p);
  });
}

int gtg_grads_param_norms(GTG_GRADS, double *out, int64_t params, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    check_count(w, params);
    w.measurer.measure(w.params, false, w.stats.data());
    for (const auto &s : w.stats) *out++ = s.defined ? s.norm : -1;
  });
}

int gtg_grads_constants(GTG_GRADS, double *out, int64_t params, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    check_count(w, params);
    for (const auto *p : w.params) *out++ = constant(*p);
  });
}

int gtg_grads_unit_norms(GTG_GRADS, int64_t index, int64_t axis, double *grads, double *values, int64_t units, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) {
    const auto &p = check_index(w, index);
    unit_norms(p, axis, values, units);
    unit_norms(grad_of(p), axis, grads, units);
  });
}

int gtg_grads_apply_units(GTG_GRADS, int64_t index, int64_t axis, const double *factors, int64_t units, char *error) {
  return with(optimizer, tensors, n, error, [&](Work &w) { apply_units(grad_of(check_index(w, index)), axis, factors, units); });
}

int gtg_set_grad(void *tensor, void *grad, char *error) {
  return guarded(error, [&] {
    static_cast<at::Tensor *>(tensor)->mutable_grad() = grad ? *static_cast<at::Tensor *>(grad) : at::Tensor();
  });
}

} // extern "C"
