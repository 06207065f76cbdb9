/*
 * Causal R-peak detector. docs/detector.md of ecgedge says what it does and why; the steps, and
 * their order, are those of firmware_sim/detector.py.
 *
 * slope:     sum of the last ECGEDGE_LOW_PASS samples minus the same sum ECGEDGE_DIFFERENCE earlier
 * energy:    sum of |slope| over the last ECGEDGE_INTEGRATE samples
 * candidate: a maximum of the energy that nothing has exceeded for ECGEDGE_HOLD samples
 *
 * All values fit int32_t for any samples. Times are sample numbers modulo 2^16, and only their
 * differences count; these stay below 2^15 because the detector forgets after a long silence.
 */
#include "ecgedge_detector.h"

#include "ecgedge_arith.h"

/* On AVR the slope's 300 bytes of flash are dearer than the time of a call. */
#ifdef __AVR__
#define SLOPE_IS ECGEDGE_SELDOM
#else
#define SLOPE_IS ECGEDGE_INLINE
#endif

ECGEDGE_PROMISE(locate_stays_in_the_past, ECGEDGE_HOLD + ECGEDGE_DELAY >=
                                              ECGEDGE_LOCATE_AFTER + ECGEDGE_LOCATE_HALF + 1);
ECGEDGE_PROMISE(difference_is_not_longer, ECGEDGE_DIFFERENCE <= ECGEDGE_LOW_PASS);

/* Place in the ring of the sample `n` before the one at `place`, n < ECGEDGE_RING. */
static ECGEDGE_INLINE uint16_t before(uint16_t place, uint16_t n)
{
    return (uint16_t)(place >= n ? place - n : place + (ECGEDGE_RING - n));
}

/* The sample `n` before the newest, n < ECGEDGE_RING. */
static int16_t back(const ecgedge_state *state, uint16_t n)
{
    return state->ring[before(state->head, n)];
}

