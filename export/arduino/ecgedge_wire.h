/*
 * The framed binary format that `ecgedge stream` reads: docs/serial.md of ecgedge describes it.
 * For little-endian processors.
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

/* Sends one byte; this one is yours. */
void ecgedge_wire_put(uint8_t byte);

/* Who is speaking: the program, the rate in mHz, the number of the next sample. */
void ecgedge_wire_info(uint32_t next, uint32_t rate_mhz);

/* Samples from number `first` on, up to 124 of them. */
void ecgedge_wire_samples(uint32_t first, uint8_t flags, const int16_t *samples, uint8_t count);

void ecgedge_wire_beat(const ecgedge_beat *beat);

void ecgedge_wire_selftest(bool passed, const ecgedge_selftest_result *result);

#ifdef __cplusplus
}
#endif

#endif
