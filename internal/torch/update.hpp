// What an optimizer is about to do with a gradient, from its own state and
// options: the update u of the parameters before it is made, and the gradient
// as the optimizer preconditions it. Neither changes the optimizer.
#include "optimizer_state.hpp"
#include "vector.h"

#include <algorithm>
#include <cmath>

namespace {

using at::Tensor;
using gtg::Refused;
using gtg::Vector;

// The optimizer's state of one parameter, or nullptr before its first step.
template <class S, class Map> const S *state_of(Map &states, const Tensor &p) {
  const auto found = states.find(gtg::state_key(states, p));
  return found == states.end() ? nullptr : dynamic_cast<const S *>(found->second.get());
}

Tensor decayed(const Tensor &g, const Tensor &p, double weight_decay) {
  return weight_decay != 0 ? g.add(p, weight_decay) : g;
}

// Gradient descent with momentum, as torch::optim::SGD steps.
Tensor sgd(const torch::optim::SGDOptions &o, const torch::optim::SGDParamState *s, const Tensor &p, const Tensor &gradient) {
  Tensor d = decayed(gradient, p, o.weight_decay());
  if (o.momentum() != 0) {
    const bool first = s == nullptr || !s->momentum_buffer().defined();
    const Tensor buffer = first ? d : s->momentum_buffer().mul(o.momentum()).add(d, 1 - o.dampening());
    d = o.nesterov() ? d.add(buffer, o.momentum()) : buffer;
  }
  return d.mul(-o.lr());
}

// Adam and AdamW: bias-corrected moments including this gradient. P is the
// divisor √v̂ + ε.
template <class Options, class State>
Tensor adam(const Options &o, const State *s, const Tensor &p, const Tensor &gradient, bool decoupled, bool preconditioned) {
  const double b1 = std::get<0>(o.betas()), b2 = std::get<1>(o.betas());
  const double step = s == nullptr ? 1 : double(s->step()) + 1;
  const Tensor g = decoupled ? gradient : decayed(gradient, p, o.weight_decay());
  Tensor m = g.mul(1 - b1), v = g.mul(g).mul_(1 - b2);
  if (s != nullptr) {
    m.add_(s->exp_avg(), b1);
    v.add_(s->exp_avg_sq(), b2);
    if (o.amsgrad() && s->max_exp_avg_sq().defined()) v = at::maximum(v, s->max_exp_avg_sq());
  }
  const Tensor divisor = v.sqrt_().div_(std::sqrt(1 - std::pow(b2, step))).add_(o.eps());
  if (preconditioned) return gradient.div(divisor);
  Tensor u = m.div_(divisor).mul_(-o.lr() / (1 - std::pow(b1, step)));
  if (decoupled && o.weight_decay() != 0) u.add_(p, -o.lr() * o.weight_decay());
  return u;
}

Tensor rmsprop(const torch::optim::RMSpropOptions &o, const torch::optim::RMSpropParamState *s, const Tensor &p, const Tensor &gradient,
               bool preconditioned) {
  const Tensor g = decayed(gradient, p, o.weight_decay());
  Tensor square = g.mul(g).mul_(1 - o.alpha()), mean;
  if (s != nullptr) square.add_(s->square_avg(), o.alpha());
  if (o.centered()) {
    mean = g.mul(1 - o.alpha());
    if (s != nullptr && s->grad_avg().defined()) mean.add_(s->grad_avg(), o.alpha());
    square = square.sub(mean.mul(mean));
  }
  const Tensor divisor = square.sqrt().add_(o.eps());
  if (preconditioned) return gradient.div(divisor);
  Tensor d = g.div(divisor);
  if (o.momentum() > 0 && s != nullptr && s->momentum_buffer().defined()) d.add_(s->momentum_buffer(), o.momentum());
  return d.mul_(-o.lr());
}

Tensor direction(torch::optim::OptimizerOptions &options, torch::optim::Optimizer &optimizer, const Tensor &p, const Tensor &g,
                 bool preconditioned) {
  auto &states = optimizer.state();
  if (auto o = dynamic_cast<torch::optim::AdamWOptions *>(&options)) {
    return adam(*o, state_of<torch::optim::AdamWParamState>(states, p), p, g, true, preconditioned);
  }
  if (auto o = dynamic_cast<torch::optim::AdamOptions *>(&options)) {
    return adam(*o, state_of<torch::optim::AdamParamState>(states, p), p, g, false, preconditioned);
  }
  if (auto o = dynamic_cast<torch::optim::RMSpropOptions *>(&options)) {
    return rmsprop(*o, state_of<torch::optim::RMSpropParamState>(states, p), p, g, preconditioned);
  }
  if (auto o = dynamic_cast<torch::optim::SGDOptions *>(&options)) {
    return preconditioned ? g.clone() : sgd(*o, state_of<torch::optim::SGDParamState>(states, p), p, g);
  }
  throw Refused("this kind of optimizer is not known");
}

} // namespace

extern "C" int gtg_vector_update(void *vector, void *optimizer, void *gradient, int preconditioned, char *error) {
  return gtg::attempt(error, [&] {
    const at::NoGradGuard no_grad;
    auto &out = gtg::writable(vector);
    const Vector &g = gtg::vector_of(gradient);
    gtg::check(out, g);
    auto &o = *static_cast<torch::optim::Optimizer *>(optimizer);
    size_t i = 0;
    for (auto &group : o.param_groups()) {
      for (const auto &p : group.params()) {
        if (i >= out.parts.size()) throw Refused("the optimizer has other parameters than the vector");
        auto &part = out.parts[i];
        const auto &from = g.parts[i];
        i++;
        if (part.identity != p.unsafeGetTensorImpl()) throw Refused("the optimizer has other parameters than the vector");
        part.value = Tensor();
        if (!part.there || !from.value.defined()) continue;
        part.value = direction(group.has_options() ? group.options() : o.defaults(), o, p, from.value, preconditioned != 0).contiguous();
      }
    }
  });
}

extern "C" int gtg_param_values(void *optimizer, int64_t index, double *out, int64_t numel, char *error) {
  return gtg::attempt(error, [&] {
    const at::NoGradGuard no_grad;
    const auto params = gtg::listed(optimizer, nullptr, 0);
    if (index < 0 || index >= int64_t(params.size())) throw Refused(gtg::text("parameter ", index, " of ", params.size()));
    const Tensor &p = *params[index];
    if (p.numel() != numel) throw Refused(gtg::text("room for ", numel, " elements of a parameter with ", p.numel()));
    const Tensor values = p.detach().to(at::kCPU, at::kDouble).contiguous();
    std::copy_n(values.data_ptr<double>(), numel, out);
  });
}
