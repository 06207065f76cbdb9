/*
 * Samples in, labelled beats out: the ring of samples, the beats that wait, their decision.
 *
 * A beat waits for its window and, if the program uses context, for the next R peak or its deadline.
 * The window is looked at once it is complete, also that of the best refused candidate, whose samples
 * would be gone by the time that search-back takes it. What remains then is what the head needs.
 */
#include <stddef.h>
#include <string.h>

#include "ecgedge_arith.h"
#include "ecgedge_detector.h"
#include "ecgedge_network.h"
#include "ecgedge_rhythm.h"
#include "ecgedge_window.h"
#if ECGEDGE_SHAPE_VALUES
#include "ecgedge_shape.h"
#endif
#if ECGEDGE_PRIOR_GAIN
#include "ecgedge_prior.h"
#endif

#define BEFORE_PEAK (ECGEDGE_WINDOW / 2)
#define AFTER_PEAK (ECGEDGE_WINDOW - ECGEDGE_WINDOW / 2 - 1)

/* Intervals before and after a beat, against the slow mean; the one after it against that before. */
enum { CONTEXT_BEFORE = 0, CONTEXT_AFTER = 2, CONTEXT_STEP = 3 };

ECGEDGE_PROMISE(detector_sees_its_history, ECGEDGE_RING >= ECGEDGE_HISTORY);
ECGEDGE_PROMISE(ring_holds_a_window, ECGEDGE_RING >= ECGEDGE_WINDOW &&
                                         ECGEDGE_RING > BEFORE_PEAK + ECGEDGE_REACH);
ECGEDGE_PROMISE(spans_stay_short, 4L * ECGEDGE_INTERVAL_MAX < 32768L && ECGEDGE_RING < 16384);

void ecgedge_reset(ecgedge_state *state, uint32_t at_sample)
{
    memset(state, 0, offsetof(ecgedge_state, ring));
    state->next = at_sample;
    ecgedge_detector_init(&state->detector, (ecgedge_time)at_sample);
}

void ecgedge_init(ecgedge_state *state)
{
    ecgedge_reset(state, 0);
}

/* Put a sample into the ring; the samples before the first one count as equal to it. */
static void remember(ecgedge_state *state, int16_t sample)
{
    if (!state->taken)
        for (unsigned i = 0; i < ECGEDGE_RING; i++)
            state->ring[i] = sample;
    state->head = state->head + 1 < ECGEDGE_RING ? (uint16_t)(state->head + 1) : 0;
    state->ring[state->head] = sample;
    if (state->taken < ECGEDGE_TAKEN_MAX)
        state->taken++;
    state->next++;
}

/* Whether the window around an R peak begins after the stream did. */
static bool window_is_whole(const ecgedge_state *state, ecgedge_time peak)
{
    const unsigned age = ecgedge_span(peak, ecgedge_now(state));
    return state->taken > age + BEFORE_PEAK;
}

#if !ECGEDGE_SHAPE_VALUES
typedef bool ecgedge_taking;
#define ECGEDGE_LEAVE false
#endif

/* What the template takes in of a beat: nothing of one that search-back found, known too late. */
static ecgedge_taking taking_of(const ecgedge_pending *pending)
{
#if ECGEDGE_SHAPE_VALUES
    if (!pending->search_back)
        return pending->context[CONTEXT_BEFORE] < ECGEDGE_PREMATURE_BELOW ? ECGEDGE_TAKE_PREMATURE
                                                                          : ECGEDGE_TAKE;
#else
    (void)pending;
#endif
    return ECGEDGE_LEAVE;
}

/* Look at the window around an R peak, whose last sample has been taken. */
static ECGEDGE_SELDOM void look_at(ecgedge_state *state, ecgedge_time peak, ecgedge_taking taking,
                                   ecgedge_features *features)
{
    const unsigned oldest = ecgedge_span(peak, ecgedge_now(state)) + BEFORE_PEAK;
    ecgedge_window window = {state->ring, ECGEDGE_RING, 0};
    window.first = state->head >= oldest ? (uint16_t)(state->head - oldest)
                                         : (uint16_t)(state->head + ECGEDGE_RING - oldest);
    ecgedge_look(&window, features);
#if ECGEDGE_SHAPE_VALUES
    ecgedge_shape_look(&state->shape, &window, taking, features->shape);
#else
    (void)taking;
#endif
}

/* Whether a beat waits for the R peak after it: never in a program without context. */
#define WAITS(pending) (ECGEDGE_CONTEXT && (pending)->waits)

/* Sample at which the label of a beat can be known. */
static ecgedge_time due_at(const ecgedge_pending *pending)
{
    if (WAITS(pending) && !ecgedge_reached(pending->deadline, pending->complete_at))
        return pending->deadline;
    return pending->complete_at;
}

/* Say how long the interval after a beat is. */
static void set_after(ecgedge_pending *pending, unsigned rr)
{
    pending->context[CONTEXT_AFTER] = ecgedge_rhythm_deviation(rr, pending->slow);
    pending->context[CONTEXT_STEP] = ecgedge_rhythm_step(pending, rr);
}

/* Say that it is not known. */
static void forget_after(ecgedge_pending *pending)
{
    pending->context[CONTEXT_AFTER] = 0;
    pending->context[CONTEXT_STEP] = 0;
}

/* Tell a beat that an R peak follows it. After the deadline the interval stays saturated. */
static ECGEDGE_SELDOM void follows(ecgedge_pending *pending, ecgedge_time peak, ecgedge_time now)
{
    if (!WAITS(pending))
        return;
    pending->waits = false;
    if (ecgedge_reached(now, pending->deadline)) {
        set_after(pending, ecgedge_span(pending->sample, peak));
        if (ecgedge_reached(pending->complete_at, now))
            pending->complete_at = now;
    }
}

