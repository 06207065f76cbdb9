/* The rhythm around a beat. */
#ifndef ECGEDGE_RHYTHM_H
#define ECGEDGE_RHYTHM_H

#include "ecgedge.h"

/* What is compared: intervals, and the area of a QRS complex, which is wider. */
#if ECGEDGE_SHAPE_VALUES
typedef uint32_t ecgedge_size;
#else
typedef unsigned ecgedge_size;
#endif

/* sat(rdiv(128 (x - reference), reference)): x below 2^23, reference not 0 and below 2^23. */
int8_t ecgedge_deviation(ecgedge_size x, ecgedge_size reference);

/* Take in an interval of `rr` samples, at least 1. */
void ecgedge_rhythm_after(ecgedge_rhythm *rhythm, unsigned rr);

/*
 * The values of the beat that ends the newest interval, into zeros: those of the interval after it,
 * and those of an interval that is not known, stay as they are. There is one interval or more.
 */
void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context);

/* Samples after a beat from which on the interval after it saturates; slow: its mean, not 0. */
unsigned ecgedge_rhythm_timeout(unsigned slow);

/* Deviation of an interval of `rr` samples from the slow mean. */
int8_t ecgedge_rhythm_deviation(unsigned rr, unsigned slow);

/* Deviation of an interval of `rr` samples after a beat, the time-out at most, from the one before. */
int8_t ecgedge_rhythm_step(const ecgedge_pending *pending, unsigned rr);

#endif
