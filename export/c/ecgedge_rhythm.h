/* The rhythm around a beat. */
#ifndef ECGEDGE_RHYTHM_H
#define ECGEDGE_RHYTHM_H

#include "ecgedge.h"

/* What is compared: intervals, and the area of a QRS complex, which is wider. */
#if ECGEDGE_SHAPE_VALUES
typedef uint32_t ecgedge_size;
#else
typedef uint16_t ecgedge_size;
#endif

/* sat(rdiv(128 (x - reference), reference)): x below 2^23, reference not 0 and below 2^23. */
int8_t ecgedge_deviation(ecgedge_size x, ecgedge_size reference);

/* Take in an interval of `rr` samples, at least 1. */
void ecgedge_rhythm_after(ecgedge_rhythm *rhythm, uint16_t rr);

/* The values of the beat that ends the newest interval; the one after it counts as unknown. */
void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context);

/* Samples after a beat from which on the interval after it saturates; slow: its mean, not 0. */
uint16_t ecgedge_rhythm_timeout(uint16_t slow);

/* Deviation of an interval of `rr` samples from the slow mean. */
int8_t ecgedge_rhythm_deviation(uint16_t rr, uint16_t slow);

#if ECGEDGE_RHYTHM_VALUES > 5
/* Deviation of an interval of `rr` samples after a beat, the time-out at most, from the one before. */
int8_t ecgedge_rhythm_step(const ecgedge_pending *pending, uint16_t rr);
#endif

#endif
