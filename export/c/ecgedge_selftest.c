/*
 * Known answers. The inputs are made by a few lines of arithmetic that `export/c_golden.py` has
 * too; what must come of them is in ecgedge_golden.h.
 */
#include "ecgedge_selftest.h"

#include <stddef.h>
#include <string.h>

#include "ecgedge_arith.h"
#include "ecgedge_crc.h"
#include "ecgedge_golden.h"
#include "ecgedge_network.h"

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
    uint16_t beats, crc;
} findings;

static const ecgedge_layers golden ECGEDGE_TABLE = ECGEDGE_GOLDEN_LAYERS;
static const line lines[ECGEDGE_GOLDEN_LINES] ECGEDGE_TABLE = ECGEDGE_GOLDEN_LINE_LIST;

#if ECGEDGE_SEEN
#define BEAT ECGEDGE_WINDOW
#else
#define BEAT 0
#endif
#define FEATURES (ECGEDGE_SEEN + ECGEDGE_CONTEXT)
#define NOISE (BEAT + FEATURES + ECGEDGE_HIDDEN)

#define LAYER_WORDS (offsetof(ecgedge_layers, label) / 4)
#define BEAT_BYTES \
    (4 + 4 + 4 * ECGEDGE_LABELS + 2 + ECGEDGE_RHYTHM_VALUES + ECGEDGE_SHAPE_VALUES + 1 + 1 + 1)

/* Bytes are in the same places on every little-endian processor. */
ECGEDGE_PROMISE(layers_have_no_holes,
                LAYER_WORDS < ECGEDGE_AT_BEATS &&
                    offsetof(ecgedge_layers, label) ==
                        (ECGEDGE_LAYERS ? 4 * 32 + 32 * (ECGEDGE_LAYERS + 1) + 4 : 0) +
                            4 * ECGEDGE_MEASURES + ECGEDGE_MEASURE_BYTES +
                            4 * ECGEDGE_HIDDEN + ECGEDGE_HIDDEN_BYTES + 4 * ECGEDGE_LABELS);
ECGEDGE_PROMISE(noise_fits_the_ring, NOISE <= 2 * ECGEDGE_RING);
ECGEDGE_PROMISE(beat_has_no_holes, offsetof(ecgedge_beat, search_back) == BEAT_BYTES - 1);

static uint8_t next_random(uint16_t *random)
{
    *random = (uint16_t)(*random * 25173u + 13849u);
    return (uint8_t)(*random >> 8);
}

/* An odd value: a weight that is multiplied by 0 would not count. */
static int8_t next_q7(uint16_t *random)
{
    return (int8_t)(next_random(random) | 1);
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

static ECGEDGE_SELDOM bool differ(ecgedge_selftest_result *result, uint8_t place, int32_t expected, int32_t actual)
{
    result->place = place;
    result->expected = expected;
    result->actual = actual;
    return expected != actual;
}

#if ECGEDGE_LAYERS
static void run_branches(const int8_t *noise, ecgedge_layers *layers)
{
    ecgedge_piece piece;
    ecgedge_begin(layers);
    for (uint8_t i = 0; i < ECGEDGE_PIECES; i++) {
        ecgedge_piece_at(i, &piece);
        ecgedge_take_piece(layers, &piece, noise + piece.start);
    }
    ecgedge_middle(layers);
}
#endif

/* Noise through the network; hidden layer and head have their own, so that all weights count. */
static void run_network(int8_t *noise, ecgedge_layers *layers)
{
    const int8_t *features = noise + BEAT;
    uint16_t random = ECGEDGE_GOLDEN_SEED;
    for (uint16_t i = 0; i < NOISE; i++)
        noise[i] = next_q7(&random);
#if ECGEDGE_LAYERS
    run_branches(noise, layers);
#endif
#if ECGEDGE_MEASURES
    ecgedge_measure(layers, noise);
#endif
#if ECGEDGE_HIDDEN
    memset(layers->hidden, 0, sizeof layers->hidden);
    for (uint8_t i = 0; i < ECGEDGE_HIDDEN; i++) {
        layers->hidden_sums[i] = ecgedge_hidden_sum(i, features, features + ECGEDGE_SEEN);
        layers->hidden[i] = ecgedge_hidden_value(layers->hidden_sums[i]);
    }
    ecgedge_last(features + FEATURES, layers->scores);
#else
    ecgedge_head(features, features + ECGEDGE_SEEN, layers->scores);
#endif
}

static ECGEDGE_SELDOM bool layers_differ(int8_t *noise, ecgedge_selftest_result *result)
{
    const int32_t *expected = (const int32_t *)&golden;
    ecgedge_layers layers;
    int32_t actual;
    run_network(noise, &layers);
    for (uint8_t i = 0; i < LAYER_WORDS; i++) {
        memcpy(&actual, (const uint8_t *)&layers + 4 * i, 4);
        if (differ(result, i, ECGEDGE_INT32_AT(expected + i), actual))
            return true;
    }
    return false;
}

/* Take everything that a beat says into the checksum: its bytes up to the last one that counts. */
static void take_beat(findings *found, const ecgedge_beat *beat)
{
    const uint8_t *byte = (const uint8_t *)beat;
    for (uint8_t i = BEAT_BYTES; i; i--)
        found->crc = ecgedge_crc_add(found->crc, *byte++);
    found->beats++;
}

/* The recording in two parts with a gap between them. */
static void run_stream(ecgedge_state *state, findings *found)
{
    recording r = {ECGEDGE_GOLDEN_SEED, 0, 0, 0, 0, false};
    ecgedge_beat beat;
    for (uint8_t part = 0; part < 2; part++) {
        ecgedge_reset(state, part ? ECGEDGE_GOLDEN_GAP_TO : 0);
        for (uint16_t i = part ? ECGEDGE_GOLDEN_AFTER : ECGEDGE_GOLDEN_BEFORE; i; i--)
            if (ecgedge_push(state, next_sample(&r), &beat))
                take_beat(found, &beat);
        while (ecgedge_flush(state, &beat))
            take_beat(found, &beat);
    }
}

static ECGEDGE_SELDOM bool stream_differs(ecgedge_state *state, ecgedge_selftest_result *result)
{
    findings found = {0, ECGEDGE_CRC_START};
    run_stream(state, &found);
    return differ(result, ECGEDGE_AT_BEATS, ECGEDGE_GOLDEN_BEATS, found.beats) ||
           differ(result, ECGEDGE_AT_CRC, ECGEDGE_GOLDEN_CRC, found.crc);
}

bool ecgedge_selftest(ecgedge_state *scratch, ecgedge_selftest_result *result)
{
    const bool right =
        !layers_differ((int8_t *)scratch->ring, result) && !stream_differs(scratch, result);
    ecgedge_init(scratch);
    return right;
}
