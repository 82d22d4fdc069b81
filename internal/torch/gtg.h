// The C face of this package: what Go and the C++ files say to each other.
// Nothing here needs a libtorch header.
#ifndef GTG_TORCH_H
#define GTG_TORCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GTG_ERROR_SIZE 512
#define GTG_REFUSED -2

// What one pass finds in one gradient. The Go type Stat mirrors it.
typedef struct {
  double norm;       // L2 norm; NaN or +Inf when nonfinite is not 0
  double max;        // largest magnitude of a finite element
  int64_t numel;     // number of elements
  int64_t zeros;     // elements that are exactly 0
  int64_t nonfinite; // elements that are NaN or infinite
  int64_t nan;       // of those: NaN
  int64_t pos_inf;   // of those: +Inf
  int64_t neg_inf;   // of those: -Inf
  int64_t defined;   // 0 when there is no gradient
} gtg_stat;

// ---- kernels over contiguous elements in CPU memory, without libtorch ----

enum { GTG_F32 = 0, GTG_F64 = 1, GTG_F16 = 2, GTG_BF16 = 3 };

// Buckets of a sketch, see sketch.h.
#define GTG_SKETCH 256

// The sketch of all gradients of a step. The Go type Sketch mirrors it.
typedef struct {
  uint64_t seed; // of the signs and buckets; read
  double sums[GTG_SKETCH];
  uint64_t layout; // 0 when all elements were in the order of their indices
  int64_t known;   // 0 when there is no sketch
} gtg_sketch;

// Elements in a chunk, the unit of work of a thread. Where a tensor is cut depends
// on its size alone, and with it the order of all sums.
#define GTG_CHUNK (1 << 16)

// What is found in one chunk of a tensor.
typedef struct {
  double squares;    // sum of squares
  uint64_t max;      // bits of the largest magnitude: ordered as the magnitudes are
  int64_t zeros;
} gtg_sums;

// A sketch in the making: that of float64 elements and that of all others, with
// bucket i in two parts, at i and at i + GTG_SKETCH.
typedef struct {
  double wide[2 * GTG_SKETCH];
  float narrow[2 * GTG_SKETCH];
} gtg_buckets;

// Where a chunk's part of the sketch goes.
typedef struct {
  gtg_buckets *buckets;
  uint64_t key;  // of the tensor
  int64_t block; // of GTG_SKETCH elements, that the chunk begins with
} gtg_sketching;

// gtg_scan measures one chunk of at most GTG_CHUNK elements and, unless into is NULL,
// adds it to a sketch; gtg_scan_end puts the
// chunks of a tensor together. Only where elements are not finite, or squares left float64's
// range, it looks at the elements again.
void gtg_scan(const void *data, int64_t n, int dtype, gtg_sums *out, const gtg_sketching *into);
void gtg_scan_end(const void *data, int64_t n, int dtype, const gtg_sums *chunks, int64_t count, gtg_stat *out);
// Multiplies every element by factor (1: not at all, 0: all become 0), then
// bounds it when lower < upper. A NaN stays one.
void gtg_change(void *data, int64_t n, int dtype, double factor, double lower, double upper);
// The sum of (|x| / scale)^p.
double gtg_power_sum(const void *data, int64_t n, int dtype, double p, double scale);
// L2 norms of the units from begin to end of a tensor of shape outer x units x inner.
void gtg_unit_norms(const void *data, int dtype, int64_t outer, int64_t units, int64_t inner,
                    int64_t begin, int64_t end, double *norms);
// gtg_change of each unit by its own factor.
void gtg_unit_change(void *data, int dtype, int64_t outer, int64_t units, int64_t inner, const double *factors);

// Sums of squares of elements as they were, and of their change.
typedef struct {
  double size, change;
} gtg_moved;
void gtg_moved_sums(const void *now, const void *before, int64_t n, int dtype, gtg_moved *out);

// What the step callback is told. The Go type Report reads it.
typedef struct {
  gtg_stat *stats;      // one for each parameter, in the optimizer's order
  int64_t params;       // how many
  const gtg_sketch *sketch; // of all gradients, NULL when there is none
  int64_t changed;      // not 0: the list of parameters is not the one of the last step
  int64_t backwards;    // backward passes whose gradients are in this step
  double loss;          // sum of their losses; meaningful when backwards is not 0
  double lr;            // learning rate of the first parameter group, NaN when unknown
  int64_t nanoseconds;  // spent in gtg for this step so far
  const char *error;    // why there are no measurements, or NULL
} gtg_report;

// What becomes of a step.
enum { GTG_SKIP = 0, GTG_RUN = 1, GTG_RUN_AND_TELL = 2 };

