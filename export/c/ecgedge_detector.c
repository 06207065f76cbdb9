/*
 * Causal R-peak detector. docs/detector.md of ecgedge says what it does and why; the steps, and
 * their order, are those of firmware_sim/detector.py.
 *
 * slope:     sum of the last ECGEDGE_LOW_PASS samples minus the same sum ECGEDGE_DIFFERENCE earlier
 * energy:    sum of |slope| over the last ECGEDGE_INTEGRATE samples
 * candidate: a maximum of the energy that nothing has exceeded for ECGEDGE_HOLD samples
 *
 * All values fit int32_t for any samples. Times are sample numbers modulo 2^16 or more,
 * and only their differences count; these stay below 2^15 because the detector forgets after a long
 * silence.
 */
#include "ecgedge_detector.h"

#include <stddef.h>
#include <string.h>

#include "ecgedge_arith.h"

/* On AVR the slope's 300 bytes of flash are dearer than the time of a call. */
#ifdef __AVR__
#define SLOPE_IS ECGEDGE_SELDOM
#else
#define SLOPE_IS ECGEDGE_INLINE
#endif

ECGEDGE_PROMISE(locate_stays_in_the_past, ECGEDGE_HOLD + ECGEDGE_DELAY >=
                                              ECGEDGE_LOCATE_AFTER + ECGEDGE_LOCATE_HALF + 1);
ECGEDGE_PROMISE(slope_is_known_after, ECGEDGE_HOLD >= ECGEDGE_INTEGRATE && ECGEDGE_HOLD < 256);
ECGEDGE_PROMISE(intervals_fit_16_bits, (int32_t)ECGEDGE_INTERVAL_MAX <<
                                               ECGEDGE_RR_FRACTION_BITS < 65536);
ECGEDGE_PROMISE(difference_is_not_longer, ECGEDGE_DIFFERENCE <= ECGEDGE_LOW_PASS);

/* Where `locate` looks: from so many samples before the newest on, at the mean of so many. */
#define LOCATE_FROM (ECGEDGE_HOLD + ECGEDGE_DELAY + ECGEDGE_LOCATE_BEFORE)
#define AROUND (2 * ECGEDGE_LOCATE_HALF + 1)

/* The sample in the ring `n` before the one at `x`, n <= ECGEDGE_RING. */
static ECGEDGE_INLINE const int16_t *before(const ecgedge_state *state, const int16_t *x, uint16_t n)
{
    return x >= state->ring + n ? x - n : x + (ECGEDGE_RING - n);
}

/* The sample in the ring after the one at `x`. */
static ECGEDGE_INLINE const int16_t *onward(const ecgedge_state *state, const int16_t *x)
{
    x++;
    return x == state->ring + ECGEDGE_RING ? state->ring : x;
}

/* A sample, and 2^15 more on AVR: what has no sign is quicker to make wider there. */
static ECGEDGE_INLINE int32_t lifted(const int16_t *x)
{
#ifdef __AVR__
    return (uint16_t)((uint16_t)*x ^ 0x8000u);
#else
    return *x;
#endif
}

/* What the sample at `x` adds to the slope: two are added, two subtracted, so nothing is lifted. */
static SLOPE_IS int32_t slope_at(const ecgedge_state *state, const int16_t *x)
{
    int32_t step = lifted(x);
    x = before(state, x, ECGEDGE_DIFFERENCE);
    step -= lifted(x);
    x = before(state, x, ECGEDGE_LOW_PASS - ECGEDGE_DIFFERENCE);
    step -= lifted(x);
    x = before(state, x, ECGEDGE_DIFFERENCE);
    return step + lifted(x);
}

