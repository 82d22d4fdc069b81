// The three functions of gotch's C boundary that every training loop goes
// through, interposed by the linker (--wrap). A fourth, at_free, is in
// quarantine.cpp. An optimizer that nobody attached
// passes straight through.
#include "gtg.h"

#ifdef GTG_WRAP

extern "C" {

void __real_at_backward(void *loss, int keep_graph, int create_graph);
void __real_ato_step(void *optimizer);
void __real_ato_zero_grad(void *optimizer);

// Written in Go: decides about the step and returns GTG_SKIP, GTG_RUN or, to be
// called by gtgStepped when the optimizer has run, GTG_RUN_AND_TELL.
int gtgStep(uintptr_t handle, gtg_report *report);
void gtgStepped(uintptr_t handle);

void __wrap_at_backward(void *loss, int keep_graph, int create_graph) {
  if (gtg_attached() == 0) {
    __real_at_backward(loss, keep_graph, create_graph);
    return;
  }
  void *backward = gtg_before_backward(loss);
  gtg_show_loss(backward);
  __real_at_backward(gtg_loss(backward), keep_graph, create_graph);
  gtg_after_backward(backward);
  gtg_came_back(0);
}

void __wrap_ato_step(void *optimizer) {
  void *attached = gtg_attached() == 0 ? nullptr : gtg_find(optimizer);
  if (attached == nullptr) {
    __real_ato_step(optimizer);
    return;
  }
  const uintptr_t handle = gtg_handle(attached);
  const int then = gtgStep(handle, gtg_measure_step(attached));
  if (then != GTG_SKIP) __real_ato_step(optimizer);
  if (then == GTG_RUN_AND_TELL) gtgStepped(handle);
  gtg_add_cost(attached, gtg_came_back(1));
  gtg_release(attached);
}

void __wrap_ato_zero_grad(void *optimizer) {
  void *attached = gtg_attached() == 0 ? nullptr : gtg_find(optimizer);
  if (attached != nullptr) {
    gtg_zeroed(attached);
    gtg_release(attached);
  }
  __real_ato_zero_grad(optimizer);
}

} // extern "C"

#endif
