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

GTG_INLINE float with_sign(float v, uint32_t sign) { return float(F32::value(F32::nearest(v) ^ sign)); }
GTG_INLINE double with_sign(double v, uint32_t sign) { return F64::value(F64::nearest(v) ^ uint64_t(sign) << 32); }

// Float32 holds the elements of all types but float64 exactly.
template <class T> GTG_INLINE float *sums_of(gtg_buckets &b, T) { return b.narrow; }
GTG_INLINE double *sums_of(gtg_buckets &b, F64) { return b.wide; }

// Adds n elements of a chunk, the first of which begins a block. Element i of a
// block has the sign of bit 31 - i / 8 of word i % 8.
template <class T> GTG_INLINE void sketch(const typename T::Bits *x, int64_t n, const gtg_sketching &into, int64_t begin) {
  auto *const all = sums_of(*into.buckets, T{});
  using Sum = std::remove_reference_t<decltype(*all)>;
  for (int64_t block = into.block + begin / kBuckets; n > 0; block++) {
    uint32_t words[kWords];
    for (int l = 0; l < kWords; l++) words[l] = mixed(into.key, numbers_of(block) + l);
    Sum *const sums = all + first_bucket(into.key, block);
    const int m = int(n < kBuckets ? n : kBuckets), full = m - m % kWords;
    int i = 0;
    for (; i < full; i += kWords) {
      for (int l = 0; l < kWords; l++) {
        sums[i + l] += with_sign(Sum(T::value(x[i + l])), words[l] & 0x80000000u);
        words[l] <<= 1;
      }
    }
    for (int l = 0; i < m; i++, l++) sums[i] += with_sign(Sum(T::value(x[i])), words[l] & 0x80000000u);
    x += kBuckets, n -= kBuckets;
  }
}

// The sketch that the buckets hold.
inline void sketched(const gtg_buckets &b, double *out) {
  for (int i = 0; i < kBuckets; i++) {
    const int j = i + kBuckets;
    out[i] = (b.wide[i] + b.wide[j]) + (double(b.narrow[i]) + double(b.narrow[j]));
  }
}

} // namespace gtg
#endif
