// The C face of vectors.hpp, curvature.hpp and snapshot.hpp: vectors in the space of the parameters,
// gradients with their graph, and snapshots.
#ifndef GTG_CURVATURE_H
#define GTG_CURVATURE_H

#include "gtg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What functions return besides 0, -1 and GTG_REFUSED.
#define GTG_NO_GRAPH -3
#define GTG_FREED -4
#define GTG_NO_DOUBLE_BACKWARD -5
#define GTG_NO_MEMORY -6

enum { GTG_RADEMACHER = 0, GTG_NORMAL = 1 };

// Vectors and graphs that are not freed yet.
int64_t gtg_curvature_alive(void);

// A vector has one part for each parameter, and none where the parameter is frozen
// or takes no part in the graph. What is put into a part that is not there is
// dropped; what is read from it is 0. The Go type Vector says what each function does.
int gtg_vector_new(GTG_GRADS, void **out, char *error);
int gtg_vector_like(void *vector, void **out, char *error);
void gtg_vector_free(void *vector);
int64_t gtg_vector_len(void *vector);
int64_t gtg_vector_dim(void *vector);
int64_t gtg_vector_numel(void *vector, int64_t index); // of the parameter; 0 where there is none
int gtg_vector_has(void *vector, int64_t index);
int gtg_vector_values(void *vector, GTG_GRADS, char *error);
int gtg_vector_since(void *vector, GTG_GRADS, void *before, char *error);
int gtg_vector_grad(void *vector, GTG_GRADS, char *error);
int gtg_vector_set(void *vector, void *const *tensors, int64_t n, char *error); // NULL: 0
int gtg_vector_get(void *vector, int64_t index, double *out, int64_t numel, char *error);
int gtg_vector_put(void *vector, int64_t index, const double *from, int64_t numel, char *error);
int gtg_vector_copy(void *vector, void *from, char *error);
int gtg_vector_scale(void *vector, double factor, char *error);
int gtg_vector_axpy(void *vector, double factor, void *x, char *error);
int gtg_vector_dot(void *x, void *y, int portable, double *each, int64_t n, double *total, char *error);
int gtg_vector_random(void *vector, int distribution, const uint64_t *seeds, int64_t n, char *error);

// The update that the optimizer would make with the gradient, or the gradient as
// it is preconditioned, into the vector.
int gtg_vector_update(void *vector, void *optimizer, void *gradient, int preconditioned, char *error);
int gtg_param_values(void *optimizer, int64_t index, double *out, int64_t numel, char *error);

int gtg_graph_open(void *loss, GTG_GRADS, void **out, char *error);
void gtg_graph_close(void *graph);
int gtg_graph_gradient(void *graph, void **out, char *error); // a new vector
int gtg_graph_hvp(void *graph, void *in, void *out, char *error);

// Snapshots of an optimizer's parameters and state. The Go type Snapshot says what
// each function does; *snapshot is made where it is NULL.
int gtg_snapshot_take(void **snapshot, void *optimizer, char *error);
int gtg_snapshot_restore(void *snapshot, void *optimizer, char *error);
int gtg_snapshot_bytes(void *snapshot, int64_t *bytes, char *error);
void gtg_snapshot_free(void *snapshot);

#ifdef __cplusplus
}
#endif
#endif
