/*
 * Known answers. The inputs are made by a few lines of arithmetic that `export/c_golden.py` has
 * too; what must come of them is in ecgedge_golden.h.
 */
#include "ecgedge_selftest.h"

#include <stddef.h>

#include "ecgedge_arith.h"
#include "ecgedge_crc.h"
#include "ecgedge_golden.h"
#include "ecgedge_network.h"

/* Not inlined: the layers stay off the stack while the stream runs, and it is smaller on AVR. */
#ifdef __GNUC__
#define ECGEDGE_APART __attribute__((noinline))
#else
#define ECGEDGE_APART
#endif

/* A piece of a straight line: so many samples, each so much above the one before. */
typedef struct {
    uint8_t count;
    int8_t step;
} line;

/* A made-up recording: heartbeats of straight lines, the first of which is the pause before. */
typedef struct {
    uint16_t random;
    int16_t level;
    uint8_t line; /* the next one */
    uint8_t left; /* samples of the one before */
    int8_t step;
    bool upside_down;
} recording;

typedef struct {
    int32_t beats, crc;
} findings;

static const ecgedge_layers golden ECGEDGE_TABLE = ECGEDGE_GOLDEN_LAYERS;
static const findings golden_findings ECGEDGE_TABLE = {ECGEDGE_GOLDEN_BEATS, ECGEDGE_GOLDEN_CRC};
static const line lines[ECGEDGE_GOLDEN_LINES] ECGEDGE_TABLE = ECGEDGE_GOLDEN_LINE_LIST;

#define TOKEN_VALUES (ECGEDGE_TOKENS * ECGEDGE_CHANNELS)
#define BEAT_BYTES (4 + 4 + 4 * ECGEDGE_LABELS + 2 + 5 + 1 + 1 + 1)

/* A beat's bytes are the same on every little-endian processor. */
ECGEDGE_PROMISE(beat_has_no_holes, offsetof(ecgedge_beat, search_back) == BEAT_BYTES - 1);

static uint8_t next_random(uint16_t *random)
{
    *random = (uint16_t)(*random * 25173u + 13849u);
    return (uint8_t)(*random >> 8);
}

static int8_t next_q7(uint16_t *random)
{
    const int8_t value = (int8_t)next_random(random);
    return value < -ECGEDGE_Q7_MAX ? -ECGEDGE_Q7_MAX : value;
}

/* The next sample. The pause before a heartbeat has a random length; some stand on their heads. */
static int16_t next_sample(recording *r)
{
    const uint8_t random = next_random(&r->random);
    if (!r->left) {
        const line *now = &lines[r->line];
        r->left = ECGEDGE_UINT8_AT(&now->count);
        r->step = ECGEDGE_INT8_AT(&now->step);
        if (!r->line) {
            r->left = (uint8_t)(r->left + (random & ECGEDGE_GOLDEN_PAUSE_MASK));
            r->upside_down = random >= 192;
        }
        if (r->upside_down)
            r->step = (int8_t)-r->step;
        if (++r->line == ECGEDGE_GOLDEN_LINES)
            r->line = 0;
    }
    r->left--;
    r->level = (int16_t)(r->level + r->step);
    return (int16_t)(r->level + (random & 3));
}

/* Compare integers, `width` 1 for int8_t and 4 for int32_t; the result says which one differs. */
static bool are_right(ecgedge_selftest_result *result, uint8_t layer, const void *expected,
                      const void *actual, uint8_t count, uint8_t width)
{
    const int8_t *e = expected, *a = actual;
    for (uint8_t i = 0; i < count; i++) {
        const int32_t want = width == 1 ? ECGEDGE_INT8_AT(e) : ECGEDGE_INT32_AT((const int32_t *)e);
        const int32_t have = width == 1 ? *a : *(const int32_t *)a;
        result->compared++;
        if (want != have) {
            result->layer = layer;
            result->position = i;
            result->expected = want;
            result->actual = have;
            return false;
        }
        e += width;
        a += width;
    }
    return true;
}

