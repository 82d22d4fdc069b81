// Work in chunks, on libtorch's own threads.
#ifndef GTG_PARALLEL_H
#define GTG_PARALLEL_H

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace gtg {

// Fewer bytes than this are not worth waking a thread.
constexpr int64_t kParallelBytes = 1 << 20;

// Calls f(i) for each i below n, on as many threads as libtorch may use for work
// of so many bytes. A thread takes what comes next as soon as it has time.
template <class F> void each(int64_t n, int64_t bytes, F f) {
  const int64_t threads = at::get_num_threads();
  if (bytes < kParallelBytes || threads == 1 || n < 2) {
    for (int64_t i = 0; i < n; i++) f(i);
    return;
  }
  const int64_t batch = std::max<int64_t>(1, n / (threads * 32));
  std::atomic<int64_t> next{0};
  at::parallel_for(0, threads, 1, [&](int64_t, int64_t) {
    for (;;) {
      const int64_t begin = next.fetch_add(batch);
      if (begin >= n) return;
      for (int64_t i = begin; i < std::min(n, begin + batch); i++) f(i);
    }
  });
}

} // namespace gtg
#endif
