/* RR context in integers: docs/arithmetic.md of ecgedge, "RR context". */
#include "ecgedge_rhythm.h"

#include "ecgedge_arith.h"

enum { BEFORE, BEFORE_THAT, AFTER, LAST_MEAN, RATE };

/* sat(rdiv(128 (x - reference), reference)); both below 2^20, reference not 0. */
static int8_t deviation(uint32_t x, uint32_t reference)
{
    const uint32_t lifted = (256 * x + reference) / (2 * reference); /* 128 more than the result */
    if (lifted > 128 + ECGEDGE_Q7_MAX)
        return ECGEDGE_Q7_MAX;
    const int16_t result = (int16_t)((int16_t)lifted - 128);
    return (int8_t)(result < -ECGEDGE_Q7_MAX ? -ECGEDGE_Q7_MAX : result);
}

static uint32_t scaled(uint16_t rr)
{
    return (uint32_t)rr << ECGEDGE_SLOW_FRACTION_BITS;
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
        rhythm->slow = (uint16_t)scaled(rr);
    }
    rhythm->newest = (uint8_t)((rhythm->newest + 1) % ECGEDGE_RHYTHM_LAST);
    if (rhythm->count == ECGEDGE_RHYTHM_LAST)
        rhythm->sum = (uint16_t)(rhythm->sum - rhythm->last[rhythm->newest]);
    else
        rhythm->count++;
    rhythm->last[rhythm->newest] = rr;
    rhythm->sum = (uint16_t)(rhythm->sum + rr);
}

void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context)
{
    for (uint8_t i = 0; i < 5; i++)
        context[i] = 0;
    if (!rhythm->slow)
        return;
    const uint16_t before = rhythm->last[rhythm->newest];
    const uint8_t older = (uint8_t)((rhythm->newest + ECGEDGE_RHYTHM_LAST - 1) % ECGEDGE_RHYTHM_LAST);
    context[BEFORE] = deviation(scaled(before), rhythm->slow);
    if (rhythm->count > 1)
        context[BEFORE_THAT] = deviation(scaled(rhythm->last[older]), rhythm->slow);
    context[LAST_MEAN] = deviation((uint32_t)before * rhythm->count, rhythm->sum);
    context[RATE] = deviation(rhythm->slow, scaled(ECGEDGE_FS));
}

uint16_t ecgedge_rhythm_timeout(uint16_t slow)
{
    const uint32_t scale = (uint32_t)1 << ECGEDGE_SLOW_FRACTION_BITS;
    return (uint16_t)((2 * (uint32_t)slow + scale - 1) >> ECGEDGE_SLOW_FRACTION_BITS);
}

int8_t ecgedge_rhythm_deviation(uint16_t rr, uint16_t slow)
{
    return deviation(scaled(rr), slow);
}
