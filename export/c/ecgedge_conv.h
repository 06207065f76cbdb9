/* The convolutions: where nearly all of a beat's time goes. */
#ifndef ECGEDGE_CONV_H
#define ECGEDGE_CONV_H

#include <stdint.h>

#include "ecgedge_program.h"

/* Branches, in the order of the program. */
enum { ECGEDGE_P, ECGEDGE_QRS, ECGEDGE_T, ECGEDGE_GLOBAL, ECGEDGE_BRANCHES };

#define ECGEDGE_TAPS 4

/*
 * Add up the rectified convolution outputs of a branch, each of its four channels by itself.
 *
 *     sums[c] += sum over i in 0 ... count-1 of max(0, sum over k of w[c][k] x[i+k] + 128 b[c])
 *
 * x:      count + 3 values in -127 ... 127; nothing beyond them is read.
 * count:  at least 1.
 * branch: ECGEDGE_P ... ECGEDGE_GLOBAL.
 */
void ecgedge_convolve(const int8_t *x, uint16_t count, uint8_t branch, int32_t *sums);

#endif
