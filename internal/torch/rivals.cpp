//go:build gtg_bench

#include "rivals.h"

#include <torch/types.h>
#include <torch/nn/utils/clip_grad.h>

#include "libtorch.h"
#include "parallel.h"

namespace {

struct Rivals {
  std::vector<at::Tensor> params;
  struct Span {
    const uint64_t *data;
    int64_t words;
  };
  std::vector<Span> spans; // of the gradients, in the chunks that gtg has
  int64_t bytes = 0;
};

__attribute__((target_clones("avx512f", "avx2", "default"), noinline)) uint64_t all_bits(const uint64_t *x, int64_t n) {
  constexpr int kLanes = 32;
  uint64_t lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; l++) lanes[l] |= x[i + l];
  }
  for (int l = 0; i < n; i++, l++) lanes[l] |= x[i];
  uint64_t out = 0;
  for (const uint64_t lane : lanes) out |= lane;
  return out;
}

} // namespace

extern "C" {

void *gtg_rivals(void *const *tensors, int64_t n, char *error) {
  auto r = std::make_unique<Rivals>();
  const int failed = gtg::guarded(error, [&] {
    for (int64_t i = 0; i < n; i++) {
      r->params.push_back(*static_cast<at::Tensor *>(tensors[i]));
      const auto &g = gtg::grad_of(r->params.back());
      if (!g.is_contiguous() || g.scalar_type() != at::kFloat) throw gtg::Refused("gradients have to be contiguous float32");
      const auto *x = static_cast<const char *>(g.data_ptr());
      const int64_t size = g.numel() * 4;
      r->bytes += size;
      constexpr int64_t kBytes = GTG_CHUNK * 4;
      for (int64_t at = 0; at < size; at += kBytes) {
        r->spans.push_back({reinterpret_cast<const uint64_t *>(x + at), std::min(kBytes, size - at) / 8});
      }
    }
  });
  return failed ? nullptr : r.release();
}

void gtg_rivals_free(void *rivals) { delete static_cast<Rivals *>(rivals); }

int gtg_rivals_clip(void *rivals, double max_norm, double *norm, char *error) {
  return gtg::guarded(error, [&] {
    at::NoGradGuard no_grad;
    *norm = torch::nn::utils::clip_grad_norm_(static_cast<Rivals *>(rivals)->params, max_norm);
  });
}

int gtg_rivals_read(void *rivals, uint64_t *out, char *error) {
  return gtg::guarded(error, [&] {
    const auto &r = *static_cast<Rivals *>(rivals);
    std::atomic<uint64_t> bits{0};
    gtg::each(int64_t(r.spans.size()), r.bytes, [&](int64_t i) {
      // Never 0 and never written, but the compiler does not know.
      if (all_bits(r.spans[i].data, r.spans[i].words) == 0) bits.fetch_add(1, std::memory_order_relaxed);
    });
    *out = bits.load();
  });
}

} // extern "C"