/* What the sample at `place` adds to the slope. */
static SLOPE_IS int32_t slope_at(const ecgedge_state *state, uint16_t place)
{
    int32_t step = state->ring[place];
    place = before(place, ECGEDGE_DIFFERENCE);
    step -= state->ring[place];
    place = before(place, ECGEDGE_LOW_PASS - ECGEDGE_DIFFERENCE);
    step -= state->ring[place];
    place = before(place, ECGEDGE_DIFFERENCE);
    return step + state->ring[place];
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

void ecgedge_detector_init(ecgedge_detector *d, uint16_t first)
{
    static const ecgedge_detector fresh = {0};
    *d = fresh;
    d->learning = true;
    d->last_at = (uint16_t)(first - ECGEDGE_INTERVAL_MAX);
    d->last_sample = (uint16_t)(first - 1);
    d->silent_since = first;
    d->alarm = (uint16_t)(first + ECGEDGE_BLOCK - 1);
}

/* -- looking at samples around a candidate ------------------------------------------------ */

/* Largest |slope| of the samples that the energy at `at` sums up. */
static int32_t steepness_at(const ecgedge_state *state, uint16_t at)
{
    uint16_t n = (uint16_t)(ecgedge_span(at, ecgedge_now(state)) + ECGEDGE_INTEGRATE - 1);
    int32_t slope = 0, largest;
    for (uint16_t k = 0; k < ECGEDGE_LOW_PASS; k++)
        slope += (int32_t)back(state, (uint16_t)(n + k)) -
                 back(state, (uint16_t)(n + k + ECGEDGE_DIFFERENCE));
    largest = magnitude(slope);
    for (uint16_t k = ECGEDGE_INTEGRATE - 1; k; k--) {
        n--;
        slope += slope_at(state, before(state->head, n));
        largest = larger(largest, magnitude(slope));
    }
    return largest;
}

/* The sample near the energy's maximum at `at` that lies farthest from the mean around it. */
static uint16_t locate(const ecgedge_state *state, uint16_t at)
{
    const uint16_t now = ecgedge_now(state);
    uint16_t n = (uint16_t)(ecgedge_span(at, now) + ECGEDGE_DELAY + ECGEDGE_LOCATE_BEFORE);
    uint16_t where = n;
    int32_t total = 0, farthest = -1;
    for (uint16_t k = 0; k <= 2 * ECGEDGE_LOCATE_HALF; k++)
        total += back(state, (uint16_t)(n - ECGEDGE_LOCATE_HALF + k));
    for (uint16_t k = ECGEDGE_LOCATE_BEFORE + ECGEDGE_LOCATE_AFTER + 1; k; k--) {
        const int32_t x = back(state, n);
        const int32_t distance = magnitude((2 * ECGEDGE_LOCATE_HALF + 1) * x - total);
        if (distance > farthest) {
            farthest = distance;
            where = n;
        }
        total += (int32_t)back(state, (uint16_t)(n - ECGEDGE_LOCATE_HALF - 1)) -
                 back(state, (uint16_t)(n + ECGEDGE_LOCATE_HALF));
        n--;
    }
    return (uint16_t)(now - where);
}

/* -- decisions ---------------------------------------------------------------------------- */

/* First sample at which search-back may act. */
static ECGEDGE_SELDOM uint16_t due(const ecgedge_detector *d)
{
    return (uint16_t)(d->last_at + (((uint32_t)ECGEDGE_SEARCH_BACK_RR * d->rr) >> 8) + 1);
}

/* Choose the next sample at which `wake` has something to do. */
static void set_alarm(ecgedge_detector *d, uint16_t now)
{
    d->alarm = d->tick_at;
    if (d->best && d->rr) {
        const uint16_t at = due(d);
        if (!ecgedge_reached(at, now) && !ecgedge_reached(d->tick_at, at))
            d->alarm = at;
    }
}

/* Move a level 2^-ECGEDGE_LEVEL_SHIFT of the way to a value that counts as twice the level at most. */
static ECGEDGE_SELDOM int32_t follow(int32_t level, int32_t value)
{
    return level + ((smaller(value, 2 * level) - level) >> ECGEDGE_LEVEL_SHIFT);
}

/* Set a level, which never falls below its least value. */
static ECGEDGE_SELDOM void set_level(int32_t *level, int32_t value, int16_t least)
{
    *level = larger(value, least);
}

/* Take a candidate for a beat and let the levels follow. */
static void accept(ecgedge_detector *d, uint16_t now, int32_t height, uint16_t at,
                   int32_t steepness, uint16_t sample)
{
    if (d->has_last) {
        const uint16_t since = ecgedge_span(d->last_at, at);
        uint32_t interval = (uint32_t)(since < ECGEDGE_INTERVAL_MAX ? since : ECGEDGE_INTERVAL_MAX)
                            << ECGEDGE_RR_FRACTION_BITS;
        if (d->rr) {
            const uint32_t longest = (uint32_t)d->rr + (d->rr >> 1);
            if (interval > longest)
                interval = longest;
            interval = (uint32_t)(d->rr +
                                  (((int32_t)interval - (int32_t)d->rr) >> ECGEDGE_RR_SHIFT));
        }
        d->rr = (uint16_t)interval;
    }
    set_level(&d->beat_level, follow(d->beat_level, height), ECGEDGE_LEAST_LEVEL);
    set_level(&d->steepness, d->steepness ? follow(d->steepness, steepness) : steepness,
              ECGEDGE_LEAST_STEEPNESS);
    d->last_at = at;
    d->last_sample = sample;
    d->has_last = true;
    d->best = 0;
    d->silent_since = now;
    d->tick_at = (uint16_t)(now + ECGEDGE_QUIET);
    set_alarm(d, now);
}

/* Take the best refused candidate when a beat is overdue. */
static bool search_back(ecgedge_detector *d, uint16_t now)
{
    if (!d->best || !d->rr || !ecgedge_reached(due(d), now))
        return false;
    if (ecgedge_span(d->best_at, now) > ECGEDGE_CANDIDATE_AGE)
        return false;
    if (d->best <= (d->beat_level * ECGEDGE_SEARCH_BACK_LEVEL) >> 4 || d->best <= d->noise_level)
        return false;
    if (d->best_steepness * 64 < d->steepness * ECGEDGE_SEARCH_BACK_STEEPNESS_64)
        return false;
    accept(d, now, d->best, d->best_at, d->best_steepness, d->best_sample);
    return true;
}

/* How high above the noise a candidate has to stand, in sixteenths of the beats' height. */
static int32_t share_of(const ecgedge_detector *d, uint16_t since)
{
    const uint32_t scaled = (uint32_t)since << 8;
    if (d->rr && scaled < (uint32_t)d->rr * ECGEDGE_EARLY_RR)
        return ECGEDGE_THRESHOLD_EARLY;
    if (d->rr && scaled > (uint32_t)d->rr * ECGEDGE_LATE_RR)
        return ECGEDGE_THRESHOLD_LATE;
    return ECGEDGE_THRESHOLD_USUAL;
}

/* Remember a refused candidate for search-back when it is the best since the last beat. */
static void refuse(ecgedge_detector *d, uint16_t now, int32_t height, uint16_t at,
                   int32_t steepness, uint16_t sample, bool after_last)
{
    const int32_t capped = smaller(height, (d->beat_level * ECGEDGE_NOISE_CAP) >> 4);
    d->noise_level += (capped - d->noise_level) >> ECGEDGE_NOISE_SHIFT;
    if (d->best && ecgedge_span(d->best_at, now) > ECGEDGE_CANDIDATE_AGE)
        d->best = 0;
    if (height > d->best && after_last) {
        d->best = height;
        d->best_at = at;
        d->best_steepness = steepness;
        d->best_sample = sample;
        d->best_seen = false;
    }
}

/* Judge a maximum of the energy: a beat, or noise that search-back may take later. */
static ECGEDGE_SELDOM ecgedge_detection candidate(ecgedge_state *state)
{
    ecgedge_detector *d = &state->detector;
    const uint16_t now = ecgedge_now(state), at = d->peak_at;
    const uint16_t elapsed = ecgedge_span(d->last_at, at);
    const uint16_t since = elapsed < ECGEDGE_INTERVAL_MAX ? elapsed : ECGEDGE_INTERVAL_MAX;
    if (elapsed < ECGEDGE_REFRACTORY)
        return ECGEDGE_NO_PEAK;
    const int32_t height = d->peak, steepness = steepness_at(state, at);
    if (since < ECGEDGE_T_WAVE && steepness * 16 < d->steepness * ECGEDGE_T_WAVE_STEEPNESS)
        return ECGEDGE_NO_PEAK;
    const uint16_t sample = locate(state, at);
    const bool after_last = !ecgedge_reached(sample, d->last_sample);
    const int32_t above = larger(d->beat_level - d->noise_level, 0);
    const int32_t threshold = d->noise_level + ((above * share_of(d, since)) >> 4);
    const bool steep_enough = steepness * 64 >= d->steepness * ECGEDGE_STEEPNESS_64;
    if (height > threshold && steep_enough && after_last) {
        accept(d, now, height, at, steepness, sample);
        return ECGEDGE_PEAK;
    }
    refuse(d, now, height, at, steepness, sample, after_last);
    const bool found = search_back(d, now);
    set_alarm(d, now);
    return found ? ECGEDGE_LATE_PEAK : ECGEDGE_NO_PEAK;
}

/* -- time without a beat ------------------------------------------------------------------ */

static int32_t median(const int32_t *v)
{
    return larger(smaller(v[0], v[1]), smaller(larger(v[0], v[1]), v[2]));
}

/* A last beat that is further back than anything can tell is moved up, so that spans stay short. */
static ECGEDGE_SELDOM void keep_recent(uint16_t *time, uint16_t now)
{
    if (ecgedge_span(*time, now) > ECGEDGE_STALE)
        *time = (uint16_t)(now - ECGEDGE_STALE);
}

/* End a block of learning; three quarters of the median of three blocks is the first beat level. */
static void learn(ecgedge_detector *d, uint16_t now)
{
    keep_recent(&d->last_at, now);
    keep_recent(&d->last_sample, now);
    d->blocks[0] = d->blocks[1];
    d->blocks[1] = d->blocks[2];
    d->blocks[2] = d->block_max;
    d->block_max = 0;
    const int32_t middle = median(d->blocks);
    const bool enough = ecgedge_span(d->silent_since, now) + 1 >= 3 * ECGEDGE_BLOCK;
    if (enough)
        d->silent_since = (uint16_t)(now - 3 * ECGEDGE_BLOCK); /* as good as any longer span */
    if (enough && middle >= ECGEDGE_LEAST_LEVEL) {
        set_level(&d->beat_level, middle - (middle >> 2), ECGEDGE_LEAST_LEVEL);
        d->noise_level = d->beat_level >> 3;
        d->learning = false;
        d->silent_since = now;
        d->tick_at = (uint16_t)(now + ECGEDGE_TICK);
        set_alarm(d, now);
    } else {
        d->alarm = (uint16_t)(now + ECGEDGE_BLOCK);
    }
}

/* Start learning again after a long silence. */
static ECGEDGE_SELDOM void forget(ecgedge_detector *d, uint16_t now)
{
    d->learning = true;
    d->blocks[0] = d->blocks[1] = d->blocks[2] = d->block_max = 0;
    d->noise_level = d->steepness = d->best = 0;
    d->rr = 0;
    d->has_last = false;
    d->silent_since = (uint16_t)(now + 1);
    d->alarm = (uint16_t)(now + ECGEDGE_BLOCK);
}

/* Lower all levels. */
static void sink(ecgedge_detector *d)
{
    set_level(&d->beat_level, d->beat_level - (d->beat_level >> ECGEDGE_DECAY_SHIFT),
              ECGEDGE_LEAST_LEVEL);
    d->noise_level -= d->noise_level >> ECGEDGE_DECAY_SHIFT;
    if (d->steepness)
        set_level(&d->steepness, d->steepness - (d->steepness >> ECGEDGE_DECAY_SHIFT),
                  ECGEDGE_LEAST_STEEPNESS);
}

/* Do what is due now: a block of learning, sinking levels, search-back. */
static ECGEDGE_SELDOM ecgedge_detection wake(ecgedge_detector *d, uint16_t now)
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
        sink(d);
        d->tick_at = (uint16_t)(now + ECGEDGE_TICK);
    }
    const bool found = search_back(d, now);
    set_alarm(d, now);
    return found ? ECGEDGE_LATE_PEAK : ECGEDGE_NO_PEAK;
}

