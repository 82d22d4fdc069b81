// What an optimizer holds, and the bookkeeping around a backward pass. No
// exception leaves this file, and gotch's thread-local error is never touched:
// errors are returned by value.
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>
#include <torch/version.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "libtorch.h"

using gtg::guarded;

namespace {

using Clock = std::chrono::steady_clock;

int64_t since(Clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - t).count();
}

torch::Tensor *tensor_of(void *t) { return static_cast<torch::Tensor *>(t); }

// ---- optimizers ---------------------------------------------------------

torch::optim::Optimizer *optimizer_of(void *o) { return static_cast<torch::optim::Optimizer *>(o); }

template <class F> void each_param(torch::optim::Optimizer *o, F f) {
  for (auto &group : o->param_groups()) {
    for (auto &p : group.params()) f(p);
  }
}

double first_lr(torch::optim::Optimizer *o) {
  if (o->param_groups().empty() || !o->param_groups()[0].has_options()) return NAN;
  auto &options = o->param_groups()[0].options();
  if (auto x = dynamic_cast<torch::optim::AdamWOptions *>(&options)) return x->lr();
  if (auto x = dynamic_cast<torch::optim::AdamOptions *>(&options)) return x->lr();
  if (auto x = dynamic_cast<torch::optim::SGDOptions *>(&options)) return x->lr();
  if (auto x = dynamic_cast<torch::optim::RMSpropOptions *>(&options)) return x->lr();
  return NAN;
}

// ---- attached optimizers ------------------------------------------------

// What a gradient looked like before a backward pass: if either changes, that
// pass added to it.
struct Mark {
  const void *grad;
  int64_t version;
  bool operator!=(const Mark &o) const { return grad != o.grad || version != o.version; }
};

struct Attached {
  torch::optim::Optimizer *optimizer = nullptr;
  uintptr_t handle = 0;
  bool any_thread = false;
  std::atomic<int64_t> thread{0}; // that last attached, zeroed or stepped it
  std::atomic<bool> watched{false}; // are losses shown to Go?

  std::mutex mutex; // of all below, but the report

  std::vector<gtg_stat> stats;
  gtg_sketch sketch{};
  std::vector<const void *> identities;
  std::vector<Mark> marks;
  gtg::Params params;
  gtg::Measurer measurer;
  // Autograd nodes between the loss and each parameter, found in the first
  // graph that reaches any of them.
  std::unordered_map<const void *, int64_t> distances;

  int64_t backwards = 0;
  double loss = 0;         // sum of the losses that were in CPU memory
  torch::Tensor loss_there; // sum of those on a device, still there
  int64_t nanoseconds = 0;

  gtg_report report{};
  char error[GTG_ERROR_SIZE] = {};
};

using Handle = std::shared_ptr<Attached>;

// A loss between the two halves of its backward pass.
struct Backward {
  // gotch lets Go's garbage collector free its handle of the loss while the
  // pass is under way: this one holds the graph until the end.
  torch::Tensor loss;
  bool ready = false;
  double value = 0;
  torch::Tensor there;
  int64_t nanoseconds = 0;
  std::vector<Handle> guards; // whose gradients it may reach
};

std::shared_mutex registry_mutex;
std::vector<Handle> registry;
std::atomic<int64_t> registry_size{0};

Handle find(void *optimizer) {
  std::shared_lock<std::shared_mutex> lock(registry_mutex);
  for (const auto &a : registry) {
    if (a->optimizer == optimizer) return a;
  }
  return nullptr;
}

// Those whose backward passes are on this thread.
std::vector<Handle> on_this_thread() {
  const int64_t thread = gtg_thread();
  std::vector<Handle> found;
  std::shared_lock<std::shared_mutex> lock(registry_mutex);
  for (const auto &a : registry) {
    if (a->any_thread || a->thread.load() == thread) found.push_back(a);
  }
  return found;
}

template <class F> void each_mark(Attached &a, F f) {
  each_param(a.optimizer, [&](torch::Tensor &p) {
    const torch::Tensor &g = p.grad();
    f(g.defined() ? Mark{g.unsafeGetTensorImpl(), int64_t(g._version())} : Mark{nullptr, 0});
  });
}

