// One pass over the elements of a gradient in CPU memory. Sums of squares are
// accumulated in float64, in an order that depends on the number of elements
// alone: the result is the same bits in every run, for every number of threads
// and on every processor.
#include "sketch.h"

#include <limits>

namespace gtg {
namespace {

// Element i is added to lane i % kLanes.
constexpr int kLanes = 16;
// Elements that stay in the first cache from one loop to the next; few enough
// for counters of 16 bits.
constexpr int64_t kBlock = 1 << 12;

// The elements from i on, which fill no more than the lanes once, and the sum of
// all lanes.
template <class T> GTG_INLINE void end(const typename T::Bits *x, int64_t i, int64_t n, double *lanes, gtg_sums &out) {
  for (int l = 0; i < n; i++, l++) {
    const double v = T::value(x[i]);
    const uint64_t m = x[i] & T::kMagnitude;
    lanes[l] += v * v;
    out.max = m > out.max ? m : out.max;
    out.zeros += m == 0;
  }
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; l++) lanes[l] += lanes[l + width];
  }
  out.squares = lanes[0];
}

template <class T> GTG_INLINE void chunk(const typename T::Bits *x, int64_t n, gtg_sums &out, const gtg_sketching *into) {
  using Bits = typename T::Bits;
  double lanes[kLanes] = {};
  const int64_t full = n - n % kLanes;
  for (int64_t begin = 0; begin < full; begin += kBlock) {
    const int64_t stop = begin + kBlock < full ? begin + kBlock : full;
    for (int64_t i = begin; i < stop; i += kLanes) {
      for (int l = 0; l < kLanes; l++) {
        const double v = T::value(x[i + l]);
        lanes[l] += v * v;
      }
    }
    Bits max = 0, zeros = 0;
    for (int64_t i = begin; i < stop; i++) {
      const Bits m = x[i] & T::kMagnitude;
      max = m > max ? m : max;
      zeros += m == 0;
    }
    out.max = max > out.max ? max : out.max;
    out.zeros += zeros;
    if (into) sketch<T>(x + begin, (begin + kBlock < full ? begin + kBlock : n) - begin, *into, begin);
  }
  if (into && full == 0) sketch<T>(x, n, *into, 0);
  end<T>(x, full, n, lanes, out);
}

GTG_CLONES void chunk_f32(const uint32_t *x, int64_t n, gtg_sums &out, const gtg_sketching *into) { chunk<F32>(x, n, out, into); }
GTG_CLONES void chunk_f64(const uint64_t *x, int64_t n, gtg_sums &out, const gtg_sketching *into) { chunk<F64>(x, n, out, into); }
GTG_CLONES void chunk_f16(const uint16_t *x, int64_t n, gtg_sums &out, const gtg_sketching *into) { chunk<F16>(x, n, out, into); }
GTG_CLONES void chunk_bf16(const uint16_t *x, int64_t n, gtg_sums &out, const gtg_sketching *into) { chunk<BF16>(x, n, out, into); }

#ifdef __x86_64__
// What chunk has in loops over lanes, for float32 and what processors since about
// 2013 have: twice as fast as what the compiler makes of those. The square of a
// float32 is exact in float64, so that fusing it with the sum changes no bit.
struct Lanes {
  __m256d sum0, sum1, sum2, sum3;
  __m256i max0, max1, zeros0, zeros1; // zeros are counted downwards

  GTG_FMA GTG_INLINE Lanes() {
    sum0 = sum1 = sum2 = sum3 = _mm256_setzero_pd();
    max0 = max1 = zeros0 = zeros1 = _mm256_setzero_si256();
  }

  static GTG_FMA GTG_INLINE __m256d square(const uint32_t *x, __m256d sum) {
    const __m256d v = _mm256_cvtps_pd(_mm_loadu_ps(reinterpret_cast<const float *>(x)));
    return _mm256_fmadd_pd(v, v, sum);
  }