/* -- one sample --------------------------------------------------------------------------- */

/* Follow the energy; a candidate is judged when it has held. */
static ecgedge_detection follow_energy(ecgedge_state *state, int32_t previous)
{
    ecgedge_detector *d = &state->detector;
    const uint16_t now = ecgedge_now(state);
    if (d->rising) {
        if (d->energy > d->peak) {
            d->peak = d->energy;
            d->peak_at = now;
        } else if (ecgedge_span(d->peak_at, now) == ECGEDGE_HOLD) {
            d->rising = false;
            if (!d->learning)
                return candidate(state);
        }
    } else if (d->energy > previous) {
        d->rising = true;
        d->peak = d->energy;
        d->peak_at = now;
    }
    return ECGEDGE_NO_PEAK;
}

ecgedge_detection ecgedge_detect(ecgedge_state *state)
{
    ecgedge_detector *d = &state->detector;
    const int32_t previous = d->energy;
    const uint16_t now = ecgedge_now(state);
    d->slope += slope_at(state, state->head);
    d->slope_old += slope_at(state, before(state->head, ECGEDGE_INTEGRATE));
    d->energy += magnitude(d->slope) - magnitude(d->slope_old);
    ecgedge_detection found = follow_energy(state, previous);
    if (d->learning && d->energy > d->block_max)
        d->block_max = d->energy;
    if (now == d->alarm) {
        const ecgedge_detection late = wake(d, now);
        if (late != ECGEDGE_NO_PEAK)
            found = late;
    }
    return found;
}