// Whether the node only looks at its input in another way, or copies it.
bool is_view(const torch::autograd::Node &node) {
  static const std::unordered_set<std::string> views{
      "Alias",  "AsStrided", "Clone", "Detach",  "Expand",  "Narrow", "Permute", "ReshapeAlias", "Select",     "Slice",
      "Split",  "Squeeze",   "T",     "ToCopy",  "Transpose", "Unbind", "Unflatten", "UnsafeView", "Unsqueeze", "View"};
  std::string name = node.name(); // such as TransposeBackward0
  return views.count(name.substr(0, name.find("Backward"))) != 0;
}

// Breadth first from the loss: how many autograd nodes lie between it and the
// operation that brings in each leaf. In a deep network the first layers are
// the farthest. Views of a leaf on its way into that operation (the transposed
// weight of a linear layer) are not steps towards the input, so they do not count.
std::unordered_map<const void *, int64_t> distances_from(const torch::Tensor &loss) {
  struct Place {
    torch::autograd::Node *node;
    int64_t distance;
    int64_t joined; // distance of the last node on the way that computes something
  };
  std::unordered_map<const void *, int64_t> found;
  if (!loss.grad_fn()) return found;
  std::unordered_set<torch::autograd::Node *> seen{loss.grad_fn().get()};
  std::deque<Place> queue{{loss.grad_fn().get(), 0, 0}};
  while (!queue.empty()) {
    const Place at = queue.front();
    queue.pop_front();
    if (auto leaf = dynamic_cast<torch::autograd::AccumulateGrad *>(at.node)) {
      found.emplace(leaf->variable.unsafeGetTensorImpl(), at.joined);
    }
    const auto &edges = at.node->next_edges();
    const int64_t joined = edges.size() > 1 || !is_view(*at.node) ? at.distance : at.joined;
    for (const auto &edge : edges) {
      if (edge.function && seen.insert(edge.function.get()).second) {
        queue.push_back({edge.function.get(), at.distance + 1, joined});
      }
    }
  }
  return found;
}

} // namespace

void gtg::parameters(void *optimizer, void *const *tensors, int64_t n, Params &out) {
  out.clear();
  if (optimizer != nullptr) {
    each_param(optimizer_of(optimizer), [&](torch::Tensor &p) { out.push_back(&p); });
    return;
  }
  for (int64_t i = 0; i < n; i++) out.push_back(tensor_of(tensors[i]));
}