/* Put a beat into the queue, whose `rr` is set, with all but what comes after it. */
static void await(ecgedge_pending *pending, const ecgedge_rhythm *rhythm, ecgedge_time peak,
                  ecgedge_time now)
{
    const ecgedge_time complete = (ecgedge_time)(peak + AFTER_PEAK);
    pending->sample = peak;
    if (ECGEDGE_CONTEXT)
        pending->slow = rhythm->slow;
    pending->complete_at = ecgedge_reached(complete, now) ? now : complete;
    pending->waits = ECGEDGE_CONTEXT && pending->slow;
    if (ECGEDGE_CONTEXT)
        memset(pending->context, 0, sizeof pending->context);
    if (WAITS(pending)) {
        const unsigned timeout = ecgedge_rhythm_timeout(pending->slow);
        ecgedge_rhythm_context(rhythm, pending->context);
        set_after(pending, timeout); /* until it is known */
        pending->deadline = (ecgedge_time)(peak + timeout + ECGEDGE_REACH);
    }
}

/* Take in the R peak that was found: the rhythm, the beat before it, and the beat itself. */
static ECGEDGE_SELDOM void add(ecgedge_state *state, ecgedge_time before, bool late)
{
    const ecgedge_time now = ecgedge_now(state), peak = state->detector.last_sample;
    ecgedge_pending *pending = state->pending + state->waiting;
    unsigned rr = 0;
    if (state->waiting)
        follows(pending - 1, peak, now);
    if (state->has_beat) {
        rr = ecgedge_span(before, peak);
        if (rr > ECGEDGE_INTERVAL_MAX)
            rr = ECGEDGE_INTERVAL_MAX;
        if (ECGEDGE_CONTEXT)
            ecgedge_rhythm_after(&state->rhythm, rr);
    }
    state->has_beat = true;
    if (!window_is_whole(state, peak) || state->waiting == ECGEDGE_PENDING)
        return; /* the proof says that the latter cannot be */
    state->waiting++;
    pending->rr = (uint16_t)rr;
    await(pending, &state->rhythm, peak, now);
    pending->search_back = late;
    pending->computed = late && state->detector.best_seen;
    if (pending->computed)
        pending->features = state->best_features;
}

/* Look at every window that has become complete, in the order of their R peaks. */
static void compute(ecgedge_state *state)
{
    ecgedge_detector *d = &state->detector;
    const ecgedge_time now = ecgedge_now(state);
    for (uint_fast8_t i = 0; i < state->waiting; i++) {
        ecgedge_pending *pending = &state->pending[i];
        if (!pending->computed && ecgedge_reached(pending->complete_at, now)) {
            look_at(state, pending->sample, taking_of(pending), &pending->features);
            pending->computed = true;
        }
    }
    if (d->best.height && d->rr && !d->best_seen &&
        ecgedge_reached((ecgedge_time)(d->best.sample + AFTER_PEAK), now)) {
        if (window_is_whole(state, d->best.sample))
            look_at(state, d->best.sample, ECGEDGE_LEAVE, &state->best_features);
        d->best_seen = true;
    }
}

/* Take the oldest beat out of the queue. */
static ECGEDGE_SELDOM void release(ecgedge_state *state, ecgedge_beat *beat)
{
    const ecgedge_pending *first = &state->pending[0];
    const uint32_t number = state->next - 1;
    const int8_t *seen = NULL;
    beat->sample = number - ecgedge_span(first->sample, (ecgedge_time)number);
    beat->decided_at = number;
    beat->rr = first->rr;
#if ECGEDGE_CONTEXT
    memcpy(beat->context, first->context, ECGEDGE_RHYTHM_VALUES);
#else
    memset(beat->context, 0, sizeof beat->context);
#endif
#if ECGEDGE_SHAPE_VALUES
    memcpy(beat->context + ECGEDGE_RHYTHM_VALUES, first->features.shape, ECGEDGE_SHAPE_VALUES);
#endif
#if ECGEDGE_SEEN
    seen = first->features.seen;
#endif
    beat->quality = first->features.quality;
    beat->search_back = first->search_back;
    beat->label = ecgedge_head(seen, beat->context, beat->scores);
#if ECGEDGE_PRIOR_GAIN
    beat->label = ecgedge_prior_decide(&state->share, beat->context, beat->scores);
#endif
    state->waiting--;
    memmove(state->pending, state->pending + 1, sizeof *first * state->waiting);
}

bool ecgedge_push(ecgedge_state *state, int16_t sample, ecgedge_beat *beat)
{
    const ecgedge_time before = state->detector.last_sample;
    remember(state, sample);
    const ecgedge_detection found = ecgedge_detect(state);
    if (found != ECGEDGE_NO_PEAK)
        add(state, before, found == ECGEDGE_LATE_PEAK);
    compute(state);
    if (!state->waiting || !ecgedge_reached(due_at(&state->pending[0]), ecgedge_now(state)))
        return false;
    release(state, beat);
    return true;
}

bool ecgedge_flush(ecgedge_state *state, ecgedge_beat *beat)
{
    ecgedge_pending *first = &state->pending[0];
    if (state->waiting && first->computed) {
        if (WAITS(first) && !ecgedge_reached(due_at(first), ecgedge_now(state)))
            forget_after(first); /* what comes after it will not be known */
        release(state, beat);
        return true;
    }
    ecgedge_reset(state, state->next);
    return false;
}
