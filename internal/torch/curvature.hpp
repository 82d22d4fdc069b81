// Second derivatives: a gradient that keeps its graph, so that products with the
// Hessian are gradients of it (Pearlmutter 1994, "Fast Exact Multiplication by the
// Hessian"). Nothing here writes a .grad, and the loss's own graph stays as it was.
#include "vector.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

using namespace gtg;
using torch::autograd::variable_list;

namespace {

struct Graph : Counted {
  at::Tensor loss;
  std::unique_ptr<Vector> gradient;
  // Those that take part: their place in the list, and their gradient with its graph.
  std::vector<size_t> places;
  variable_list params, gradients;
};

Graph &graph_of(void *g) { return *static_cast<Graph *>(g); }

void check_loss(const at::Tensor &loss) {
  if (!loss.defined()) throw Refused("the loss is an undefined tensor");
  if (loss.numel() != 1) {
    throw Refused(text("the loss has ", loss.numel(), " elements (shape ", loss.sizes(), "): take their mean or sum first"));
  }
  if (!loss.requires_grad()) {
    throw Failure(GTG_NO_GRAPH, "it does not require a gradient: it was computed with gradients switched off, detached, or from frozen parameters only");
  }
}

std::unique_ptr<Graph> open_graph(const at::Tensor &loss, const Params &params) {
  check_loss(loss);
  auto graph = std::make_unique<Graph>();
  graph->loss = loss;
  graph->gradient = vector_over(params);
  auto &parts = graph->gradient->parts;
  variable_list inputs;
  std::vector<size_t> places;
  for (size_t i = 0; i < parts.size(); i++) {
    if (!parts[i].there) continue;
    inputs.push_back(*params[i]);
    places.push_back(i);
  }
  if (inputs.empty()) {
    throw Failure(GTG_NO_GRAPH, params.empty() ? "there are no parameters to differentiate it by" : text("all of its ", params.size(), " parameters are frozen"));
  }
  const auto found = torch::autograd::grad({loss}, inputs, {}, /*retain_graph=*/true, /*create_graph=*/true, /*allow_unused=*/true);
  for (size_t k = 0; k < places.size(); k++) {
    auto &part = parts[places[k]];
    part.there = found[k].defined();
    if (!part.there) continue;
    const at::AutoGradMode with_graph(true);
    graph->places.push_back(places[k]);
    graph->params.push_back(inputs[k]);
    graph->gradients.push_back(found[k].layout() == at::kStrided ? found[k] : found[k].to_dense());
    part.value = graph->gradients.back().detach().resolve_neg().contiguous();
  }
  if (graph->places.empty()) throw Failure(GTG_NO_GRAPH, text("none of its ", inputs.size(), " parameters took part in it"));
  graph->gradient->fixed = true;
  return graph;
}

// A result of autograd that is this vector's alone: libtorch may hand back what it
// was given, or the same tensor twice.
at::Tensor owned(at::Tensor t) {
  if (!t.defined()) return t;
  if (t.layout() != at::kStrided) t = t.to_dense();
  t = t.detach().resolve_neg().contiguous();
  return t.storage().use_count() > 1 ? t.clone() : t;
}

void hvp(const Graph &graph, const Vector &in, Vector &out) {
  check(*graph.gradient, in);
  check(*graph.gradient, out);
  variable_list outputs, seeds;
  for (size_t k = 0; k < graph.places.size(); k++) {
    const auto &v = in.parts[graph.places[k]].value;
    // A gradient without a graph is a constant: its derivative is 0.
    if (!v.defined() || !graph.gradients[k].requires_grad()) continue;
    outputs.push_back(graph.gradients[k]);
    seeds.push_back(v);
  }
  variable_list product(graph.params.size());
  if (!outputs.empty()) {
    product = torch::autograd::grad(outputs, graph.params, seeds, /*retain_graph=*/true, /*create_graph=*/false, /*allow_unused=*/true);
  }
  outputs.clear();
  seeds.clear();
  for (auto &part : out.parts) part.value.reset();
  for (size_t k = 0; k < graph.places.size(); k++) {
    auto &part = out.parts[graph.places[k]];
    if (part.there) part.value = owned(std::move(product[k]));
  }
}

} // namespace

extern "C" {

int gtg_graph_open(void *loss, GTG_GRADS, void **out, char *error) {
  return attempt(error, [&] { *out = open_graph(*static_cast<at::Tensor *>(loss), listed(optimizer, tensors, n)).release(); });
}

void gtg_graph_close(void *graph) { delete static_cast<Graph *>(graph); }

int gtg_graph_gradient(void *graph, void **out, char *error) {
  return attempt(error, [&] {
    auto v = std::make_unique<Vector>();
    v->parts = graph_of(graph).gradient->parts;
    v->fixed = true;
    *out = v.release();
  });
}

int gtg_graph_hvp(void *graph, void *in, void *out, char *error) {
  return attempt(error, [&] { hvp(graph_of(graph), vector_of(in), writable(out)); });
}

} // extern "C"