  static GTG_FMA GTG_INLINE __m256i magnitudes(const uint32_t *x) {
    return _mm256_and_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(x)), _mm256_set1_epi32(F32::kMagnitude));
  }

  GTG_FMA GTG_INLINE void add(const uint32_t *x) {
    sum0 = square(x, sum0), sum1 = square(x + 4, sum1), sum2 = square(x + 8, sum2), sum3 = square(x + 12, sum3);
    const __m256i m0 = magnitudes(x), m1 = magnitudes(x + 8), none = _mm256_setzero_si256();
    max0 = _mm256_max_epu32(max0, m0), max1 = _mm256_max_epu32(max1, m1);
    zeros0 = _mm256_add_epi32(zeros0, _mm256_cmpeq_epi32(m0, none)), zeros1 = _mm256_add_epi32(zeros1, _mm256_cmpeq_epi32(m1, none));
  }

  GTG_FMA GTG_INLINE void total(gtg_sums &out) const {
    const __m256d four = _mm256_add_pd(_mm256_add_pd(sum0, sum2), _mm256_add_pd(sum1, sum3));
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    out.squares = _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
    const __m256i m8 = _mm256_max_epu32(max0, max1), z8 = _mm256_add_epi32(zeros0, zeros1);
    __m128i m = _mm_max_epu32(_mm256_castsi256_si128(m8), _mm256_extracti128_si256(m8, 1));
    __m128i z = _mm_add_epi32(_mm256_castsi256_si128(z8), _mm256_extracti128_si256(z8, 1));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0x4e));
    z = _mm_add_epi32(z, _mm_shuffle_epi32(z, 0x4e));
    m = _mm_max_epu32(m, _mm_shuffle_epi32(m, 0xb1));
    z = _mm_add_epi32(z, _mm_shuffle_epi32(z, 0xb1));
    out.max = uint32_t(_mm_cvtsi128_si32(m));
    out.zeros -= _mm_cvtsi128_si32(z);
  }
};

GTG_FMA void chunk_f32_fma(const uint32_t *x, int64_t n, gtg_sums &out, const gtg_sketching *into) {
  Lanes lanes;
  const int64_t over = n % kLanes, full = n - over;
  uint32_t rest[kLanes] = {}; // with zeros behind, which are not to be counted
  memcpy(rest, x + full, over * sizeof *x);
  if (into) {
    for (int64_t begin = 0; begin < n; begin += kBuckets) {
      Signed signs(*into, into->block + begin / kBuckets);
      const int64_t stop = begin + kBuckets < full ? begin + kBuckets : full;
      for (int64_t i = begin; i < stop; i += kLanes) {
        fetch<2048>(x + i); // a step takes longer, and the processor looks less far ahead
        lanes.add(x + i);
        signs.add(x + i);
      }
      if (over && n - begin < kBuckets) signs.add(rest);
    }
  } else {
    for (int64_t i = 0; i < full; i += kLanes) {
      fetch(x + i);
      lanes.add(x + i);
    }
  }
  if (over) {
    lanes.add(rest);
    out.zeros = over - kLanes;
  }
  lanes.total(out);
}

const bool has_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif

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
void finish(const typename T::Bits *x, int64_t n, const gtg_sums &s, gtg_stat *out) {
  *out = gtg_stat{};
  out->numel = n;
  out->zeros = s.zeros;
  out->defined = 1;
  if (s.max >= T::kInfinity) {
    classify<T>(x, n, out);
    out->nonfinite = out->nan + out->pos_inf + out->neg_inf;
    out->norm = out->nan ? std::numeric_limits<double>::quiet_NaN()
                         : std::numeric_limits<double>::infinity();
    return;
  }
  out->max = T::value(typename T::Bits(s.max));
  out->norm = std::sqrt(s.squares);
  // Squares that left float64's range: measured again in units of the largest
  // element. Only float64 gradients can come here.
  if (out->max > 0 && (std::isinf(s.squares) || s.squares < 1e-290)) {
    out->norm = out->max * std::sqrt(gtg_power_sum(x, n, GTG_F64, 2, out->max));
  }
}

} // namespace
} // namespace gtg

using namespace gtg;

void gtg_scan(const void *data, int64_t n, int dtype, gtg_sums *out, const gtg_sketching *into) {
  *out = gtg_sums{};
  switch (dtype) {
  case GTG_F32: {
    const auto x = static_cast<const uint32_t *>(data);
#ifdef __x86_64__
    if (has_fma) return chunk_f32_fma(x, n, *out, into);
#endif
    return chunk_f32(x, n, *out, into);
  }
  case GTG_F64: return chunk_f64(static_cast<const uint64_t *>(data), n, *out, into);
  case GTG_F16: return chunk_f16(static_cast<const uint16_t *>(data), n, *out, into);
  case GTG_BF16: return chunk_bf16(static_cast<const uint16_t *>(data), n, *out, into);
  }
}

void gtg_scan_end(const void *data, int64_t n, int dtype, const gtg_sums *chunks, int64_t count, gtg_stat *out) {
  gtg_sums all{};
  for (int64_t i = 0; i < count; i++) {
    all.squares += chunks[i].squares;
    all.max = chunks[i].max > all.max ? chunks[i].max : all.max;
    all.zeros += chunks[i].zeros;
  }
  with_type(dtype, [&](auto type) {
    using T = decltype(type);
    finish<T>(static_cast<const typename T::Bits *>(data), n, all, out);
  });
}
