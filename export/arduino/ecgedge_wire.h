/*
 * The framed binary format that `ecgedge stream` reads: docs/serial.md of ecgedge describes it.
 *
 * Each function writes one frame to `frame`, which has room for ECGEDGE_WIRE_MAX bytes, and returns
 * its size. For little-endian processors.
 */
#ifndef ECGEDGE_WIRE_H
#define ECGEDGE_WIRE_H

#include "ecgedge_selftest.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the samples of a frame are. */
enum {
    ECGEDGE_WIRE_LEAD_OFF = 1,
    ECGEDGE_WIRE_CLIPPED = 2,
    ECGEDGE_WIRE_BEGINS = 4 /* the program starts anew with the first of them */
};

#define ECGEDGE_WIRE_SAMPLES 16 /* the most in a frame */
#define ECGEDGE_WIRE_LARGER(a, b) ((a) > (b) ? (a) : (b))
#define ECGEDGE_WIRE_MAX                                                                      \
    (8 + 2 +                                                                                   \
     ECGEDGE_WIRE_LARGER(1 + 2 * ECGEDGE_WIRE_SAMPLES,                                         \
                         4 + ECGEDGE_WIRE_LARGER(4 * ECGEDGE_LABELS, sizeof ECGEDGE_IDENTITY)))

/* Who is speaking: the program, the rate in mHz, the number of the next sample. */
uint8_t ecgedge_wire_info(uint8_t *frame, uint32_t next, uint32_t rate_mhz);

/* Samples from number `first` on. */
uint8_t ecgedge_wire_samples(uint8_t *frame, uint32_t first, uint8_t flags, const int16_t *samples,
                             uint8_t count);

uint8_t ecgedge_wire_beat(uint8_t *frame, const ecgedge_beat *beat);

uint8_t ecgedge_wire_selftest(uint8_t *frame, bool passed, const ecgedge_selftest_result *result);

#ifdef __cplusplus
}
#endif

#endif
