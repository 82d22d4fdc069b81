// How far elements in CPU memory are from what they were, in float64 and in an
// order that depends on the number of elements alone.
#include "elements.h"

namespace gtg {
namespace {

constexpr int kLanes = 8;

GTG_INLINE double folded(double *lanes) {
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

template <class T> GTG_INLINE void moved(const typename T::Bits *now, const typename T::Bits *before, int64_t n, gtg_moved *out) {
  double sizes[kLanes] = {}, changes[kLanes] = {};
  const auto add = [&](int64_t i, int l) {
    const double v = T::value(before[i]), d = T::value(now[i]) - v;
    sizes[l] += v * v;
    changes[l] += d * d;
  };
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; l++) add(i + l, l);
  }
  for (int l = 0; i < n; i++, l++) add(i, l);
  out->size = folded(sizes);
  out->change = folded(changes);
}

GTG_CLONES void moved_f32(const uint32_t *now, const uint32_t *before, int64_t n, gtg_moved *out) { moved<F32>(now, before, n, out); }
GTG_CLONES void moved_f64(const uint64_t *now, const uint64_t *before, int64_t n, gtg_moved *out) { moved<F64>(now, before, n, out); }

} // namespace
} // namespace gtg

using namespace gtg;

void gtg_moved_sums(const void *now, const void *before, int64_t n, int dtype, gtg_moved *out) {
  switch (dtype) {
  case GTG_F32: return moved_f32(static_cast<const uint32_t *>(now), static_cast<const uint32_t *>(before), n, out);
  case GTG_F64: return moved_f64(static_cast<const uint64_t *>(now), static_cast<const uint64_t *>(before), n, out);
  case GTG_F16: return moved<F16>(static_cast<const uint16_t *>(now), static_cast<const uint16_t *>(before), n, out);
  case GTG_BF16: return moved<BF16>(static_cast<const uint16_t *>(now), static_cast<const uint16_t *>(before), n, out);
  }
}
