/* Measures: one loop serves all six kinds, which differ in what is done with a bin. */
#include "ecgedge_measures.h"

#include "ecgedge_arith.h"

/* What a measure looks at, and what becomes of it. */
enum {
    STEPS = 1,    /* steps to the next bin in place of bins */
    ABSOLUTE = 2, /* without their sign */
    NEGATIVE = 4, /* with the other sign, which the result loses again: the least is a greatest */
    EXTREME = 8   /* the greatest in place of the sum */
};

enum {
    ECGEDGE_LEVEL = 0,
    ECGEDGE_SIZE = ABSOLUTE,
    ECGEDGE_CHANGE = STEPS | ABSOLUTE,
    ECGEDGE_HIGH = EXTREME,
    ECGEDGE_LOW = EXTREME | NEGATIVE,
    ECGEDGE_STEEPEST = EXTREME | STEPS | ABSOLUTE
};

typedef struct {
    uint8_t kind, first, count, shift; /* from bin `first` on so many bins or steps */
} measure;

/* The proof says how wide: numbers of 16 bits are twice as fast on AVR. */
#if ECGEDGE_MEASURE_BITS == 16
typedef int16_t measure_sum;
#else
typedef int32_t measure_sum;
#endif

#define ENTRY(kind, first, count, shift) {kind, first, count, shift},
static const measure measures[ECGEDGE_MEASURES] ECGEDGE_TABLE = {ECGEDGE_MEASURE_LIST(ENTRY)};

/* What no measure of the program is costs nothing. */
#define OR_KIND(kind, first, count, shift) | (kind)
enum { USED = 0 ECGEDGE_MEASURE_LIST(OR_KIND) };
#define IS(flag) (USED & (flag) && kind & (flag))

/* Does each stay within the bins, and its sum, rounded, within the bounds that the proof gave? */
#define STEP(kind) ((kind) & STEPS ? 1 : 0)
#define TERMS(kind, count) ((kind) & EXTREME ? 1 : (count))
#define LARGEST(kind, count) \
    ((int32_t)ECGEDGE_Q7_MAX * ECGEDGE_BIN_SAMPLES * (1 + STEP(kind)) * TERMS(kind, count))
#define SMALLEST(kind, count) ((kind) & ABSOLUTE ? 0 : -LARGEST(kind, count))
#define HALF(shift) (((int32_t)1 << (shift)) >> 1)
#define HOLDS(kind, first, count, shift)                                         \
    &&(count) > 0 && (first) + (count) + STEP(kind) <= ECGEDGE_MEASURED_BINS &&  \
        LARGEST(kind, count) + HALF(shift) <= ECGEDGE_MEASURE_GREATEST &&        \
        SMALLEST(kind, count) >= ECGEDGE_MEASURE_LEAST

ECGEDGE_PROMISE(measures_are_within_the_proof, 1 ECGEDGE_MEASURE_LIST(HOLDS));
ECGEDGE_PROMISE(measured_bins_lie_in_the_window,
                ECGEDGE_MEASURED_FROM >= 0 &&
                    (int32_t)ECGEDGE_MEASURED_BINS * ECGEDGE_BIN_SAMPLES <=
                        ECGEDGE_WINDOW - ECGEDGE_MEASURED_FROM);
ECGEDGE_PROMISE(steps_fit_16_bits, 2L * ECGEDGE_Q7_MAX * ECGEDGE_BIN_SAMPLES <= INT16_MAX);

int16_t ecgedge_bin_of(const int8_t *q)
{
    int16_t sum = 0;
    for (uint_fast8_t n = ECGEDGE_BIN_SAMPLES; n; n--)
        sum = (int16_t)(sum + *q++);
    return sum;
}

void ecgedge_bins_of(const int8_t *beat, int16_t *bins)
{
    beat += ECGEDGE_MEASURED_FROM;
    for (uint_fast8_t i = 0; i < ECGEDGE_MEASURED_BINS; i++) {
        bins[i] = ecgedge_bin_of(beat);
        beat += ECGEDGE_BIN_SAMPLES;
    }
}

ECGEDGE_SELDOM int32_t ecgedge_measure_sum(uint_fast8_t index, const int16_t *bins)
{
    const measure *own = &measures[index];
    const uint8_t kind = ECGEDGE_UINT8_AT(&own->kind);
    const int16_t *bin = bins + ECGEDGE_UINT8_AT(&own->first);
    measure_sum found = IS(EXTREME) ? INT16_MIN : 0;
    for (uint_fast8_t n = ECGEDGE_UINT8_AT(&own->count); n; n--) {
        int16_t value = *bin++;
        if (IS(STEPS))
            value = (int16_t)(*bin - value);
        if (IS(NEGATIVE) || (IS(ABSOLUTE) && value < 0))
            value = (int16_t)-value;
        if (!IS(EXTREME))
            found = (measure_sum)(found + value);
        else if (value > found)
            found = value;
    }
    return IS(NEGATIVE) ? -found : found;
}

ECGEDGE_SELDOM int8_t ecgedge_measure_value(uint_fast8_t index, int32_t sum)
{
    return ecgedge_round_q7(sum, ECGEDGE_UINT8_AT(&measures[index].shift));
}
