// The element types that the kernels know: for each the type of its bits, which
// of them are the magnitude, the first magnitude that is not finite, its value in
// float64 and the nearest element to a float64.
#ifndef GTG_ELEMENTS_H
#define GTG_ELEMENTS_H

#include <cmath>
#include <cstdint>
#include <cstring>

#include "gtg.h"

// A fused multiplication and addition would give other bits than the two alone.
#if defined(__clang__)
#pragma clang fp contract(off)
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off")
#endif

#define GTG_INLINE inline __attribute__((always_inline))

// One binary for every x86-64: the compiler makes one clone of a function for each
// of these, and the loader takes the best that the processor has.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GTG_CLONES __attribute__((target_clones("avx2", "default"), noinline))
#else
#define GTG_CLONES
#endif

namespace gtg {

// Asks for the memory that a loop over x comes to in a while: a processor's own guess
// ends at each page, which on one thread costs a sixth of the time.
template <int ahead = 1024> GTG_INLINE void fetch(const void *x) { __builtin_prefetch(static_cast<const char *>(x) + ahead); }

struct F32 {
  using Bits = uint32_t;
  static constexpr Bits kMagnitude = 0x7fffffffu, kInfinity = 0x7f800000u;
  static GTG_INLINE double value(Bits b) {
    float f;
    memcpy(&f, &b, sizeof f);
    return f;
  }
  static GTG_INLINE Bits nearest(double v) {
    const float f = float(v);
    Bits b;
    memcpy(&b, &f, sizeof b);
    return b;
  }
};

struct F64 {
  using Bits = uint64_t;
  static constexpr Bits kMagnitude = 0x7fffffffffffffffull, kInfinity = 0x7ff0000000000000ull;
  static GTG_INLINE double value(Bits b) {
    double f;
    memcpy(&f, &b, sizeof f);
    return f;
  }
  static GTG_INLINE Bits nearest(double v) {
    Bits b;
    memcpy(&b, &v, sizeof b);
    return b;
  }
};

// The 16-bit element nearest to v, ties to even, for a format with so many
// mantissa bits and such a smallest normal exponent: rounded once, where libtorch
// goes by way of float32.
template <int mantissa, int smallest> inline uint16_t nearest16(double v) {
  const uint64_t b = F64::nearest(v);
  const uint16_t sign = uint16_t(b >> 48) & 0x8000;
  constexpr uint16_t infinity = uint16_t(0x7fff >> mantissa << mantissa);
  if (std::isnan(v)) return sign | infinity | uint16_t(1 << (mantissa - 1));
  int exponent = int(b >> 52 & 0x7ff) - 1023;
  if (exponent > 1 - smallest) return sign | infinity; // far too large
  if (exponent < smallest) exponent = smallest;
  // In units of the last place: at most 2^(mantissa+1), so that nearbyint is exact.
  const auto units = uint32_t(std::nearbyint(std::ldexp(std::fabs(v), mantissa - exponent)));
  // A carry out of the mantissa goes where it belongs: into the exponent.
  const uint32_t bits = units + (uint32_t(exponent - smallest) << mantissa);
  return sign | uint16_t(bits > infinity ? infinity : bits);
}

struct BF16 {
  using Bits = uint16_t;
  static constexpr Bits kMagnitude = 0x7fff, kInfinity = 0x7f80;
  static GTG_INLINE double value(Bits b) { return F32::value(uint32_t(b) << 16); }
  static inline Bits nearest(double v) { return nearest16<7, -126>(v); }
};

struct F16 {
  using Bits = uint16_t;
  static constexpr Bits kMagnitude = 0x7fff, kInfinity = 0x7c00;
  // Moves exponent and mantissa to float32's places and corrects the bias by a
  // power of two, which is exact, subnormal numbers included. Infinities and NaN
  // would come out finite.
  static GTG_INLINE double finite(Bits b) {
    const float magnitude = float(F32::value(uint32_t(b & 0x7fff) << 13)) * 0x1p112f;
    return b & 0x8000 ? -magnitude : magnitude;
  }
  static GTG_INLINE double value(Bits b) {
    if ((b & kMagnitude) < kInfinity) return finite(b);
    return F32::value(uint32_t(b & 0x8000) << 16 | 0x7f800000u | uint32_t(b & 0x3ff) << 13);
  }
  static inline Bits nearest(double v) { return nearest16<10, -14>(v); }
};

// Calls f with the bits of the elements, as what its argument's type says.
template <class F> GTG_INLINE void with_type(int dtype, F f) {
  switch (dtype) {
  case GTG_F32: return f(F32{});
  case GTG_F64: return f(F64{});
  case GTG_F16: return f(F16{});
  case GTG_BF16: return f(BF16{});
  }
}

} // namespace gtg
#endif