/* Convolve a window of noise, piece by piece. */
static void run_convolutions(uint16_t *random, int8_t *window, ecgedge_layers *layers)
{
    for (uint16_t i = 0; i < ECGEDGE_WINDOW; i++)
        window[i] = next_q7(random);
    ecgedge_begin(layers);
    for (uint8_t i = 0; i < ECGEDGE_PIECES; i++) {
        const ecgedge_piece piece = ecgedge_piece_at(i);
        ecgedge_take_piece(layers, &piece, window + piece.start);
    }
}

/* The head on random values, so that all its weights count. */
static void run_head(uint16_t *random, ecgedge_layers *layers)
{
    int8_t features[ECGEDGE_CHANNELS + 5];
    for (uint8_t i = 0; i < sizeof features; i++)
        features[i] = next_q7(random);
    layers->label = ecgedge_head(features, features + ECGEDGE_CHANNELS, layers->scores);
}

static ECGEDGE_APART bool layers_are_right(int8_t *window, ecgedge_selftest_result *result)
{
    uint16_t random = ECGEDGE_GOLDEN_SEED;
    ecgedge_layers layers;
    run_convolutions(&random, window, &layers);
    if (!are_right(result, ECGEDGE_AT_SUMS, golden.sums, layers.sums, TOKEN_VALUES, 4))
        return false;
    ecgedge_middle(&layers);
    if (!are_right(result, ECGEDGE_AT_TOKENS, golden.tokens, layers.tokens, sizeof layers.tokens,
                   1) ||
        !are_right(result, ECGEDGE_AT_MEAN, golden.mean, layers.mean, ECGEDGE_CHANNELS, 1))
        return false;
    run_head(&random, &layers);
    return are_right(result, ECGEDGE_AT_SCORES, golden.scores, layers.scores, ECGEDGE_LABELS, 4) &&
           are_right(result, ECGEDGE_AT_LABEL, &golden.label, &layers.label, 1, 1);
}

/* Take everything that a beat says into the checksum: its bytes up to the last one that counts. */
static void take_beat(findings *found, const ecgedge_beat *beat)
{
    const uint8_t *bytes = (const uint8_t *)beat;
    uint16_t crc = (uint16_t)found->crc;
    for (uint8_t i = 0; i < BEAT_BYTES; i++)
        crc = ecgedge_crc_add(crc, bytes[i]);
    found->crc = crc;
    found->beats++;
}

static void take_rest(findings *found, ecgedge_state *state, ecgedge_beat *beat)
{
    while (ecgedge_flush(state, beat))
        take_beat(found, beat);
}

static void run_stream(ecgedge_state *state, findings *found)
{
    recording r = {ECGEDGE_GOLDEN_SEED, 0, 0, 0, 0, false};
    ecgedge_beat beat;
    ecgedge_init(state);
    for (uint16_t i = 0; i < ECGEDGE_GOLDEN_SAMPLES; i++) {
        if (i == ECGEDGE_GOLDEN_GAP_AT) {
            take_rest(found, state, &beat);
            ecgedge_reset(state, ECGEDGE_GOLDEN_GAP_TO);
        }
        if (ecgedge_push(state, next_sample(&r), &beat))
            take_beat(found, &beat);
    }
    take_rest(found, state, &beat);
}

static ECGEDGE_APART bool stream_is_right(ecgedge_state *state, ecgedge_selftest_result *result)
{
    findings found = {0, ECGEDGE_CRC_START};
    run_stream(state, &found);
    return are_right(result, ECGEDGE_AT_STREAM, &golden_findings, &found, 2, 4);
}

bool ecgedge_selftest(ecgedge_state *scratch, ecgedge_selftest_result *result)
{
    result->compared = 0;
    const bool right = layers_are_right((int8_t *)scratch->ring, result) &&
                       stream_is_right(scratch, result);
    ecgedge_init(scratch);
    return right;
}
