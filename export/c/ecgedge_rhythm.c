/* Rhythm in integers: docs/arithmetic.md of ecgedge, "RR context". */
#include "ecgedge_rhythm.h"

#include "ecgedge_arith.h"

/* The interval after the beat enters later: values 2 and 5. */
enum { BEFORE, BEFORE_THAT, LAST_MEAN = 3, RATE, STEP = 6, LONGEST, IRREGULARITY };

ECGEDGE_PROMISE(intervals_fit_16_bits, (2L * ECGEDGE_RR_MAX << ECGEDGE_SLOW_FRACTION_BITS) < 65536);
ECGEDGE_PROMISE(sums_fit_16_bits, (int32_t)ECGEDGE_RHYTHM_LAST * ECGEDGE_RR_MAX < 65536);

ECGEDGE_SELDOM int8_t ecgedge_deviation(ecgedge_size x, ecgedge_size reference)
{
    const uint32_t twice = 2 * (uint32_t)reference;
    const uint32_t lifted = (256 * (uint32_t)x + reference) / twice; /* 128 more than the result */
    if (lifted > 128 + ECGEDGE_Q7_MAX)
        return ECGEDGE_Q7_MAX;
    const int16_t result = (int16_t)((int16_t)lifted - 128);
    return (int8_t)(result < -ECGEDGE_Q7_MAX ? -ECGEDGE_Q7_MAX : result);
}

static unsigned scaled(unsigned rr)
{
    return rr << ECGEDGE_SLOW_FRACTION_BITS;
}

void ecgedge_rhythm_after(ecgedge_rhythm *rhythm, unsigned rr)
{
    if (rr > ECGEDGE_RR_MAX)
        rr = ECGEDGE_RR_MAX;
    if (rhythm->slow) {
        const int32_t gap = (int32_t)scaled(rr) - rhythm->slow;
        const int32_t half = 1 << (ECGEDGE_SLOW_SHIFT - 1);
        rhythm->slow = (uint16_t)(rhythm->slow + ((gap + half) >> ECGEDGE_SLOW_SHIFT));
    } else {
        rhythm->slow = (uint16_t)scaled(rr);
    }
    for (uint_fast8_t i = ECGEDGE_RHYTHM_LAST - 1; i; i--)
        rhythm->last[i] = rhythm->last[i - 1];
    rhythm->last[0] = (uint16_t)rr;
}

/* What the last intervals say together. */
typedef struct {
    unsigned sum;
    uint_fast8_t count;
#if ECGEDGE_RHYTHM_VALUES > 5
    unsigned longest;
    unsigned difference; /* upper median of those between neighbours; 0 without any */
#endif
} last_intervals;

#if ECGEDGE_RHYTHM_VALUES > 5

/* Put a value into its place among `count` values in order. */
static void insert(uint16_t *values, uint_fast8_t count, unsigned value)
{
    for (; count && values[count - 1] > value; count--)
        values[count] = values[count - 1];
    values[count] = (uint16_t)value;
}

#endif

/* From the newest interval back to the oldest that is kept; there is one or more. */
static ECGEDGE_SELDOM void look_back(const ecgedge_rhythm *rhythm, last_intervals *found)
{
    uint_fast8_t i = 0;
    found->sum = 0;
#if ECGEDGE_RHYTHM_VALUES > 5
    uint16_t differences[ECGEDGE_RHYTHM_LAST] = {0};
    unsigned later = 0;
    found->longest = 0;
#endif
    for (; i < ECGEDGE_RHYTHM_LAST && rhythm->last[i]; i++) {
        const unsigned rr = rhythm->last[i];
        found->sum += rr;
#if ECGEDGE_RHYTHM_VALUES > 5
        if (rr > found->longest)
            found->longest = rr;
        if (i)
            insert(differences, (uint_fast8_t)(i - 1), later > rr ? later - rr : rr - later);
        later = rr;
#endif
    }
    found->count = i;
#if ECGEDGE_RHYTHM_VALUES > 5
    found->difference = differences[(i - 1) / 2];
#endif
}

#if ECGEDGE_RHYTHM_VALUES > 5

/* min(rdiv(128 gain difference, slow), 127), as a deviation; the difference in the mean's unit. */
static int8_t irregularity(unsigned difference, unsigned slow)
{
    const unsigned gain = ECGEDGE_IRREGULAR_GAIN << ECGEDGE_SLOW_FRACTION_BITS;
    return ecgedge_deviation(slow + (uint32_t)gain * difference, slow);
}

int8_t ecgedge_rhythm_step(const ecgedge_pending *pending, unsigned rr)
{
    const unsigned longest = ecgedge_rhythm_timeout(pending->slow);
    const unsigned before = pending->rr < ECGEDGE_RR_MAX ? pending->rr : ECGEDGE_RR_MAX;
    return ecgedge_deviation(rr < longest ? rr : longest, before);
}

#endif

void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context)
{
    const unsigned before = rhythm->last[0], before_that = rhythm->last[1];
    last_intervals last;
    look_back(rhythm, &last);
    context[BEFORE] = ecgedge_deviation(scaled(before), rhythm->slow);
    context[LAST_MEAN] = ecgedge_deviation(before * last.count, last.sum);
    context[RATE] = ecgedge_deviation(rhythm->slow, scaled(ECGEDGE_FS));
    if (before_that) {
        context[BEFORE_THAT] = ecgedge_deviation(scaled(before_that), rhythm->slow);
#if ECGEDGE_RHYTHM_VALUES > 5
        context[STEP] = ecgedge_deviation(before, before_that);
#endif
    }
#if ECGEDGE_RHYTHM_VALUES > 5
    context[LONGEST] = ecgedge_deviation(before, last.longest);
    context[IRREGULARITY] = irregularity(last.difference, rhythm->slow);
#endif
}

unsigned ecgedge_rhythm_timeout(unsigned slow)
{
    const uint32_t scale = (uint32_t)1 << ECGEDGE_SLOW_FRACTION_BITS;
    return (unsigned)((2 * (uint32_t)slow + scale - 1) >> ECGEDGE_SLOW_FRACTION_BITS);
}

int8_t ecgedge_rhythm_deviation(unsigned rr, unsigned slow)
{
    /* beyond twice the longest mean it saturates anyway */
    return ecgedge_deviation(scaled(rr < 2 * ECGEDGE_RR_MAX ? rr : 2 * ECGEDGE_RR_MAX), slow);
}
