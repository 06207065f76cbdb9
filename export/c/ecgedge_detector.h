/* The causal R-peak detector. */
#ifndef ECGEDGE_DETECTOR_H
#define ECGEDGE_DETECTOR_H

#include "ecgedge.h"

typedef enum { ECGEDGE_NO_PEAK, ECGEDGE_PEAK, ECGEDGE_LATE_PEAK } ecgedge_detection;

/* Number of the newest sample modulo 2^16: the clock of everything that happens. */
static inline uint16_t ecgedge_now(const ecgedge_state *state)
{
    return (uint16_t)(state->next - 1);
}

/* Number of samples from `earlier` to `later`, which is at most 2^16 - 1. */
static inline uint16_t ecgedge_span(uint16_t earlier, uint16_t later)
{
    return (uint16_t)(later - earlier);
}

/* Whether `time` has come: it is at most 2^15 - 1 samples ahead or past. */
static inline bool ecgedge_reached(uint16_t time, uint16_t now)
{
    return (uint16_t)(now - time) < 0x8000u;
}

void ecgedge_detector_init(ecgedge_detector *detector, uint16_t first);

/*
 * Take the sample that was put into the ring; the R peak, if there is one, is then
 * state->detector.last_sample. ECGEDGE_LATE_PEAK: it was found by search-back.
 */
ecgedge_detection ecgedge_detect(ecgedge_state *state);

#endif
