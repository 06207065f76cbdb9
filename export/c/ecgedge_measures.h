/* Measures of a normalized beat: sums and extremes over bins of it, or over steps between them. */
#ifndef ECGEDGE_MEASURES_H
#define ECGEDGE_MEASURES_H

#include "ecgedge_network.h"

#if ECGEDGE_MEASURE_BITS != 16 && ECGEDGE_MEASURE_BITS != 32
#error "ECGEDGE_MEASURE_BITS is 16 or 32; export the program again"
#endif
#if ECGEDGE_MEASURE_BITS == 16 && \
    (ECGEDGE_MEASURE_LEAST < -32768 || ECGEDGE_MEASURE_GREATEST > 32767)
#error "the proof does not allow 16-bit measures for this program; export it again"
#endif

/* The bins that are measured: bin i begins at ECGEDGE_MEASURED_FROM + i ECGEDGE_BIN_SAMPLES. */
typedef int16_t ecgedge_bins[ECGEDGE_MEASURED_BINS];

/* Sum ECGEDGE_BIN_SAMPLES values. */
int16_t ecgedge_bin_of(const int8_t *q);

/* All bins of a normalized beat of ECGEDGE_WINDOW values. */
void ecgedge_bins_of(const int8_t *beat, int16_t *bins);

/* The sum or the extreme behind a measure. */
int32_t ecgedge_measure_sum(uint_fast8_t index, const int16_t *bins);

/* The measure with that sum or extreme. */
int8_t ecgedge_measure_value(uint_fast8_t index, int32_t sum);

#endif