extern "C" {

// Written in Go: may differentiate the loss.
void gtgBackward(uintptr_t handle, void *loss, double value);

int gtg_describe(void *optimizer, gtg_optimizer *out, char *error) {
  return guarded(error, [&] {
    *out = gtg_optimizer{};
    out->lr = out->momentum = out->beta1 = out->beta2 = out->weight_decay = NAN;
    auto o = optimizer_of(optimizer);
    const char *kind = "unknown";
    auto &options = o->defaults();
    if (auto w = dynamic_cast<torch::optim::AdamWOptions *>(&options)) {
      kind = "adamw";
      std::tie(out->beta1, out->beta2) = w->betas();
      out->weight_decay = w->weight_decay();
    } else if (auto a = dynamic_cast<torch::optim::AdamOptions *>(&options)) {
      kind = "adam";
      std::tie(out->beta1, out->beta2) = a->betas();
      out->weight_decay = a->weight_decay();
    } else if (auto s = dynamic_cast<torch::optim::SGDOptions *>(&options)) {
      kind = "sgd";
      out->momentum = s->momentum();
      out->weight_decay = s->weight_decay();
    } else if (auto r = dynamic_cast<torch::optim::RMSpropOptions *>(&options)) {
      kind = "rmsprop";
      out->momentum = r->momentum();
      out->weight_decay = r->weight_decay();
    }
    snprintf(out->kind, sizeof out->kind, "%s", kind);
    out->lr = first_lr(o);
    std::string device = "cpu";
    each_param(o, [&](torch::Tensor &p) {
      if (out->params++ == 0) {
        std::ostringstream s;
        s << p.device();
        device = s.str();
      }
    });
    snprintf(out->device, sizeof out->device, "%s", device.c_str());
  });
}

int gtg_params(void *optimizer, gtg_param *out, int64_t capacity, int64_t *n, char *error) {
  return guarded(error, [&] {
    const auto a = find(optimizer);
    *n = 0;
    each_param(optimizer_of(optimizer), [&](torch::Tensor &p) {
      const int64_t i = (*n)++;
      if (i >= capacity) return;
      out[i] = gtg_param{};
      out[i].identity = p.unsafeGetTensorImpl();
      out[i].numel = p.numel();
      out[i].dims = p.dim();
      for (int64_t d = 0; d < p.dim() && d < 8; d++) out[i].shape[d] = p.size(d);
      out[i].requires_grad = p.requires_grad();
      out[i].distance = -1;
      if (a) {
        const std::lock_guard<std::mutex> lock(a->mutex);
        const auto found = a->distances.find(out[i].identity);
        if (found != a->distances.end()) out[i].distance = found->second;
      }
    });
  });
}

int gtg_identity(void *tensor, void **out, char *error) {
  return guarded(error, [&] { *out = tensor_of(tensor)->unsafeGetTensorImpl(); });
}

const char *gtg_version(void) { return TORCH_VERSION; }

int gtg_seed(int64_t seed, char *error) {
  return guarded(error, [&] { torch::manual_seed(seed); });
}

int gtg_set_threads(int64_t n, char *error) {
  return guarded(error, [&] { at::set_num_threads(int(n)); });
}

int64_t gtg_thread(void) {
#ifdef __linux__
  return syscall(SYS_gettid);
#else
  static thread_local char here; // one for each thread
  return int64_t(reinterpret_cast<intptr_t>(&here));
#endif
}

int64_t gtg_attached(void) { return registry_size.load(std::memory_order_acquire); }

int gtg_attach(void *optimizer, uintptr_t handle, int any_thread, char *error) {
  bool twice = false;
  const int failed = guarded(error, [&] {
    auto a = std::make_shared<Attached>();
    a->optimizer = optimizer_of(optimizer);
    a->handle = handle;
    a->any_thread = any_thread != 0;
    a->thread.store(gtg_thread());
    std::unique_lock<std::shared_mutex> lock(registry_mutex);
    for (const auto &other : registry) {
      twice = twice || other->optimizer == a->optimizer;
    }
    if (twice) return;
    registry.push_back(std::move(a));
    registry_size.store(int64_t(registry.size()), std::memory_order_release);
  });
  return twice ? 1 : failed;
}

void gtg_detach(void *optimizer) {
  std::unique_lock<std::shared_mutex> lock(registry_mutex);
  for (auto a = registry.begin(); a != registry.end(); ++a) {
    if ((*a)->optimizer == optimizer) {
      registry.erase(a);
      break;
    }
  }
  registry_size.store(int64_t(registry.size()), std::memory_order_release);
}

void gtg_watch(void *optimizer, int on) {
  if (const auto a = find(optimizer)) a->watched.store(on != 0);
}

void *gtg_find(void *optimizer) {
  auto a = find(optimizer);
  return a ? new Handle(std::move(a)) : nullptr;
}

void gtg_release(void *attached) { delete static_cast<Handle *>(attached); }

uintptr_t gtg_handle(void *attached) { return (*static_cast<Handle *>(attached))->handle; }

void *gtg_before_backward(void *loss) {
  auto kept = new Backward{*tensor_of(loss)};
  auto &backward = *kept;
  const auto start = Clock::now();
  guarded(nullptr, [&] {
    const torch::Tensor &l = backward.loss;
    if (!l.defined() || l.numel() != 1) return; // the real function will say so
    if (l.is_cpu()) {
      backward.value = l.item<double>();
    } else {
      backward.there = l.detach().reshape({}).to(torch::kFloat64);
    }
    const auto all = on_this_thread();
    bool unknown = false;
    for (const auto &a : all) {
      const std::lock_guard<std::mutex> lock(a->mutex);
      a->marks.clear();
      each_mark(*a, [&](const Mark &m) { a->marks.push_back(m); });
      unknown = unknown || a->distances.empty();
    }
    if (unknown) {
      const auto found = distances_from(l);
      for (const auto &a : all) {
        const std::lock_guard<std::mutex> lock(a->mutex);
        if (!a->distances.empty()) continue;
        each_param(a->optimizer, [&](torch::Tensor &p) {
          const auto at = found.find(p.unsafeGetTensorImpl());
          if (at != found.end()) a->distances.insert(*at);
        });
      }
    }
    backward.guards = all;
    backward.ready = true;
  });
  backward.nanoseconds = since(start);
  return kept;
}

void *gtg_loss(void *backward) { return &static_cast<Backward *>(backward)->loss; }

void gtg_show_loss(void *kept) {
  auto &backward = *static_cast<Backward *>(kept);
  for (const auto &a : backward.guards) {
    if (!a->watched.load()) continue;
    const auto start = Clock::now();
    gtgBackward(a->handle, &backward.loss, backward.there.defined() ? NAN : backward.value);
    const std::lock_guard<std::mutex> lock(a->mutex);
    a->nanoseconds += since(start);
  }
}

void gtg_after_backward(void *kept) {
  const std::unique_ptr<Backward> owned(static_cast<Backward *>(kept));
  auto &backward = *owned;
  const auto start = Clock::now();
  guarded(nullptr, [&] {
    if (!backward.ready) return;
    for (const auto &a : backward.guards) {
      const std::lock_guard<std::mutex> lock(a->mutex);
      size_t i = 0;
      bool touched = false;
      each_mark(*a, [&](const Mark &m) {
        touched = touched || i >= a->marks.size() || a->marks[i] != m;
        i++;
      });
      if (touched) {
        if (backward.there.defined()) {
          a->loss_there = a->loss_there.defined() ? a->loss_there + backward.there : backward.there;
        }
        a->loss += backward.value;
        a->backwards++;
      }
      a->nanoseconds += backward.nanoseconds + since(start);
      backward.nanoseconds = 0; // counted once
    }
  });
}

void gtg_add_cost(void *attached, int64_t nanoseconds) {
  auto &a = **static_cast<Handle *>(attached);
  const std::lock_guard<std::mutex> lock(a.mutex);
  a.nanoseconds += nanoseconds;
}

void gtg_zeroed(void *attached) {
  auto &a = **static_cast<Handle *>(attached);
  a.thread.store(gtg_thread());
  const std::lock_guard<std::mutex> lock(a.mutex);
  a.backwards = 0;
  a.loss = 0;
  a.loss_there = torch::Tensor();
}

gtg_report *gtg_measure_step(void *attached) {
  const auto start = Clock::now();
  auto &a = **static_cast<Handle *>(attached);
  a.report = gtg_report{};
  std::unique_lock<std::mutex> lock(a.mutex);
  const int failed = guarded(a.error, [&] {
    torch::NoGradGuard no_grad;
    gtg::parameters(a.optimizer, nullptr, 0, a.params);
    const size_t n = a.params.size();
    bool changed = a.stats.size() != n;
    a.stats.resize(n);
    a.identities.resize(n);
    for (size_t i = 0; i < n; i++) {
      const void *identity = a.params[i]->unsafeGetTensorImpl();
      changed = changed || a.identities[i] != identity;
      a.identities[i] = identity;
    }
    double loss = a.loss;
    a.measurer.measure(a.params, true, a.stats.data(), a.loss_there, &loss, false, &a.sketch);
    a.report.stats = a.stats.data();
    a.report.sketch = a.sketch.known ? &a.sketch : nullptr;
    a.report.params = int64_t(n);
    a.report.changed = changed;
    a.report.backwards = a.backwards;
    a.report.loss = loss;
    a.report.lr = first_lr(a.optimizer);
  });
  if (failed) {
    a.report = gtg_report{};
    a.report.error = a.error;
  }
  a.report.nanoseconds = a.nanoseconds + since(start);
  a.nanoseconds = 0;
  lock.unlock();
  gtg_zeroed(attached); // what this step used does not count for the next
  return &a.report;
}

} // extern "C"
