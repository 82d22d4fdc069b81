// All that needs libtorch: what an optimizer holds, measuring gradients,
// changing them, and the bookkeeping around a backward pass. No exception
// leaves this file, and gotch's thread-local error is never touched: errors are
// returned by value.
#if !__has_include(<torch/torch.h>)
#error "libtorch's headers were not found: run \"gtg setup\" in this module (in a checkout of gtg: make setup)"
#endif

#include <torch/torch.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

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

#include "gtg.h"

namespace {

using Clock = std::chrono::steady_clock;

int64_t since(Clock::time_point t) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - t).count();
}

void say(char *error, const char *what) {
  if (error == nullptr) return;
  // libtorch's messages go on with a stack of frames: the first line says it.
  size_t n = strcspn(what, "\n");
  if (n >= GTG_ERROR_SIZE) n = GTG_ERROR_SIZE - 1;
  memcpy(error, what, n);
  error[n] = 0;
}

// Runs f and turns whatever it throws into an error message.
template <class F> int guarded(char *error, F f) {
  try {
    f();
    return 0;
  } catch (const std::exception &e) {
    say(error, e.what());
  } catch (...) {
    say(error, "an unknown C++ exception");
  }
  return -1;
}

torch::Tensor *tensor_of(void *t) { return static_cast<torch::Tensor *>(t); }

// ---- measuring ----------------------------------------------------------

int scan_type(const torch::Tensor &t) {
  switch (t.scalar_type()) {
  case torch::kFloat32: return GTG_F32;
  case torch::kFloat64: return GTG_F64;
  case torch::kFloat16: return GTG_F16;
  case torch::kBFloat16: return GTG_BF16;
  default: return -1;
  }
}

// The elements of a gradient that are stored, as a dense real tensor; implicit
// is the number of those that are not stored because they are 0.
torch::Tensor elements(const torch::Tensor &g, int64_t *implicit) {
  *implicit = 0;
  torch::Tensor t = g;
  if (t.layout() == torch::kSparse) {
    // Uncoalesced entries of one index are summands, not elements.
    const int64_t all = t.numel();
    t = t.coalesce().values();
    *implicit = all - t.numel();
  } else if (t.layout() != torch::kStrided) {
    t = t.to_dense();
  }
  if (t.is_complex()) t = torch::view_as_real(t.resolve_conj());
  return t;
}

// Results of one tensor on its own device, in float64: norm, largest
// magnitude, zeros, non-finite elements. Nothing here waits for the device.
torch::Tensor scan_portable(const torch::Tensor &t) {
  const auto all = at::IntArrayRef{};
  auto norm = t.numel() == 0 ? torch::zeros({}, t.options().dtype(torch::kFloat64))
                             : at::linalg_vector_norm(t, 2, c10::nullopt, false, torch::kFloat64);
  auto max = t.numel() == 0 ? torch::zeros_like(norm)
                            : at::linalg_vector_norm(t, INFINITY, c10::nullopt, false, torch::kFloat64);
  auto zeros = t.eq(0).sum(all, false, torch::kFloat64);
  auto bad = at::isfinite(t).logical_not().sum(all, false, torch::kFloat64);
  return torch::stack({norm, max, zeros, bad});
}

// The rare second look at a tensor that has non-finite elements or whose norm
// left float64's range.
void classify_portable(const torch::Tensor &t, gtg_stat *out) {
  const auto d = t.to(torch::kFloat64);
  if (out->nonfinite) {
    out->nan = d.isnan().sum().item<int64_t>();
    out->pos_inf = d.isposinf().sum().item<int64_t>();
    out->neg_inf = d.isneginf().sum().item<int64_t>();
    out->max = torch::where(at::isfinite(d), d.abs(), torch::zeros_like(d)).max().item<double>();
    out->norm = out->nan ? NAN : INFINITY;
  } else if (out->max > 0) {
    out->norm = out->max * (d / out->max).square().sum().sqrt().item<double>();
  }
}

struct Pending { // a tensor that is measured on its device
  torch::Tensor values;
  gtg_stat *out;
};

// Measures one gradient, or puts it into pending when it is not in CPU memory.
void measure_one(const torch::Tensor &g, bool portable, gtg_stat *out, std::vector<Pending> &pending) {
  *out = gtg_stat{};
  if (!g.defined()) return;
  int64_t implicit = 0;
  torch::Tensor t = g;
  if (g.layout() != torch::kStrided || g.is_complex()) t = elements(g, &implicit);
  const int type = scan_type(t);
  if (!portable && type >= 0 && t.is_cpu()) {
    // The order of elements in memory does not matter as long as each is there once.
    if (!t.is_non_overlapping_and_dense()) t = t.contiguous();
    gtg_scan(t.data_ptr(), t.numel(), type, out);
  } else {
    if (type < 0) t = t.to(torch::kFloat64);
    out->numel = t.numel();
    out->defined = 1;
    pending.push_back({t, out});
  }
  out->numel += implicit;
  out->zeros += implicit;
}

