/* Rhythm in integers: docs/arithmetic.md of ecgedge, "RR context". */
#include "ecgedge_rhythm.h"

#include <string.h>

#include "ecgedge_arith.h"

/* The interval after the beat enters later: values 2 and 3. */
enum { BEFORE, EARLIER, CHANGE = 4, SHORTEST, IRREGULARITY_OF_FEW, IRREGULARITY };

ECGEDGE_PROMISE(intervals_fit_16_bits, (2L * ECGEDGE_RR_MAX << ECGEDGE_SLOW_FRACTION_BITS) < 65536);
ECGEDGE_PROMISE(enough_is_kept,
                ECGEDGE_RHYTHM_KEPT >= (ECGEDGE_RHYTHM_VALUES > 5 ? ECGEDGE_RHYTHM_LAST : 2));
ECGEDGE_PROMISE(known_fits_8_bits, ECGEDGE_RHYTHM_LAST < 256);

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

/* The mean moves 2^-shift of the way: as many bits as the number of intervals has, at first. */
static uint_fast8_t shift_after(uint_fast8_t known)
{
    uint_fast8_t shift = 0;
    if (known == ECGEDGE_RHYTHM_LAST)
        return ECGEDGE_SLOW_SHIFT;
    for (; known; known >>= 1)
        shift++;
    return shift;
}

void ecgedge_rhythm_after(ecgedge_rhythm *rhythm, unsigned rr)
{
    const uint_fast8_t shift = shift_after(rhythm->known);
    if (rr > ECGEDGE_RR_MAX)
        rr = ECGEDGE_RR_MAX;
    const int32_t gap = (int32_t)scaled(rr) - rhythm->slow;
    rhythm->slow = (uint16_t)(rhythm->slow + ((gap + ((1 << shift) >> 1)) >> shift));
    memmove(rhythm->last + 1, rhythm->last, sizeof rhythm->last - sizeof *rhythm->last);
    rhythm->last[0] = (uint16_t)rr;
    if (rhythm->known < ECGEDGE_RHYTHM_LAST)
        rhythm->known++;
}

#if ECGEDGE_RHYTHM_VALUES > 5

/* Put a value into its place among `count` values in order. */
static void insert(uint16_t *values, uint_fast8_t count, unsigned value)
{
    for (; count && values[count - 1] > value; count--)
        values[count] = values[count - 1];
    values[count] = (uint16_t)value;
}

/* min(rdiv(128 gain difference, slow), 127), as a deviation; the difference in the mean's unit. */
static int8_t irregularity(unsigned difference, unsigned slow)
{
    const unsigned gain = ECGEDGE_IRREGULAR_GAIN << ECGEDGE_SLOW_FRACTION_BITS;
    return ecgedge_deviation(slow + (uint32_t)gain * difference, slow);
}

/* The values of all intervals that are kept, from the newest back: the shortest, two medians. */
static ECGEDGE_SELDOM void look_back(const ecgedge_rhythm *rhythm, int8_t *context)
{
    uint16_t differences[ECGEDGE_RHYTHM_LAST - 1] = {0}; /* between neighbours, in order */
    unsigned later = rhythm->last[0], shortest = later, median = 0, median_of_few = 0;
    for (uint_fast8_t i = 1; i < rhythm->known; i++) {
        const unsigned rr = rhythm->last[i];
        if (rr < shortest)
            shortest = rr;
        insert(differences, (uint_fast8_t)(i - 1), later > rr ? later - rr : rr - later);
        median = differences[i / 2];
        if (i < ECGEDGE_RHYTHM_FEW)
            median_of_few = median;
        later = rr;
    }
    context[SHORTEST] = ecgedge_deviation(rhythm->last[0], shortest);
    context[IRREGULARITY_OF_FEW] = irregularity(median_of_few, rhythm->slow);
    context[IRREGULARITY] = irregularity(median, rhythm->slow);
}

#endif

void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context)
{
    const unsigned before = rhythm->last[0], earlier = rhythm->last[1];
    context[BEFORE] = ecgedge_deviation(scaled(before), rhythm->slow);
    if (rhythm->known > 1) {
        context[EARLIER] = ecgedge_deviation(scaled(earlier), rhythm->slow);
        context[CHANGE] = ecgedge_deviation(before, earlier);
    }
#if ECGEDGE_RHYTHM_VALUES > 5
    look_back(rhythm, context);
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

int8_t ecgedge_rhythm_step(const ecgedge_pending *pending, unsigned rr)
{
    const unsigned longest = ecgedge_rhythm_timeout(pending->slow);
    const unsigned before = pending->rr < ECGEDGE_RR_MAX ? pending->rr : ECGEDGE_RR_MAX;
    return ecgedge_deviation(rr < longest ? rr : longest, before);
}
