// An optimizer's parameters and its own state at one moment, to be put back bit for
// bit. What is put back goes into the tensors that are there: they keep their identity.
#include "gradients.hpp"
#include "optimizer_state.hpp"
#include "vector.h"

namespace gtg {
namespace {

// Makes to equal to from, in the memory that it has where that fits.
void put(at::Tensor &to, const at::Tensor &from) {
  if (!from.defined()) {
    to = at::Tensor();
  } else if (to.defined() && to.sizes() == from.sizes() && to.dtype() == from.dtype() && to.device() == from.device()) {
    to.copy_(from);
  } else {
    to = from.detach().clone();
  }
}

void put(std::unique_ptr<State> &to, State &from) {
  if (!to || typeid(*to) != typeid(from)) {
    auto copy = from.clone(); // which shares its tensors with from
    for (auto *t : slots_of(*copy).tensors) *t = t->defined() ? t->detach().clone() : at::Tensor();
    to = std::move(copy);
    return;
  }
  const auto mine = slots_of(*to), theirs = slots_of(from);
  for (size_t i = 0; i < mine.tensors.size(); i++) put(*mine.tensors[i], *theirs.tensors[i]);
  if (mine.step) *mine.step = *theirs.step;
}

class Snapshot : Counted {
public:
  void take(torch::optim::Optimizer &o) {
    whole = false;
    const auto params = listed(&o, nullptr, 0);
    entries.resize(params.size());
    for (size_t i = 0; i < params.size(); i++) {
      Entry &e = entries[i];
      e.identity = params[i]->unsafeGetTensorImpl();
      put(e.value, *params[i]);
      const auto found = o.state().find(state_key(o.state(), *params[i]));
      if (found == o.state().end()) {
        e.state.reset();
      } else {
        put(e.state, *found->second);
      }
    }
    whole = true;
  }

  void restore(torch::optim::Optimizer &o) const {
    auto params = listed(&o, nullptr, 0);
    if (!whole) throw Refused("the snapshot is not whole");
    if (params.size() != entries.size()) throw Refused(text("the optimizer has ", params.size(), " parameters, the snapshot ", entries.size()));
    for (size_t i = 0; i < params.size(); i++) {
      const at::Tensor &p = *params[i], &value = entries[i].value;
      if (p.unsafeGetTensorImpl() != entries[i].identity || p.sizes() != value.sizes() || p.dtype() != value.dtype()) {
        throw Refused(text("parameter ", i, " is not the one that the snapshot was taken of"));
      }
    }
    for (size_t i = 0; i < params.size(); i++) {
      const Entry &e = entries[i];
      params[i]->copy_(e.value);
      const auto key = state_key(o.state(), *params[i]);
      if (e.state) {
        put(o.state()[key], *e.state);
      } else {
        o.state().erase(key);
      }
    }
  }

  int64_t bytes() const {
    int64_t bytes = 0;
    const auto add = [&](const at::Tensor &t) { bytes += t.defined() ? t.numel() * t.element_size() : 0; };
    for (const auto &e : entries) {
      add(e.value);
      if (!e.state) continue;
      for (const auto *t : slots_of(*e.state).tensors) add(*t);
    }
    return bytes;
  }

private:
  struct Entry { // of one parameter
    const void *identity = nullptr;
    at::Tensor value;
    std::unique_ptr<State> state; // none: the optimizer had not stepped it yet
  };
  std::vector<Entry> entries;
  bool whole = false; // taking it did not fail in between
};

Snapshot &snapshot_of(void *s) { return *static_cast<Snapshot *>(s); }

} // namespace
} // namespace gtg

extern "C" {

int gtg_snapshot_take(void **snapshot, void *optimizer, char *error) {
  return gtg::attempt(error, [&] {
    const at::NoGradGuard no_grad;
    if (*snapshot == nullptr) *snapshot = new gtg::Snapshot;
    gtg::snapshot_of(*snapshot).take(*static_cast<torch::optim::Optimizer *>(optimizer));
  });
}

int gtg_snapshot_restore(void *snapshot, void *optimizer, char *error) {
  return gtg::attempt(error, [&] {
    const at::NoGradGuard no_grad;
    gtg::snapshot_of(snapshot).restore(*static_cast<torch::optim::Optimizer *>(optimizer));
  });
}

int gtg_snapshot_bytes(void *snapshot, int64_t *bytes, char *error) {
  return gtg::attempt(error, [&] { *bytes = gtg::snapshot_of(snapshot).bytes(); });
}

void gtg_snapshot_free(void *snapshot) { delete static_cast<gtg::Snapshot *>(snapshot); }

} // extern "C"