// Brings the results of all pending tensors, and the loss if it is on a
// device, to the CPU: one copy, and so one synchronisation, for each device.
void collect(std::vector<Pending> &pending, const torch::Tensor &loss, double *loss_out) {
  std::vector<torch::Device> devices;
  const auto note = [&](const torch::Device &d) {
    for (const auto &x : devices) {
      if (x == d) return;
    }
    devices.push_back(d);
  };
  for (const auto &p : pending) note(p.values.device());
  if (loss.defined()) note(loss.device());
  for (const auto &device : devices) {
    std::vector<torch::Tensor> parts;
    for (const auto &p : pending) {
      if (p.values.device() == device) parts.push_back(scan_portable(p.values));
    }
    const bool with_loss = loss.defined() && loss.device() == device;
    if (with_loss) parts.push_back(loss.reshape({1}).to(torch::kFloat64));
    const auto host = torch::cat(parts).to(torch::kCPU).contiguous();
    const double *x = host.data_ptr<double>();
    for (const auto &p : pending) {
      if (p.values.device() != device) continue;
      const int64_t implicit = p.out->zeros;
      p.out->norm = x[0];
      p.out->max = x[1];
      p.out->zeros = implicit + int64_t(x[2]);
      p.out->nonfinite = int64_t(x[3]);
      x += 4;
      if (p.out->nonfinite || (p.out->max > 0 && !(p.out->norm > 1e-145 && std::isfinite(p.out->norm)))) {
        classify_portable(p.values, p.out);
      }
    }
    if (with_loss) *loss_out += x[0];
  }
}

// ---- changing -----------------------------------------------------------

void apply_one(torch::Tensor g, double factor, double lower, double upper) {
  if (!g.defined()) return;
  if (factor != 1) {
    if (g.layout() == torch::kSparse) {
      g._values().mul_(factor); // linear, so uncoalesced entries need not be summed first
    } else {
      g.mul_(factor);
    }
  }
  if (lower < upper && !g.is_complex()) {
    if (g.layout() == torch::kSparse) {
      const auto c = g.coalesce();
      c._values().clamp_(lower, upper);
      g.copy_(c);
    } else {
      g.clamp_(lower, upper);
    }
  }
}

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

  std::mutex mutex; // of all below, but the report

  std::vector<gtg_stat> stats;
  std::vector<const void *> identities;
  std::vector<Mark> marks;
  std::vector<Pending> pending;
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

// Breadth first from the loss: how many autograd nodes lie between it and the
// operation that brings in each leaf. In a deep network the first layers are
// the farthest. Views of a leaf on its way into that operation (the transposed
// weight of a linear layer) are not steps towards the input, so they do not count.
std::unordered_map<const void *, int64_t> distances_from(const torch::Tensor &loss) {
  struct Place {
    torch::autograd::Node *node;
    int64_t distance;
    int64_t joined; // distance of the last node on the way that has several inputs
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
    const int64_t joined = edges.size() > 1 ? at.distance : at.joined;
    for (const auto &edge : edges) {
      if (edge.function && seen.insert(edge.function.get()).second) {
        queue.push_back({edge.function.get(), at.distance + 1, joined});
      }
    }
  }
  return found;
}

} // namespace

extern "C" {

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

int gtg_measure(void *const *tensors, int64_t n, int gradients, int portable, gtg_stat *out, char *error) {
  return guarded(error, [&] {
    torch::NoGradGuard no_grad;
    std::vector<Pending> pending;
    for (int64_t i = 0; i < n; i++) {
      const auto &t = *tensor_of(tensors[i]);
      measure_one(gradients && t.defined() ? t.grad() : t.detach(), portable != 0, &out[i], pending);
    }
    collect(pending, torch::Tensor(), nullptr);
  });
}

int gtg_apply(void *optimizer, double factor, double lower, double upper, char *error) {
  return guarded(error, [&] {
    torch::NoGradGuard no_grad;
    each_param(optimizer_of(optimizer), [&](torch::Tensor &p) { apply_one(p.grad(), factor, lower, upper); });
  });
}

int gtg_apply_list(void *const *tensors, int64_t n, double factor, double lower, double upper, char *error) {
  return guarded(error, [&] {
    torch::NoGradGuard no_grad;
    for (int64_t i = 0; i < n; i++) {
      const auto &t = *tensor_of(tensors[i]);
      if (t.defined()) apply_one(t.grad(), factor, lower, upper);
    }
  });
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
    size_t n = 0;
    bool changed = false;
    a.pending.clear();
    each_param(a.optimizer, [&](torch::Tensor &) { n++; });
    if (a.stats.size() != n) {
      a.stats.resize(n);
      a.identities.assign(n, nullptr);
      changed = true;
    }
    size_t i = 0;
    each_param(a.optimizer, [&](torch::Tensor &p) {
      const void *identity = p.unsafeGetTensorImpl();
      if (a.identities[i] != identity) {
        a.identities[i] = identity;
        changed = true;
      }
      measure_one(p.grad(), false, &a.stats[i], a.pending);
      i++;
    });
    double loss = a.loss;
    collect(a.pending, a.loss_there, &loss);
    a.pending.clear();
    a.report.stats = a.stats.data();
    a.report.params = int64_t(n);
    a.report.changed = changed;
    a.report.backwards = a.backwards;
    a.report.loss = loss;
    a.report.lr = first_lr(a.optimizer);
  });
  if (failed) {
    a.pending.clear();
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
