/* The causal R-peak detector. */
#ifndef ECGEDGE_DETECTOR_H
#define ECGEDGE_DETECTOR_H

#include "ecgedge.h"

typedef enum { ECGEDGE_NO_PEAK, ECGEDGE_PEAK, ECGEDGE_LATE_PEAK } ecgedge_detection;

/* Number of the newest sample: the clock of everything that happens. */
static inline ecgedge_time ecgedge_now(const ecgedge_state *state)
{
    return (ecgedge_time)(state->next - 1);
}

/* Number of samples from `earlier` to `later`, which is at most 2^16 - 1. */
static inline ecgedge_time ecgedge_span(ecgedge_time earlier, ecgedge_time later)
{
    return (ecgedge_time)(later - earlier);
}

/* Whether `time` has come: it is at most 2^15 - 1 samples ahead or past. */
static inline bool ecgedge_reached(ecgedge_time time, ecgedge_time now)
{
    return (ecgedge_time)(now - time) < 0x8000u;
}

/* Begin with a detector that is all zeros; the first sample gets the number `first`. */
void ecgedge_detector_init(ecgedge_detector *detector, ecgedge_time first);

/*
 * Take the sample that was put into the ring; the R peak, if there is one, is then
 * state->detector.last_sample. ECGEDGE_LATE_PEAK: it was found by search-back.
 */
ecgedge_detection ecgedge_detect(ecgedge_state *state);

#endif
