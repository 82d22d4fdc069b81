// gotch's operations do not keep their tensors alive while libtorch works on
// them: Go's garbage collector may find a tensor dead as soon as its C pointer
// was read, and its finalizer then frees the tensor on another thread in the
// middle of the operation. A program with more goroutines, as one with gtg is,
// meets this more often.
//
// While an optimizer is attached, a tensor that is freed on another thread than
// the training one is therefore put aside until every training thread has come
// back from libtorch once. A tensor that Go found dead before that moment is
// not used after it, so freeing it then is safe.
#include "gtg.h"

#ifdef GTG_WRAP

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

extern "C" void __real_at_free(void *tensor);

namespace {

using Clock = std::chrono::steady_clock;

// A training thread that does not come back in this time is asleep, not in an
// operation: nothing waits for it longer.
constexpr std::chrono::seconds kPatience{5};
// With so many waiting, a training thread frees them wherever it comes back,
// not at the end of the step only.
constexpr size_t kMany = 256;

struct Entry {
  void *tensor;
  uint64_t number;
  Clock::time_point since;
};

std::mutex mutex;                            // of the next two
std::deque<Entry> entries;                   // the oldest first
std::vector<std::atomic<uint64_t> *> passed; // for each training thread: the last entry that it does not use any more
std::atomic<uint64_t> last{0};               // number of the newest entry
std::atomic<size_t> waiting{0};

// The calling thread, when it is a training one.
struct Trainer {
  std::atomic<uint64_t> passed{0};
  bool known = false;
  void join() {
    if (known) return;
    known = true;
    const std::lock_guard<std::mutex> lock(mutex);
    passed.store(last.load());
    ::passed.push_back(&passed);
  }
  ~Trainer() {
    if (!known) return;
    const std::lock_guard<std::mutex> lock(mutex);
    ::passed.erase(std::find(::passed.begin(), ::passed.end(), &passed));
  }
};
thread_local Trainer trainer;

// Frees what no training thread uses any more.
void release() {
  std::vector<void *> dead;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    uint64_t safe = std::numeric_limits<uint64_t>::max();
    for (const auto *p : passed) safe = std::min(safe, p->load());
    const auto now = Clock::now();
    while (!entries.empty() && (entries.front().number <= safe || now - entries.front().since > kPatience)) {
      dead.push_back(entries.front().tensor);
      entries.pop_front();
    }
    waiting.store(entries.size());
  }
  for (void *t : dead) __real_at_free(t);
}

} // namespace

extern "C" {

void gtg_training_thread(void) { trainer.join(); }

// The calling thread has come back from libtorch.
void gtg_came_back(int step_ended) {
  if (!trainer.known || waiting.load(std::memory_order_relaxed) == 0) return;
  trainer.passed.store(last.load());
  if (step_ended || waiting.load(std::memory_order_relaxed) > kMany) release();
}

void __wrap_at_free(void *tensor) {
  if (trainer.known || gtg_attached() == 0) {
    __real_at_free(tensor);
    gtg_came_back(0);
    if (!trainer.known && waiting.load(std::memory_order_relaxed) > 0) release();
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const uint64_t number = last.load() + 1;
    entries.push_back({tensor, number, Clock::now()});
    last.store(number);
    waiting.store(entries.size());
  }
  release();
}

} // extern "C"

#else
extern "C" {
void gtg_training_thread(void) {}
void gtg_came_back(int) {}
}
#endif
