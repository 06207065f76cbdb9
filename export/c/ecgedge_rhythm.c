/* RR context in integers: docs/arithmetic.md of ecgedge, "RR context". */
#include "ecgedge_rhythm.h"

#include <string.h>

#include "ecgedge_arith.h"

enum { BEFORE, BEFORE_THAT, AFTER, LAST_MEAN, RATE };

ECGEDGE_PROMISE(intervals_fit_16_bits, (2L * ECGEDGE_RR_MAX << ECGEDGE_SLOW_FRACTION_BITS) < 65536);
ECGEDGE_PROMISE(sums_fit_16_bits, (int32_t)ECGEDGE_RHYTHM_LAST * ECGEDGE_RR_MAX < 65536);

/* sat(rdiv(128 (x - reference), reference)), reference not 0. */
static ECGEDGE_SELDOM int8_t deviation(uint16_t x, uint16_t reference)
{
    const uint32_t twice = 2 * (uint32_t)reference;
    const uint32_t lifted = (256 * (uint32_t)x + reference) / twice; /* 128 more than the result */
    if (lifted > 128 + ECGEDGE_Q7_MAX)
        return ECGEDGE_Q7_MAX;
    const int16_t result = (int16_t)((int16_t)lifted - 128);
    return (int8_t)(result < -ECGEDGE_Q7_MAX ? -ECGEDGE_Q7_MAX : result);
}

static uint16_t scaled(uint16_t rr)
{
    return (uint16_t)(rr << ECGEDGE_SLOW_FRACTION_BITS);
}

void ecgedge_rhythm_after(ecgedge_rhythm *rhythm, uint16_t rr)
{
    if (rr > ECGEDGE_RR_MAX)
        rr = ECGEDGE_RR_MAX;
    if (rhythm->slow) {
        const int32_t gap = (int32_t)scaled(rr) - rhythm->slow;
        const int32_t half = 1 << (ECGEDGE_SLOW_SHIFT - 1);
        rhythm->slow = (uint16_t)(rhythm->slow + ((gap + half) >> ECGEDGE_SLOW_SHIFT));
    } else {
        rhythm->slow = scaled(rr);
    }
    if (++rhythm->newest == ECGEDGE_RHYTHM_LAST)
        rhythm->newest = 0;
    if (rhythm->count == ECGEDGE_RHYTHM_LAST)
        rhythm->sum = (uint16_t)(rhythm->sum - rhythm->last[rhythm->newest]);
    else
        rhythm->count++;
    rhythm->last[rhythm->newest] = rr;
    rhythm->sum = (uint16_t)(rhythm->sum + rr);
}

void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context)
{
    memset(context, 0, 5);
    if (!rhythm->slow)
        return;
    const uint16_t before = rhythm->last[rhythm->newest];
    const uint8_t older = (uint8_t)((rhythm->newest ? rhythm->newest : ECGEDGE_RHYTHM_LAST) - 1);
    context[BEFORE] = deviation(scaled(before), rhythm->slow);
    if (rhythm->count > 1)
        context[BEFORE_THAT] = deviation(scaled(rhythm->last[older]), rhythm->slow);
    context[LAST_MEAN] = deviation((uint16_t)(before * rhythm->count), rhythm->sum);
    context[RATE] = deviation(rhythm->slow, scaled(ECGEDGE_FS));
}

uint16_t ecgedge_rhythm_timeout(uint16_t slow)
{
    const uint32_t scale = (uint32_t)1 << ECGEDGE_SLOW_FRACTION_BITS;
    return (uint16_t)((2 * (uint32_t)slow + scale - 1) >> ECGEDGE_SLOW_FRACTION_BITS);
}

int8_t ecgedge_rhythm_deviation(uint16_t rr, uint16_t slow)
{
    /* beyond twice the longest mean it saturates anyway */
    return deviation(scaled(rr < 2 * ECGEDGE_RR_MAX ? rr : 2 * ECGEDGE_RR_MAX), slow);
}
