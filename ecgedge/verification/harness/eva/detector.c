/*
 * For Frama-C's Eva: one step of the detector on every sample, from every state that the proof
 * allows (eva_stream.h). The clock stands at one moment: times only count in differences.
 */
#include "__fc_builtin.h"
#include "ecgedge_detector.h"
#include "eva_stream.h"

#define NOW 40000u
#define ANY(name) Frama_C_long_interval(name##_LOW, name##_HIGH)
#define AGED(name) ((uint16_t)(NOW - (uint16_t)ANY(AGE_##name)))
#define AHEAD(name) ((uint16_t)(NOW + (uint16_t)ANY(AGE_##name)))

static ecgedge_state state;

static void choose_levels(ecgedge_detector *d)
{
    d->slope = ANY(SLOPE);
    d->slope_old = ANY(SLOPE_OLD);
    d->energy = ANY(ENERGY);
    d->held.height = ANY(PEAK);
    d->beat_level = ANY(BEAT_LEVEL);
    d->noise_level = ANY(NOISE_LEVEL);
    d->steepness = ANY(STEEPNESS);
    for (uint8_t i = 0; i < 4; i++)
        d->blocks[i] = ANY(BLOCKS);
    d->block = (uint8_t)Frama_C_interval(0, 3);
    d->blocks[d->block] = ANY(BLOCK_MAX);
    d->best.height = ANY(BEST);
    d->best.steepness = ANY(BEST_STEEPNESS);
    d->rr = (uint16_t)ANY(RR);
}

static void choose_times(ecgedge_detector *d)
{
    state.next = NOW + 1;
    d->last_at = AGED(LAST_AT);
    d->last_sample = AGED(LAST_SAMPLE);
    d->best.at = AGED(BEST_AT);
    d->best.sample = AGED(BEST_SAMPLE);
    d->silent_since = AGED(SILENCE);
    d->tick_at = AHEAD(TICK_AT);
    d->alarm = AHEAD(ALARM);
}

static void choose_flags(ecgedge_detector *d)
{
    d->rising = Frama_C_interval(0, 1);
    d->learning = Frama_C_interval(0, 1);
    d->has_last = Frama_C_interval(0, 1);
    d->best_seen = Frama_C_interval(0, 1);
}

int main(void)
{
    for (uint16_t i = 0; i < ECGEDGE_RING; i++)
        state.ring[i] = (int16_t)Frama_C_interval(-32768, 32767);
    state.head = (uint16_t)Frama_C_interval(0, ECGEDGE_RING - 1);
    choose_levels(&state.detector);
    choose_times(&state.detector);
    choose_flags(&state.detector);
    if (Frama_C_interval(0, 1)) /* apart, so that Eva knows the distance where it is looked at */
        state.detector.held.at = (uint16_t)(NOW - ECGEDGE_HOLD);
    else
        state.detector.held.at = (uint16_t)(NOW - (uint16_t)Frama_C_interval(0, ECGEDGE_HOLD - 1));
    const ecgedge_detection found = ecgedge_detect(&state);
    /*@ assert found <= ECGEDGE_LATE_PEAK; */
    /*@ assert BEAT_LEVEL_LOW <= state.detector.beat_level <= BEAT_LEVEL_HIGH; */
    /*@ assert NOISE_LEVEL_LOW <= state.detector.noise_level <= NOISE_LEVEL_HIGH; */
    /*@ assert BEST_LOW <= state.detector.best.height <= BEST_HIGH; */
    /*@ assert RR_LOW <= state.detector.rr <= RR_HIGH; */
    return found;
}
