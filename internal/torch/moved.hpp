// A copy of an optimizer's parameters, and how far one step has moved them from it.
#include "gradients.hpp"

#include <memory>

namespace gtg {
namespace {

class Copy {
public:
  // portable: all as on a device.
  Copy(const Params &from, bool portable) {
    int64_t bytes = 0;
    for (const auto *p : from) {
      params.push_back(*p);
      clones.emplace_back();
      const at::Tensor &t = params.back();
      if (!t.defined()) continue;
      if (portable || !plain(t)) {
        clones.back() = t.detach().clone();
        continue;
      }
      const int64_t size = t.element_size();
      for (int64_t i = 0; i < t.numel(); i += GTG_CHUNK) {
        const int64_t n = std::min<int64_t>(GTG_CHUNK, t.numel() - i);
        pieces.push_back({params.size() - 1, i * size, bytes, n, kernel_type(t)});
        bytes += (n * size + 63) / 64 * 64; // each begins in a line of the cache
      }
    }
    memory.reset(new char[size_t(bytes)]); // not set to 0
    each(int64_t(pieces.size()), bytes, [&](int64_t i) {
      const Piece &p = pieces[i];
      const at::Tensor &t = params[p.param];
      memcpy(memory.get() + p.place, address(t, p), size_t(p.n * t.element_size()));
    });
    total = bytes;
  }

  // The L2 norm of each parameter as it was, and of its change since; -1 where
  // there is none.
  void measure(double *sizes, double *changes, int64_t n) const {
    if (n != int64_t(params.size())) throw Refused(std::to_string(n) + " entries for " + std::to_string(params.size()) + " parameters");
    std::vector<gtg_moved> sums(pieces.size());
    for (const Piece &p : pieces) {
      const at::Tensor &t = params[p.param];
      if (!plain(t) || kernel_type(t) != p.type || p.offset + p.n * t.element_size() > t.numel() * t.element_size()) {
        throw Refused("parameter " + std::to_string(p.param) + " has got other memory in the step");
      }
    }
    each(int64_t(pieces.size()), 2 * total, [&](int64_t i) {
      const Piece &p = pieces[i];
      gtg_moved_sums(address(params[p.param], p), memory.get() + p.place, p.n, p.type, &sums[i]);
    });
    std::vector<gtg_moved> all(params.size());
    for (size_t i = 0; i < pieces.size(); i++) {
      all[pieces[i].param].size += sums[i].size;
      all[pieces[i].param].change += sums[i].change;
    }
    for (size_t i = 0; i < params.size(); i++) {
      sizes[i] = params[i].defined() ? std::sqrt(all[i].size) : -1;
      changes[i] = params[i].defined() ? std::sqrt(all[i].change) : -1;
    }
    // Squares that left float64's range: again, in units of the largest element.
    for (size_t i = 0; i < params.size(); i++) {
      if (!params[i].defined() || clones[i].defined() || params[i].scalar_type() != at::kDouble) continue;
      if (in_range(all[i].size) && in_range(all[i].change)) continue;
      const auto two = norms(params[i], recalled(i)).to(at::kCPU);
      sizes[i] = two[0].item<double>();
      changes[i] = two[1].item<double>();
    }
    measure_there(sizes, changes);
  }

private:
  struct Piece { // of a parameter in CPU memory
    size_t param;
    int64_t offset, place; // in bytes, in the parameter and in the copy
    int64_t n;
    int type;
  };

  static const char *address(const at::Tensor &t, const Piece &p) { return static_cast<const char *>(t.data_ptr()) + p.offset; }

  static bool in_range(double squares) { return std::isnan(squares) || (squares > 1e-290 && !std::isinf(squares)); }

  // The norms of before and of now - before, on their device: nothing waits for it.
  static at::Tensor norms(const at::Tensor &now, const at::Tensor &before) {
    const auto number = [](const at::Tensor &t) {
      auto x = t.layout() == at::kStrided ? t.resolve_neg() : t.to_dense();
      if (x.is_complex()) x = at::view_as_real(x.resolve_conj());
      return x.to(at::kDouble);
    };
    const auto norm = [](const at::Tensor &d) {
      if (d.numel() == 0) return at::zeros({}, d.options());
      const auto max = at::linalg_vector_norm(d, INFINITY);
      const auto scale = at::where(max.gt(0).logical_and(at::isfinite(max)), max, at::ones_like(max));
      return at::linalg_vector_norm(d / scale, 2).mul(scale);
    };
    const auto b = number(before);
    return at::stack({norm(b), norm(number(now) - b)});
  }

  // Parameter i as it was, out of its pieces.
  at::Tensor recalled(size_t i) const {
    auto t = at::empty_like(params[i]);
    for (const Piece &p : pieces) {
      if (p.param == i) memcpy(static_cast<char *>(t.data_ptr()) + p.offset, memory.get() + p.place, size_t(p.n * t.element_size()));
    }
    return t;
  }

  // What the kernels do not know: one copy to the host for each device.
  void measure_there(double *sizes, double *changes) const {
    std::vector<at::Device> devices;
    for (const auto &c : clones) {
      if (c.defined() && std::find(devices.begin(), devices.end(), c.device()) == devices.end()) devices.push_back(c.device());
    }
    for (const auto &device : devices) {
      std::vector<at::Tensor> parts;
      std::vector<size_t> of;
      for (size_t i = 0; i < clones.size(); i++) {
        if (!clones[i].defined() || clones[i].device() != device) continue;
        parts.push_back(norms(params[i], clones[i]));
        of.push_back(i);
      }
      const auto host = at::cat(parts).to(at::kCPU).contiguous();
      const double *x = host.data_ptr<double>();
      for (size_t k = 0; k < of.size(); k++) {
        sizes[of[k]] = x[2 * k];
        changes[of[k]] = x[2 * k + 1];
      }
    }
  }

  std::vector<at::Tensor> params;
  std::vector<at::Tensor> clones; // of those that the kernels do not know
  std::vector<Piece> pieces;      // of the others
  std::unique_ptr<char[]> memory;
  int64_t total = 0;
};

} // namespace
} // namespace gtg

extern "C" {

int gtg_copy_new(GTG_GRADS, int portable, void **out, char *error) {
  return gtg::guarded(error, [&] {
    const at::NoGradGuard no_grad;
    gtg::Params params;
    gtg::parameters(optimizer, tensors, n, params);
    *out = new gtg::Copy(params, portable != 0);
  });
}

int gtg_copy_moved(void *copy, double *sizes, double *changes, int64_t n, char *error) {
  return gtg::guarded(error, [&] {
    const at::NoGradGuard no_grad;
    static_cast<gtg::Copy *>(copy)->measure(sizes, changes, n);
  });
}

void gtg_copy_free(void *copy) { delete static_cast<gtg::Copy *>(copy); }

} // extern "C"
