/* Rhythm in integers: docs/arithmetic.md of ecgedge, "RR context". */
#include "ecgedge_rhythm.h"

#include <string.h>

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

/* Where the interval before the one at `place` is. */
static uint8_t older(uint8_t place)
{
    return (uint8_t)((place ? place : ECGEDGE_RHYTHM_LAST) - 1);
}

#if ECGEDGE_RHYTHM_VALUES > 5

/* What the last intervals say besides their sum. */
typedef struct {
    uint16_t longest;
    uint16_t difference; /* upper median of those between neighbours; 0 without any */
} last_intervals;

/* Put a value into its place among `count` values in order. */
static void insert(uint16_t *values, uint8_t count, uint16_t value)
{
    for (; count && values[count - 1] > value; count--)
        values[count] = values[count - 1];
    values[count] = value;
}

static ECGEDGE_SELDOM void look_back(const ecgedge_rhythm *rhythm, last_intervals *found)
{
    uint16_t differences[ECGEDGE_RHYTHM_LAST - 1] = {0};
    uint8_t place = rhythm->newest, count = 0;
    uint16_t rr = rhythm->last[place];
    found->longest = rr;
    while (count < ECGEDGE_RHYTHM_LAST - 1 && count + 1 < rhythm->count) {
        place = older(place);
        const uint16_t earlier = rhythm->last[place];
        insert(differences, count++, (uint16_t)(earlier > rr ? earlier - rr : rr - earlier));
        rr = earlier;
        if (rr > found->longest)
            found->longest = rr;
    }
    found->difference = differences[count / 2];
}

/* min(rdiv(128 gain difference, slow), 127), as a deviation; the difference in the mean's unit. */
static int8_t irregularity(uint16_t difference, uint16_t slow)
{
    const uint16_t gain = ECGEDGE_IRREGULAR_GAIN << ECGEDGE_SLOW_FRACTION_BITS;
    return ecgedge_deviation(slow + (uint32_t)gain * difference, slow);
}

static void add_irregularity(const ecgedge_rhythm *rhythm, int8_t *context)
{
    const uint16_t before = rhythm->last[rhythm->newest];
    last_intervals last;
    look_back(rhythm, &last);
    if (rhythm->count > 1)
        context[STEP] = ecgedge_deviation(before, rhythm->last[older(rhythm->newest)]);
    context[LONGEST] = ecgedge_deviation(before, last.longest);
    context[IRREGULARITY] = irregularity(last.difference, rhythm->slow);
}

int8_t ecgedge_rhythm_step(const ecgedge_pending *pending, uint16_t rr)
{
    const uint16_t longest = ecgedge_rhythm_timeout(pending->slow);
    const uint16_t before = pending->rr < ECGEDGE_RR_MAX ? pending->rr : ECGEDGE_RR_MAX;
    return ecgedge_deviation(rr < longest ? rr : longest, before);
}

#endif

void ecgedge_rhythm_context(const ecgedge_rhythm *rhythm, int8_t *context)
{
    memset(context, 0, ECGEDGE_RHYTHM_VALUES);
    if (!rhythm->slow)
        return;
    const uint16_t before = rhythm->last[rhythm->newest];
    context[BEFORE] = ecgedge_deviation(scaled(before), rhythm->slow);
    if (rhythm->count > 1)
        context[BEFORE_THAT] =
            ecgedge_deviation(scaled(rhythm->last[older(rhythm->newest)]), rhythm->slow);
    context[LAST_MEAN] = ecgedge_deviation((uint16_t)(before * rhythm->count), rhythm->sum);
    context[RATE] = ecgedge_deviation(rhythm->slow, scaled(ECGEDGE_FS));
#if ECGEDGE_RHYTHM_VALUES > 5
    add_irregularity(rhythm, context);
#endif
}

uint16_t ecgedge_rhythm_timeout(uint16_t slow)
{
    const uint32_t scale = (uint32_t)1 << ECGEDGE_SLOW_FRACTION_BITS;
    return (uint16_t)((2 * (uint32_t)slow + scale - 1) >> ECGEDGE_SLOW_FRACTION_BITS);
}

int8_t ecgedge_rhythm_deviation(uint16_t rr, uint16_t slow)
{
    /* beyond twice the longest mean it saturates anyway */
    return ecgedge_deviation(scaled(rr < 2 * ECGEDGE_RR_MAX ? rr : 2 * ECGEDGE_RR_MAX), slow);
}
