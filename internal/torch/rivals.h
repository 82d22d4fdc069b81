// What gtg's measuring and clipping is compared with, for internal/clipbench.
#ifndef GTG_RIVALS_H
#define GTG_RIVALS_H

#include "gtg.h"

#ifdef __cplusplus
extern "C" {
#endif

// Keeps n tensors; NULL when that fails. To be given to the others.
void *gtg_rivals(void *const *tensors, int64_t n, char *error);
void gtg_rivals_free(void *rivals);
// torch::nn::utils::clip_grad_norm_
int gtg_rivals_clip(void *rivals, double max_norm, double *norm, char *error);
// Reads all gradients and does next to nothing with them.
int gtg_rivals_read(void *rivals, uint64_t *out, char *error);

#ifdef __cplusplus
}
#endif
#endif