// What one parameter is. The Go type Param mirrors it.
typedef struct {
  void *identity;    // the same for every handle of one tensor
  int64_t numel;
  int64_t dims;
  int64_t shape[8];  // the first 8 sizes
  int64_t distance;  // autograd nodes between loss and parameter, -1 when not seen
  int64_t requires_grad;
} gtg_param;

// An optimizer's kind and hyperparameters; NaN where it has none.
typedef struct {
  char kind[16];
  char device[16];
  double lr, momentum, beta1, beta2, weight_decay;
  int64_t params;
} gtg_optimizer;

// Every function below returns 0, or less with a message in error (a buffer of
// GTG_ERROR_SIZE bytes): GTG_REFUSED when the arguments make no sense, -1 when
// libtorch failed.
int gtg_describe(void *optimizer, gtg_optimizer *out, char *error);
int gtg_params(void *optimizer, gtg_param *out, int64_t capacity, int64_t *n, char *error);
int gtg_identity(void *tensor, void **out, char *error);
int gtg_measure(void *const *tensors, int64_t n, int gradients, int portable, gtg_stat *out, char *error);

// What is measured and changed is the gradients of an optimizer or, where that is
// NULL, of n tensors. The Go type Grads says what each of these does. An array
// with one entry for each parameter comes with their number.
#define GTG_GRADS void *optimizer, void *const *tensors, int64_t n
// Returns the number of parameters. Measures nothing when there are more than capacity.
// Without a sketch when that is NULL.
int64_t gtg_grads_measure(GTG_GRADS, gtg_stat *out, int64_t capacity, gtg_sketch *sketch, char *error);
int gtg_grads_apply(GTG_GRADS, double factor, double lower, double upper, char *error);
int gtg_grads_apply_each(GTG_GRADS, const double *factors, const double *lower, const double *upper, int64_t params, char *error);
int gtg_grads_zero_nonfinite(GTG_GRADS, int only_elements, char *error);
int gtg_grads_p_norms(GTG_GRADS, double p, double *out, int64_t params, char *error);
int gtg_grads_param_norms(GTG_GRADS, double *out, int64_t params, char *error);
int gtg_grads_constants(GTG_GRADS, double *out, int64_t params, char *error);
int gtg_grads_unit_norms(GTG_GRADS, int64_t index, int64_t axis, double *grads, double *values, int64_t units, char *error);
int gtg_grads_apply_units(GTG_GRADS, int64_t index, int64_t axis, const double *factors, int64_t units, char *error);

// A copy of the parameters, to be freed; and the L2 norm of each as it was then and
// of its change since, -1 where there is none. portable: all as on a device.
int gtg_copy_new(GTG_GRADS, int portable, void **out, char *error);
int gtg_copy_moved(void *copy, double *sizes, double *changes, int64_t n, char *error);
void gtg_copy_free(void *copy);

// Makes grad, or nothing when it is NULL, the gradient of tensor.
int gtg_set_grad(void *tensor, void *grad, char *error);
const char *gtg_version(void); // of the libtorch that this was compiled against
int gtg_seed(int64_t seed, char *error);
int gtg_set_threads(int64_t n, char *error);

// Steps of this optimizer go through the Go callback with this handle from now on.
// 1 when it is attached already. Backward passes count for it when they are on
// the thread that last attached, zeroed or stepped it; any_thread: on any.
int gtg_attach(void *optimizer, uintptr_t handle, int any_thread, char *error);
// Not any more.
void gtg_detach(void *optimizer);
// Whether losses of this optimizer's backward passes are shown to Go, by gtgBackward.
void gtg_watch(void *optimizer, int on);
int64_t gtg_thread(void); // the calling thread's id

// The calling thread trains, with a goroutine locked to it, until what this
// returns is given back, on any thread: see quarantine.cpp.
void *gtg_enter_training(void);
void gtg_leave_training(void *entered);
int64_t gtg_came_back(int step_ended); // returns the nanoseconds that it took to free tensors
void gtg_add_cost(void *attached, int64_t nanoseconds);

// The halves of the interposed functions that need libtorch.
int64_t gtg_attached(void);
void *gtg_find(void *optimizer); // adds a reference; NULL when not attached
void gtg_release(void *attached);
void *gtg_before_backward(void *loss); // to be given to the next two
void *gtg_loss(void *backward);        // the loss to differentiate
void gtg_show_loss(void *backward);    // to the optimizers that asked for it
void gtg_after_backward(void *backward);
void gtg_zeroed(void *attached);
gtg_report *gtg_measure_step(void *attached);
uintptr_t gtg_handle(void *attached);

#ifdef __cplusplus
}
#endif
#endif
