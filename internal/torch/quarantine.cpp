// gotch's operations do not keep their tensors alive while libtorch works on
// them: Go's garbage collector may find a tensor dead as soon as its C pointer
// was read, and its finalizer then frees the tensor on another thread in the
// middle of the operation. A program with more goroutines, as one with gtg is,
// meets this more often.
//
// While an optimizer is attached, a tensor that is freed on another thread than
// a training one is therefore put aside until every training thread has come
// back from libtorch once. A tensor that Go found dead before that moment is
// not used after it, so freeing it then is safe.
//
// A thread is a training one from gtg_enter_training to gtg_leave_training, in
// which time a goroutine is locked to it: Go's finalizers run elsewhere. A
// thread that never was in a backward pass is not waited for.
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

// How long a tensor is put aside at most, so that a training thread that sleeps
// does not hold memory: longer than nearly every single operation takes. Less
// when very many wait.
constexpr std::chrono::milliseconds kPatience{5000}, kImpatience{500};
constexpr size_t kTooMany = 4096;
// With so many waiting, a training thread frees them wherever it comes back,
// not at the end of the step only.
constexpr size_t kMany = 256;
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

struct Entry {
  void *tensor;
  uint64_t number;
  Clock::time_point since;
};

struct Trainer {
  std::atomic<uint64_t> passed{kNever}; // the last entry that it does not use any more
  std::atomic<int> guards{0};           // that lock a goroutine to the thread
};

std::mutex mutex;                               // of the next two
std::deque<Entry> entries;                      // the oldest first
std::vector<std::shared_ptr<Trainer>> trainers; // all with guards
std::atomic<uint64_t> last{0};                  // number of the newest entry
std::atomic<size_t> waiting{0};

void forget(const std::shared_ptr<Trainer> &t) {
  const std::lock_guard<std::mutex> lock(mutex);
  const auto at = std::find(trainers.begin(), trainers.end(), t);
  if (at != trainers.end()) trainers.erase(at);
}

// The calling thread's, if it ever was a training one. A thread that ends while
// it is takes itself off the list.
struct Mine {
  std::shared_ptr<Trainer> trainer;
  bool trains() const { return trainer && trainer->guards.load(std::memory_order_relaxed) > 0; }
  ~Mine() {
    if (trainer) forget(trainer);
  }
};
thread_local Mine mine;

// Frees what no training thread uses any more.
void release() {
  std::vector<void *> dead;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    uint64_t safe = kNever;
    for (const auto &t : trainers) safe = std::min(safe, t->passed.load());
    const auto now = Clock::now();
    const auto patience = entries.size() > kTooMany ? kImpatience : kPatience;
    while (!entries.empty() && (entries.front().number <= safe || now - entries.front().since > patience)) {
      dead.push_back(entries.front().tensor);
      entries.pop_front();
    }
    waiting.store(entries.size());
  }
  for (void *t : dead) __real_at_free(t);
}

} // namespace

extern "C" {

void *gtg_enter_training(void) {
  if (!mine.trainer) mine.trainer = std::make_shared<Trainer>();
  if (mine.trainer->guards++ == 0) {
    const std::lock_guard<std::mutex> lock(mutex);
    mine.trainer->passed.store(kNever);
    trainers.push_back(mine.trainer);
  }
  return new std::shared_ptr<Trainer>(mine.trainer);
}

void gtg_leave_training(void *entered) {
  const std::unique_ptr<std::shared_ptr<Trainer>> t(static_cast<std::shared_ptr<Trainer> *>(entered));
  if (--(*t)->guards == 0) forget(*t);
  if (waiting.load(std::memory_order_relaxed) > 0) release();
}

// The calling thread has come back from libtorch.
int64_t gtg_came_back(int step_ended) {
  if (!mine.trains()) return 0;
  mine.trainer->passed.store(last.load());
  if (waiting.load(std::memory_order_relaxed) <= (step_ended ? 0 : kMany)) return 0;
  const auto start = Clock::now();
  release();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

void __wrap_at_free(void *tensor) {
  if (mine.trains()) {
    __real_at_free(tensor);
    if (waiting.load(std::memory_order_relaxed) > 0) gtg_came_back(0);
    return;
  }
  if (gtg_attached() == 0) {
    __real_at_free(tensor);
    if (waiting.load(std::memory_order_relaxed) > 0) release();
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
void *gtg_enter_training(void) { return nullptr; }
void gtg_leave_training(void *) {}
int64_t gtg_came_back(int) { return 0; }
}
#endif
