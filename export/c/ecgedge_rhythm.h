/* RR context of a beat. */
#ifndef ECGEDGE_RHYTHM_H
#define ECGEDGE_RHYTHM_H

#include "ecgedge.h"

/* Take in an interval of `rr` samples, at least 1. */
void ecgedge_rhythm_after(ecgedge_rhythm *rhythm, uint16_t rr);

/* The five values of the beat that ends the newest interval; the one after it counts as unknown. */
void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context);

/* Samples after a beat from which on the interval after it saturates; slow: its mean, not 0. */
uint16_t ecgedge_rhythm_timeout(uint16_t slow);

/* Deviation of an interval of `rr` samples from the slow mean. */
int8_t ecgedge_rhythm_deviation(uint16_t rr, uint16_t slow);

#endif