static int32_t magnitude(int32_t a)
{
    return a < 0 ? -a : a;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Begin to learn the beats' height; the first sample of it is `first`. */
static void begin_learning(ecgedge_detector *d, ecgedge_time first)
{
    d->learning = true;
    d->silent_since = first;
    d->alarm = (ecgedge_time)(first + ECGEDGE_BLOCK - 1);
}

void ecgedge_detector_init(ecgedge_detector *d, ecgedge_time first)
{
    d->last_at = (ecgedge_time)(first - ECGEDGE_INTERVAL_MAX);
    d->last_sample = (ecgedge_time)(first - 1);
    begin_learning(d, first);
}

/* -- looking at samples around a candidate ------------------------------------------------ */

/*
 * Largest |slope| of the samples that the energy sums up at a maximum that has just held. The slope
 * ECGEDGE_INTEGRATE samples ago is known; from there the way goes back, a step of it at a time.
 */
static ECGEDGE_SELDOM int32_t steepness_of_held(const ecgedge_state *state)
{
    const int16_t *x = before(state, state->ring + state->head, ECGEDGE_INTEGRATE);
    int32_t slope = state->detector.slope_old, largest = 0;
    for (uint_fast8_t k = ECGEDGE_HOLD; k; k--) {
        if (k <= ECGEDGE_INTEGRATE)
            largest = larger(largest, magnitude(slope));
        slope -= slope_at(state, x);
        x = before(state, x, 1);
    }
    return largest;
}

/* The sample near a maximum that has just held that lies farthest from the mean around it. */
static ECGEDGE_SELDOM ecgedge_time locate(const ecgedge_state *state)
{
    const int16_t *x = before(state, state->ring + state->head, LOCATE_FROM);
    const int16_t *leaving = before(state, x, ECGEDGE_LOCATE_HALF), *entering = leaving;
    uint_fast8_t farthest_at = 0;
    int32_t total = 0, farthest = -1;
    for (uint_fast8_t k = AROUND; k; k--) {
        total += lifted(entering);
        entering = onward(state, entering);
    }
    for (uint_fast8_t k = 0; k <= ECGEDGE_LOCATE_BEFORE + ECGEDGE_LOCATE_AFTER; k++) {
        const int32_t distance = magnitude(AROUND * lifted(x) - total);
        if (distance > farthest) {
            farthest = distance;
            farthest_at = k;
        }
        total += lifted(entering) - lifted(leaving);
        x = onward(state, x);
        leaving = onward(state, leaving);
        entering = onward(state, entering);
    }
    return (ecgedge_time)(ecgedge_now(state) - LOCATE_FROM + farthest_at);
}

/* -- decisions ---------------------------------------------------------------------------- */

/* Samples from the last beat to a candidate, as far as they count. */
static ECGEDGE_SELDOM unsigned interval_to(const ecgedge_detector *d, const ecgedge_candidate *c)
{
    const unsigned since = ecgedge_span(d->last_at, c->at);
    return since < ECGEDGE_INTERVAL_MAX ? since : ECGEDGE_INTERVAL_MAX;
}

/* Whether a candidate is that many 64ths as steep as beats are. */
static ECGEDGE_SELDOM bool is_steep(const ecgedge_detector *d, const ecgedge_candidate *c,
                                    uint8_t share_64)
{
    return c->steepness * 64 >= d->steepness * share_64;
}

/* So many sixteenths of a level. */
static ECGEDGE_SELDOM int32_t sixteenths(int32_t level, uint8_t share)
{
    return (level * share) >> 4;
}

/*
 * Move a level 2^-ECGEDGE_LEVEL_SHIFT of the way to a value that counts as twice the level at most;
 * the first value is the level. It never falls below its least value.
 */
static ECGEDGE_SELDOM void follow(int32_t *level, int32_t value, uint8_t least)
{
    if (*level)
        value = *level + ((smaller(value, 2 * *level) - *level) >> ECGEDGE_LEVEL_SHIFT);
    *level = larger(value, least);
}

/* Take a candidate for a beat and let the levels follow. */
static ECGEDGE_APART void accept(ecgedge_detector *d, ecgedge_time now, const ecgedge_candidate *c)
{
    if (d->has_last) {
        int32_t interval = (int32_t)interval_to(d, c) << ECGEDGE_RR_FRACTION_BITS;
        if (d->rr) {
            const int32_t rr = d->rr;
            interval = rr + ((smaller(interval, rr + (rr >> 1)) - rr) >> ECGEDGE_RR_SHIFT);
        }
        d->rr = (uint16_t)interval;
    }
    follow(&d->beat_level, c->height, ECGEDGE_LEAST_LEVEL);
    follow(&d->steepness, c->steepness, ECGEDGE_LEAST_STEEPNESS);
    d->last_at = c->at;
    d->last_sample = c->sample;
    d->has_last = true;
    d->best.height = 0;
    d->silent_since = now;
    d->alarm = d->tick_at = (ecgedge_time)(now + ECGEDGE_QUIET);
}

/* Whether the best refused candidate is good enough for a beat that is overdue. */
static bool is_good_enough(const ecgedge_detector *d, ecgedge_time now)
{
    return ecgedge_span(d->best.at, now) <= ECGEDGE_CANDIDATE_AGE &&
           d->best.height > sixteenths(d->beat_level, ECGEDGE_SEARCH_BACK_LEVEL) &&
           d->best.height > d->noise_level &&
           is_steep(d, &d->best, ECGEDGE_SEARCH_BACK_STEEPNESS_64);
}

/* Take the best refused candidate when a beat is overdue; choose when `wake` has something to do. */
static ECGEDGE_SELDOM ecgedge_detection search_back(ecgedge_detector *d, ecgedge_time now)
{
    d->alarm = d->tick_at;
    if (d->best.height && d->rr) {
        const unsigned after = (unsigned)(((uint32_t)ECGEDGE_SEARCH_BACK_RR * d->rr) >> 8);
        const ecgedge_time due = (ecgedge_time)(d->last_at + after + 1);
        if (!ecgedge_reached(due, now)) {
            if (!ecgedge_reached(d->tick_at, due))
                d->alarm = due;
        } else if (is_good_enough(d, now)) {
            accept(d, now, &d->best);
            return ECGEDGE_LATE_PEAK;
        }
    }
    return ECGEDGE_NO_PEAK;
}

/* How high above the noise a candidate has to stand, in sixteenths of the beats' height. */
static uint8_t share_of(const ecgedge_detector *d, unsigned since)
{
    const uint32_t scaled = (uint32_t)since << 8;
    if (d->rr && scaled < (uint32_t)d->rr * ECGEDGE_EARLY_RR)
        return ECGEDGE_THRESHOLD_EARLY;
    if (d->rr && scaled > (uint32_t)d->rr * ECGEDGE_LATE_RR)
        return ECGEDGE_THRESHOLD_LATE;
    return ECGEDGE_THRESHOLD_USUAL;
}

/* Remember a refused candidate for search-back when it is the best since the last beat. */
static void refuse(ecgedge_detector *d, ecgedge_time now, const ecgedge_candidate *c,
                   bool after_last)
{
    const int32_t capped = smaller(c->height, sixteenths(d->beat_level, ECGEDGE_NOISE_CAP));
    d->noise_level += (capped - d->noise_level) >> ECGEDGE_NOISE_SHIFT;
    if (ecgedge_span(d->best.at, now) > ECGEDGE_CANDIDATE_AGE)
        d->best.height = 0;
    if (c->height > d->best.height && after_last) {
        d->best = *c;
        d->best_seen = false;
    }
}

/* Judge a maximum of the energy: a beat, or noise that search-back may take later. */
static ECGEDGE_APART ecgedge_detection judge(ecgedge_state *state)
{
    ecgedge_detector *d = &state->detector;
    ecgedge_candidate *c = &d->held;
    const ecgedge_time now = ecgedge_now(state);
    const unsigned since = interval_to(d, c);
    if (since < ECGEDGE_REFRACTORY)
        return ECGEDGE_NO_PEAK;
    c->steepness = steepness_of_held(state);
    if (since < ECGEDGE_T_WAVE && !is_steep(d, c, 4 * ECGEDGE_T_WAVE_STEEPNESS))
        return ECGEDGE_NO_PEAK;
    c->sample = locate(state);
    const bool after_last = !ecgedge_reached(c->sample, d->last_sample);
    const int32_t above = larger(d->beat_level - d->noise_level, 0);
    if (after_last && is_steep(d, c, ECGEDGE_STEEPNESS_64) &&
        c->height > d->noise_level + sixteenths(above, share_of(d, since))) {
        accept(d, now, c);
        return ECGEDGE_PEAK;
    }
    refuse(d, now, c, after_last);
    return search_back(d, now);
}

/* -- time without a beat ------------------------------------------------------------------ */

/* Median of the three blocks: the second largest of all four, because the new one is still 0. */
static int32_t median(const int32_t *block)
{
    int32_t largest = 0, second = 0;
    for (uint_fast8_t i = 0; i < 4; i++) {
        second = larger(second, smaller(largest, block[i]));
        largest = larger(largest, block[i]);
    }
    return second;
}

/* A last beat that is further back than anything can tell is moved up, so that spans stay short. */
static ECGEDGE_SELDOM void keep_recent(ecgedge_time *time, ecgedge_time now)
{
    if (ecgedge_span(*time, now) > ECGEDGE_STALE)
        *time = (ecgedge_time)(now - ECGEDGE_STALE);
}

/* End a block of learning; three quarters of the median of three blocks is the first beat level. */
static void learn(ecgedge_detector *d, ecgedge_time now)
{
    const ecgedge_time begin = (ecgedge_time)(now + 1 - 3 * ECGEDGE_BLOCK); /* of the blocks */
    keep_recent(&d->last_at, now);
    keep_recent(&d->last_sample, now);
    d->block = (uint8_t)((d->block + 1) % 4);
    d->blocks[d->block] = 0;
    d->alarm = (ecgedge_time)(now + ECGEDGE_BLOCK);
    if (!ecgedge_reached(d->silent_since, begin))
        return;
    d->silent_since = (ecgedge_time)(begin - 1); /* as good as any longer span */
    const int32_t middle = median(d->blocks);
    if (middle < ECGEDGE_LEAST_LEVEL)
        return;
    d->beat_level = larger(middle - (middle >> 2), ECGEDGE_LEAST_LEVEL);
    d->noise_level = d->beat_level >> 3;
    d->learning = false;
    d->silent_since = now;
    d->alarm = d->tick_at = (ecgedge_time)(now + ECGEDGE_TICK);
}

/* Start learning again after a long silence. */
static void forget(ecgedge_detector *d, ecgedge_time now)
{
    const size_t kept = offsetof(ecgedge_detector, noise_level);
    memset((uint8_t *)d + kept, 0, sizeof *d - kept);
    begin_learning(d, (ecgedge_time)(now + 1));
}

/* Lower a level that is known. */
static ECGEDGE_SELDOM void sink(int32_t *level, uint8_t least)
{
    if (*level)
        *level = larger(*level - (*level >> ECGEDGE_DECAY_SHIFT), least);
}

/* Do what is due now: a block of learning, sinking levels, search-back. */
static ECGEDGE_SELDOM ecgedge_detection wake(ecgedge_detector *d, ecgedge_time now)
{
    if (d->learning) {
        learn(d, now);
        return ECGEDGE_NO_PEAK;
    }
    if (now == d->tick_at) {
        if (ecgedge_span(d->silent_since, now) >= ECGEDGE_RELEARN) {
            forget(d, now);
            return ECGEDGE_NO_PEAK;
        }
        sink(&d->beat_level, ECGEDGE_LEAST_LEVEL);
        sink(&d->noise_level, 0);
        sink(&d->steepness, ECGEDGE_LEAST_STEEPNESS);
        d->tick_at = (ecgedge_time)(now + ECGEDGE_TICK);
    }
    return search_back(d, now);
}

/* -- one sample --------------------------------------------------------------------------- */

/* Follow the energy; a maximum is judged when it has held. */
static ecgedge_detection follow_energy(ecgedge_state *state, int32_t previous)
{
    ecgedge_detector *d = &state->detector;
    const ecgedge_time now = ecgedge_now(state);
    if (d->rising) {
        if (d->energy > d->held.height) {
            d->held.height = d->energy;
            d->held.at = now;
        } else if (ecgedge_span(d->held.at, now) == ECGEDGE_HOLD) {
            d->rising = false;
            if (!d->learning)
                return judge(state);
        }
    } else if (d->energy > previous) {
        d->rising = true;
        d->held.height = d->energy;
        d->held.at = now;
    }
    return ECGEDGE_NO_PEAK;
}

ecgedge_detection ecgedge_detect(ecgedge_state *state)
{
    ecgedge_detector *d = &state->detector;
    const int32_t previous = d->energy;
    const ecgedge_time now = ecgedge_now(state);
    const int16_t *newest = state->ring + state->head;
    d->slope += slope_at(state, newest);
    d->slope_old += slope_at(state, before(state, newest, ECGEDGE_INTEGRATE));
    d->energy += magnitude(d->slope) - magnitude(d->slope_old);
    ecgedge_detection found = follow_energy(state, previous);
    if (d->learning && d->energy > d->blocks[d->block])
        d->blocks[d->block] = d->energy;
    if (now == d->alarm) {
        const ecgedge_detection late = wake(d, now);
        if (late != ECGEDGE_NO_PEAK)
            found = late;
    }
    return found;
}
