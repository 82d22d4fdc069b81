// A sketch of a gradient: GTG_SKETCH sums of its elements with pseudo-random signs,
// each element in one of them. The inner product of two sketches estimates that of
// the gradients: Alon, Matias and Szegedy 1996, "The space complexity of
// approximating the frequency moments", and Charikar, Chen and Farach-Colton 2002,
// "Finding frequent items in data streams".
//
// A block of as many elements as there are buckets fills each of them once, from a
// pseudo-random bucket on. So two elements of a block never meet, and two of
// different blocks meet as often as by chance, wherever they are: no stride makes
// it worse.
#ifndef GTG_SKETCH_H
#define GTG_SKETCH_H

#include "elements.h"

#include <type_traits>

#ifdef __x86_64__
#include <immintrin.h>

#define GTG_FMA __attribute__((target("avx2,fma")))
#endif

namespace gtg {

constexpr int kBuckets = GTG_SKETCH;
constexpr int kWords = 8; // of 32 signs each, for one block
static_assert(kBuckets == kWords * 32);

// The signs and the first bucket of a block are hashes of the tensor's key and of
// the block's number alone: the same on every thread and machine. This is the
// finaliser of MurmurHash3 with the key's halves added on the way.
GTG_INLINE uint32_t mixed(uint64_t key, uint32_t x) {
  x += uint32_t(key);
  x = (x ^ x >> 16) * 0x85ebca6bu;
  x = (x ^ x >> 13) + uint32_t(key >> 32);
  x *= 0xc2b2ae35u;
  return x ^ x >> 16;
}

// Of each block 16 numbers are hashed: one for each word of signs, one for the
// first bucket.
GTG_INLINE uint32_t numbers_of(int64_t block) { return uint32_t(block) * 16; }
GTG_INLINE int first_bucket(uint64_t key, int64_t block) { return int(mixed(key, numbers_of(block) + kWords) >> 24); }

// The key of the tensor at a place in the list: a step of SplitMix64 (Steele, Lea
// and Flood 2014).
inline uint64_t sketch_key(uint64_t seed, int64_t place) {
  uint64_t x = seed + uint64_t(place + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

// The sums of all types but float64 are of float32, which holds their elements
// exactly. What comes of an element that is not finite does not matter.
GTG_INLINE float *sums_of(gtg_buckets &b, uint32_t) { return b.narrow; }
GTG_INLINE double *sums_of(gtg_buckets &b, uint64_t) { return b.wide; }
GTG_INLINE uint32_t bits_of(F32, uint32_t x) { return x; }
GTG_INLINE uint64_t bits_of(F64, uint64_t x) { return x; }
GTG_INLINE uint32_t bits_of(BF16, uint16_t x) { return uint32_t(x) << 16; }
GTG_INLINE uint32_t bits_of(F16, uint16_t x) { // see F16::finite
  const uint32_t bits = uint32_t(x & F16::kMagnitude) << 13;
  float v;
  memcpy(&v, &bits, sizeof v);
  v *= 0x1p112f;
  uint32_t out;
  memcpy(&out, &v, sizeof v);
  return out | uint32_t(x & 0x8000) << 16;
}

// Adds n elements of a chunk, the first of which begins a block. Element i of a
// block has the sign of bit 31 - i / 8 of word i % 8.
template <class T> GTG_INLINE void sketch(const typename T::Bits *x, int64_t n, const gtg_sketching &into, int64_t begin) {
  using Bits = decltype(bits_of(T{}, *x));
  using Sum = std::remove_pointer_t<decltype(sums_of(*into.buckets, Bits{}))>;
  for (int64_t block = into.block + begin / kBuckets; n > 0; block++) {
    uint32_t words[kWords], signs[kBuckets];
    for (int l = 0; l < kWords; l++) words[l] = mixed(into.key, numbers_of(block) + l);
    for (int i = 0; i < kBuckets; i += kWords) {
      for (int l = 0; l < kWords; l++) signs[i + l] = words[l] << i / kWords & 0x80000000u;
    }
    Sum *const sums = sums_of(*into.buckets, Bits{}) + first_bucket(into.key, block);
    const int m = int(n < kBuckets ? n : kBuckets);
    for (int i = 0; i < m; i++) {
      const Bits v = bits_of(T{}, x[i]) ^ Bits(signs[i]) << (sizeof(Bits) * 8 - 32);
      Sum term;
      memcpy(&term, &v, sizeof v);
      sums[i] += term;
    }
    x += kBuckets, n -= kBuckets;
  }
}

#ifdef __x86_64__
// What sketch does, for as many float32 elements as there are lanes, and to the bit.
struct Signed {
  float *sums;
  __m256i words;

  GTG_FMA GTG_INLINE Signed(const gtg_sketching &into, int64_t block) {
    uint32_t hashes[kWords];
    for (int l = 0; l < kWords; l++) hashes[l] = mixed(into.key, numbers_of(block) + l);
    words = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(hashes));
    sums = into.buckets->narrow + first_bucket(into.key, block);
  }

  GTG_FMA GTG_INLINE void add8(const uint32_t *x) {
    const __m256i sign = _mm256_and_si256(words, _mm256_set1_epi32(INT32_MIN));
    const __m256i v = _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(x)), sign);
    _mm256_storeu_ps(sums, _mm256_add_ps(_mm256_loadu_ps(sums), _mm256_castsi256_ps(v)));
    words = _mm256_add_epi32(words, words); // the next sign of each word
    sums += 8;
  }

  GTG_FMA GTG_INLINE void add(const uint32_t *x) { add8(x), add8(x + 8); }
};
#endif

// The sketch that the buckets hold.
inline void sketched(const gtg_buckets &b, double *out) {
  for (int i = 0; i < kBuckets; i++) {
    const int j = i + kBuckets;
    out[i] = (b.wide[i] + b.wide[j]) + (double(b.narrow[i]) + double(b.narrow[j]));
  }
}

} // namespace gtg
#endif
