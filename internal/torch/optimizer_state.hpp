// What libtorch's optimizers remember of each parameter.
#pragma once

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <sstream>
#include <type_traits>
#include <vector>

namespace gtg {
namespace {

using State = torch::optim::OptimizerParamState;

// The key of a parameter's state, whose type differs between versions of libtorch.
template <class Map> typename Map::key_type state_key(const Map &, const at::Tensor &p) {
  using Key = typename Map::key_type;
  if constexpr (std::is_same<Key, std::string>::value) {
    std::ostringstream s;
    s << static_cast<void *>(p.unsafeGetTensorImpl());
    return s.str();
  } else {
    return p.unsafeGetTensorImpl();
  }
}

// All that is in the state of one parameter.
struct Slots {
  std::vector<at::Tensor *> tensors;
  int64_t *step = nullptr;
};

template <class Adam> Slots adam_slots(Adam &s) { return {{&s.exp_avg(), &s.exp_avg_sq(), &s.max_exp_avg_sq()}, &s.step()}; }

Slots slots_of(State &state) {
  if (auto s = dynamic_cast<torch::optim::AdamWParamState *>(&state)) return adam_slots(*s);
  if (auto s = dynamic_cast<torch::optim::AdamParamState *>(&state)) return adam_slots(*s);
  if (auto s = dynamic_cast<torch::optim::SGDParamState *>(&state)) return {{&s->momentum_buffer()}, nullptr};
  if (auto s = dynamic_cast<torch::optim::RMSpropParamState *>(&state)) {
    return {{&s->square_avg(), &s->momentum_buffer(), &s->grad_avg()}, &s->step()};
  }
  throw Refused("the state of this kind of optimizer is not known");
}

} // namespace
} // namespace gtg
