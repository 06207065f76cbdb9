/* From ADC counts to Q0.7: a window without its mean, scaled by its largest distance from it. */
#ifndef ECGEDGE_NORMALIZE_H
#define ECGEDGE_NORMALIZE_H

#include "ecgedge_window.h"

/* What is known of a window before it is normalized. */
typedef struct {
    int32_t floor; /* mean - m: what is subtracted from a count to give u */
    uint32_t reciprocal;
    uint16_t m; /* largest distance from the mean; 1 for a constant, which becomes zeros so */
} ecgedge_scale;

/* Mean, largest distance from it and reciprocal, from the window's sum and extremes. */
void ecgedge_set_scale(ecgedge_scale *scale, int32_t sum, int16_t low, int16_t high);

/* Normalize `count` values from `start` of the window on. */
void ecgedge_normalize(const ecgedge_window *window, const ecgedge_scale *scale, uint16_t start,
                       uint8_t count, int8_t *q);

#endif
