// Norms other than the L2 norm of a whole gradient, in float64, over elements in
// CPU memory.
#include "elements.h"

#include <algorithm>
#include <vector>

namespace gtg {
namespace {

constexpr int kLanes = 8;

// Sums f of each element in an order that depends on n alone.
template <class T, class F> GTG_INLINE double sum(const typename T::Bits *x, int64_t n, F f) {
  double lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; l++) lanes[l] += f(std::fabs(T::value(x[i + l])));
  }
  for (int l = 0; i < n; i++, l++) lanes[l] += f(std::fabs(T::value(x[i])));
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  }
  return lanes[0];
}

// v^half_powers/2 without pow, which costs twenty times as much.
GTG_INLINE double power(double v, int half_powers) {
  double out = half_powers & 1 ? std::sqrt(v) : 1;
  for (int i = half_powers / 2; i > 0; i--) out *= v;
  return out;
}

template <class T>
void unit_norms(const typename T::Bits *x, int64_t outer, int64_t units, int64_t inner, int64_t begin, int64_t end,
                double *norms) {
  for (int64_t u = begin; u < end; u++) norms[u] = 0;
  for (int64_t o = 0; o < outer; o++) {
    const auto *row = x + o * units * inner;
    if (inner == 1) {
      for (int64_t u = begin; u < end; u++) {
        const double v = T::value(row[u]);
        norms[u] += v * v;
      }
    } else {
      for (int64_t u = begin; u < end; u++) norms[u] += sum<T>(row + u * inner, inner, [](double v) { return v * v; });
    }
  }
  for (int64_t u = begin; u < end; u++) {
    if (sizeof *x < 8 || std::isnan(norms[u]) || (norms[u] > 1e-290 && !std::isinf(norms[u]))) {
      norms[u] = std::sqrt(norms[u]);
      continue;
    }
    // Squares that left float64's range: again, in units of the largest element.
    double largest = 0, squares = 0;
    for (int64_t o = 0; o < outer; o++) {
      for (int64_t i = 0; i < inner; i++) largest = std::max(largest, std::fabs(T::value(x[(o * units + u) * inner + i])));
    }
    norms[u] = largest;
    if (largest == 0 || std::isinf(largest)) continue;
    for (int64_t o = 0; o < outer; o++) {
      squares += sum<T>(x + (o * units + u) * inner, inner, [=](double v) { return (v / largest) * (v / largest); });
    }
    norms[u] *= std::sqrt(squares);
  }
}

} // namespace
} // namespace gtg

using namespace gtg;

double gtg_power_sum(const void *data, int64_t n, int dtype, double p, double scale) {
  double out = 0;
  with_type(dtype, [&](auto type) {
    using T = decltype(type);
    auto x = static_cast<const typename T::Bits *>(data);
    if (p == 1) {
      out = sum<T>(x, n, [=](double v) { return v / scale; });
    } else if (p <= 8 && p * 2 == std::floor(p * 2)) {
      out = sum<T>(x, n, [=, half = int(p * 2)](double v) { return power(v / scale, half); });
    } else {
      out = sum<T>(x, n, [=](double v) { return std::pow(v / scale, p); });
    }
  });
  return out;
}

void gtg_unit_norms(const void *data, int dtype, int64_t outer, int64_t units, int64_t inner, int64_t begin, int64_t end,
                    double *norms) {
  with_type(dtype, [&](auto type) {
    using T = decltype(type);
    unit_norms<T>(static_cast<const typename T::Bits *>(data), outer, units, inner, begin, end, norms);
  });
}
