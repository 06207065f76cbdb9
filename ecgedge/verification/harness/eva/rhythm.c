/* For Frama-C's Eva: every rhythm, with the next interval taken in, and every interval after it. */
#include "__fc_builtin.h"
#include "ecgedge_rhythm.h"

#define ANY_RR ((uint16_t)Frama_C_interval(1, ECGEDGE_RR_MAX))
#define SLOW_MAX (ECGEDGE_RR_MAX << ECGEDGE_SLOW_FRACTION_BITS)
#define SLOW_MIN (1 << ECGEDGE_SLOW_FRACTION_BITS)

static ecgedge_rhythm rhythm;
static ecgedge_pending pending;

static void choose(void)
{
    rhythm.slow = (uint16_t)Frama_C_long_interval(SLOW_MIN, SLOW_MAX);
    for (uint8_t i = 0; i < ECGEDGE_RHYTHM_KEPT; i++)
        rhythm.last[i] = ANY_RR;
    rhythm.known = (uint8_t)Frama_C_interval(1, ECGEDGE_RHYTHM_LAST);
    pending.slow = (uint16_t)Frama_C_long_interval(SLOW_MIN, SLOW_MAX);
    pending.rr = (uint16_t)Frama_C_interval(1, ECGEDGE_INTERVAL_MAX);
}

int main(void)
{
    const uint16_t after = (uint16_t)Frama_C_interval(1, 32767);
    choose();
    ecgedge_rhythm_context(&rhythm, pending.context);
    /*@ assert \subset(pending.context[0 .. ECGEDGE_RHYTHM_VALUES - 1], (-127 .. 127)); */
    const int8_t slow = ecgedge_rhythm_deviation(after, pending.slow);
    /*@ assert -127 <= slow <= 127; */
    const int8_t step = ecgedge_rhythm_step(&pending, after);
    /*@ assert -127 <= step <= 127; */
    if (Frama_C_interval(0, 1))
        rhythm.slow = rhythm.known = 0; /* the first interval */
    ecgedge_rhythm_after(&rhythm, (uint16_t)Frama_C_interval(1, ECGEDGE_INTERVAL_MAX));
    /*@ assert 1 <= rhythm.last[0] <= ECGEDGE_RR_MAX; */
    /*@ assert 1 <= rhythm.known <= ECGEDGE_RHYTHM_LAST; */
    return 0;
}
