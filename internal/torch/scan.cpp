// One pass over one gradient in CPU memory. Sums of squares are accumulated in
// float64, in an order that depends on the number of elements alone, so the
// result is the same bits in every run and for every number of threads.
#include "gtg.h"

#include <cmath>
#include <cstring>
#include <limits>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GTG_CLONES __attribute__((target_clones("avx2", "default"), noinline))
#else
#define GTG_CLONES
#endif

namespace {

constexpr int kLanes = 16;
// Small enough for 32-bit counters in a lane, large enough to forget the
// horizontal sums at its end.
constexpr int64_t kBlock = 1 << 14;

struct Sums {
  double squares = 0;
  uint64_t max = 0; // magnitude bits: ordered as the magnitudes are
  int64_t zeros = 0;
  int64_t nonfinite = 0;
};

// For each element type: its bits, the magnitude part of them, the first
// magnitude that is not finite, and its value.
struct F32 {
  using Bits = uint32_t;
  static constexpr Bits kMagnitude = 0x7fffffffu, kInfinity = 0x7f800000u;
  static inline double value(Bits b) {
    float f;
    memcpy(&f, &b, sizeof f);
    return f;
  }
};
struct F64 {
  using Bits = uint64_t;
  static constexpr Bits kMagnitude = 0x7fffffffffffffffull, kInfinity = 0x7ff0000000000000ull;
  static inline double value(Bits b) {
    double f;
    memcpy(&f, &b, sizeof f);
    return f;
  }
};
struct BF16 {
  using Bits = uint16_t;
  static constexpr Bits kMagnitude = 0x7fff, kInfinity = 0x7f80;
  static inline double value(Bits b) { return F32::value(uint32_t(b) << 16); }
};
struct F16 {
  using Bits = uint16_t;
  static constexpr Bits kMagnitude = 0x7fff, kInfinity = 0x7c00;
  // Moves exponent and mantissa to float32's places and corrects the bias by a
  // power of two, which is exact, subnormal numbers included. Infinities and
  // NaN come out wrong and are never asked for.
  static inline double value(Bits b) {
    float magnitude = float(F32::value(uint32_t(b & 0x7fff) << 13)) * 0x1p112f;
    return b & 0x8000 ? -magnitude : magnitude;
  }
};

template <class T>
inline __attribute__((always_inline)) void block(const typename T::Bits *x, int64_t n, Sums &out) {
  using Bits = typename T::Bits;
  double squares[kLanes] = {};
  Bits max[kLanes] = {};
  Bits zeros[kLanes] = {}, bad[kLanes] = {}; // a lane sees at most kBlock/kLanes elements
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; l++) {
      const Bits b = x[i + l];
      const Bits m = b & T::kMagnitude;
      const double v = T::value(b);
      squares[l] += v * v;
      max[l] = m > max[l] ? m : max[l];
      zeros[l] += m == 0;
      bad[l] += m >= T::kInfinity;
    }
  }
  for (int l = 0; i < n; i++, l++) {
    const Bits b = x[i];
    const Bits m = b & T::kMagnitude;
    const double v = T::value(b);
    squares[l] += v * v;
    max[l] = m > max[l] ? m : max[l];
    zeros[l] += m == 0;
    bad[l] += m >= T::kInfinity;
  }
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; l++) squares[l] += squares[l + width];
  }
  out.squares += squares[0];
  for (int l = 0; l < kLanes; l++) {
    out.max = max[l] > out.max ? max[l] : out.max;
    out.zeros += zeros[l];
    out.nonfinite += bad[l];
  }
}

// The clones differ in instructions only: nothing is reordered, and avx2 without
// fma fuses nothing, so they give the same bits.
GTG_CLONES void blocks_f32(const uint32_t *x, int64_t n, Sums &s) {
  for (int64_t i = 0; i < n; i += kBlock) block<F32>(x + i, n - i < kBlock ? n - i : kBlock, s);
}
GTG_CLONES void blocks_f64(const uint64_t *x, int64_t n, Sums &s) {
  for (int64_t i = 0; i < n; i += kBlock) block<F64>(x + i, n - i < kBlock ? n - i : kBlock, s);
}
GTG_CLONES void blocks_f16(const uint16_t *x, int64_t n, Sums &s) {
  for (int64_t i = 0; i < n; i += kBlock) block<F16>(x + i, n - i < kBlock ? n - i : kBlock, s);
}
GTG_CLONES void blocks_bf16(const uint16_t *x, int64_t n, Sums &s) {
  for (int64_t i = 0; i < n; i += kBlock) block<BF16>(x + i, n - i < kBlock ? n - i : kBlock, s);
}

// Tells the non-finite elements apart and finds the largest finite one.
template <class T> void classify(const typename T::Bits *x, int64_t n, gtg_stat *out) {
  typename T::Bits max = 0;
  for (int64_t i = 0; i < n; i++) {
    const auto m = typename T::Bits(x[i] & T::kMagnitude);
    if (m < T::kInfinity) {
      max = m > max ? m : max;
    } else if (m > T::kInfinity) {
      out->nan++;
    } else if (m == x[i]) {
      out->pos_inf++;
    } else {
      out->neg_inf++;
    }
  }
  out->max = T::value(max);
}

template <class T>
void finish(const typename T::Bits *x, int64_t n, const Sums &s, gtg_stat *out) {
  out->numel = n;
  out->zeros = s.zeros;
  out->nonfinite = s.nonfinite;
  out->defined = 1;
  if (s.nonfinite) {
    classify<T>(x, n, out);
    out->norm = out->nan ? std::numeric_limits<double>::quiet_NaN()
                         : std::numeric_limits<double>::infinity();
    return;
  }
  out->max = T::value(typename T::Bits(s.max));
  out->norm = std::sqrt(s.squares);
  // Squares that left float64's range: measured again in units of the largest
  // element. Only float64 gradients can come here.
  if (out->max > 0 && (std::isinf(s.squares) || s.squares < 1e-290)) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
      const double v = T::value(x[i]) / out->max;
      sum += v * v;
    }
    out->norm = out->max * std::sqrt(sum);
  }
}

} // namespace

void gtg_scan(const void *data, int64_t n, int dtype, gtg_stat *out) {
  *out = gtg_stat{};
  Sums s;
  switch (dtype) {
  case GTG_F32: {
    auto x = static_cast<const uint32_t *>(data);
    blocks_f32(x, n, s);
    finish<F32>(x, n, s, out);
    break;
  }
  case GTG_F64: {
    auto x = static_cast<const uint64_t *>(data);
    blocks_f64(x, n, s);
    finish<F64>(x, n, s, out);
    break;
  }
  case GTG_F16: {
    auto x = static_cast<const uint16_t *>(data);
    blocks_f16(x, n, s);
    finish<F16>(x, n, s, out);
    break;
  }
  case GTG_BF16: {
    auto x = static_cast<const uint16_t *>(data);
    blocks_bf16(x, n, s);
    finish<BF16>(x, n, s, out);
    break;
  }
  }
}
