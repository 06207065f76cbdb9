/* The network: pools, token layers, mean; or measures; hidden layer, head, decision. */
#include "ecgedge_network.h"

#include <stddef.h>
#include <string.h>

#include "ecgedge_arith.h"

#if ECGEDGE_LAYERS

#include "ecgedge_conv.h"

/* without optimization there are not enough registers for it */
#if defined(ECGEDGE_TOKEN_IN_16_BITS) && defined(__AVR_HAVE_MUL__) && \
    defined(__OPTIMIZE__) && !defined(ECGEDGE_PORTABLE) && !defined(ECGEDGE_PLAIN)
#define TOKENS_IN_ASSEMBLY
#include "ecgedge_token_avr.h"
#elif defined(ECGEDGE_CORTEX_M) && defined(__OPTIMIZE__) && !defined(ECGEDGE_PORTABLE) && \
    !defined(ECGEDGE_PLAIN) && (defined(ECGEDGE_HAS_SMLAD) || ECGEDGE_TOKEN_BITS == 16)
#define TOKENS_IN_PAIRS
#include "ecgedge_token_cortex.h"
#endif

#if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__OPTIMIZE_SIZE__) && !defined(__AVR__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

typedef struct {
    int8_t weight[ECGEDGE_CHANNELS][ECGEDGE_CHANNELS];
    int8_t bias[ECGEDGE_CHANNELS];
    uint8_t shift;
} token_layer;

static const ecgedge_piece pieces[ECGEDGE_PIECES] ECGEDGE_TABLE = ECGEDGE_PIECE_LIST;
static const uint8_t pool_shift[ECGEDGE_TOKENS] ECGEDGE_TABLE = ECGEDGE_POOL_SHIFTS;
static const token_layer token_layers[ECGEDGE_LAYERS] ECGEDGE_TABLE = ECGEDGE_LAYER_LIST;

void ecgedge_begin(ecgedge_layers *layers)
{
    memset(layers->sums, 0, sizeof layers->sums);
}

void ecgedge_piece_at(uint8_t index, ecgedge_piece *piece)
{
    ECGEDGE_COPY(piece, &pieces[index], sizeof *piece);
}

void ecgedge_take_piece(ecgedge_layers *layers, const ecgedge_piece *piece, const int8_t *x)
{
    if (piece->branch != ECGEDGE_GLOBAL)
        ecgedge_convolve(x, piece->count, piece->branch, layers->sums[piece->token]);
    ecgedge_convolve(x, piece->count, ECGEDGE_GLOBAL, layers->sums[ECGEDGE_TOKENS - 1]);
}

void ecgedge_take_beat(ecgedge_layers *layers, const int8_t *beat)
{
    ecgedge_piece piece;
    for (uint8_t i = 0; i < ECGEDGE_PIECES; i++) {
        ecgedge_piece_at(i, &piece);
        if (piece.branch != ECGEDGE_GLOBAL)
            ecgedge_convolve(beat + piece.start, piece.count, piece.branch,
                             layers->sums[piece.token]);
    }
    ecgedge_convolve(beat, ECGEDGE_GLOBAL_POOL, ECGEDGE_GLOBAL, layers->sums[ECGEDGE_TOKENS - 1]);
}

/* Shift and clip the sums. */
static void pool(ecgedge_layers *layers)
{
    ecgedge_rounding rounding;
    for (uint8_t t = 0; t < ECGEDGE_TOKENS; t++) {
        ecgedge_round_by(&rounding, ECGEDGE_UINT8_AT(&pool_shift[t]));
        UNROLL
        for (uint8_t c = 0; c < ECGEDGE_CHANNELS; c++)
            layers->tokens[0][t][c] = ecgedge_relu_round(layers->sums[t][c], &rounding);
    }
}

#ifndef TOKENS_IN_PAIRS
/*
 * Channel c of layer i, for all tokens. A product is 127^2 at most, because nothing is -128, so
 * two of them fit the int of every processor.
 */
static void token_channel(ecgedge_layers *layers, uint8_t i, uint8_t c,
                          const ecgedge_rounding *rounding)
{
    const int8_t *weight = token_layers[i].weight[c];
#ifdef TOKENS_IN_ASSEMBLY
    const int16_t b = (int16_t)(ECGEDGE_INT8_AT(&token_layers[i].bias[c]) * ECGEDGE_BIAS_ONE);
    token_loop_avr(weight, b, rounding, layers->tokens[i][0], &layers->tokens[i + 1][0][c]);
#else
    const int8_t w0 = ECGEDGE_INT8_AT(weight), w1 = ECGEDGE_INT8_AT(weight + 1);
    const int8_t w2 = ECGEDGE_INT8_AT(weight + 2), w3 = ECGEDGE_INT8_AT(weight + 3);
    const ecgedge_token_sum bias =
        (ecgedge_token_sum)(ECGEDGE_INT8_AT(&token_layers[i].bias[c]) * ECGEDGE_BIAS_ONE);
    UNROLL
    for (uint8_t t = 0; t < ECGEDGE_TOKENS; t++) {
        const int8_t *token = layers->tokens[i][t];
        ecgedge_token_sum a = bias;
        a = (ecgedge_token_sum)(a + (w0 * token[0] + w1 * token[1]));
        a = (ecgedge_token_sum)(a + (w2 * token[2] + w3 * token[3]));
        layers->tokens[i + 1][t][c] = ecgedge_token_round(a, rounding);
    }
#endif
}
#endif

static void token_layer_on(ecgedge_layers *layers, uint8_t i)
{
    ecgedge_rounding rounding;
    ecgedge_round_by(&rounding, ECGEDGE_UINT8_AT(&token_layers[i].shift));
#ifdef TOKENS_IN_PAIRS
    const token_layer *layer = &token_layers[i];
    for (uint8_t c = 0; c < ECGEDGE_CHANNELS; c += 2)
        token_two_channels(layer->weight[c], layer->bias[c] * ECGEDGE_BIAS_ONE,
                           layer->bias[c + 1] * ECGEDGE_BIAS_ONE, &rounding,
                           layers->tokens[i][0], &layers->tokens[i + 1][0][c]);
#else
    for (uint8_t c = 0; c < ECGEDGE_CHANNELS; c++)
        token_channel(layers, i, c, &rounding);
#endif
}

static void mean_of(ecgedge_layers *layers)
{
    ecgedge_rounding rounding;
    ecgedge_round_by(&rounding, ECGEDGE_MEAN_SHIFT);
    for (uint8_t c = 0; c < ECGEDGE_CHANNELS; c++) {
        int16_t sum = 0;
        UNROLL
        for (uint8_t t = 0; t < ECGEDGE_TOKENS; t++)
            sum = (int16_t)(sum + layers->tokens[ECGEDGE_LAYERS][t][c]);
        layers->mean[c] = ecgedge_relu_round(sum, &rounding);
    }
}

void ecgedge_middle(ecgedge_layers *layers)
{
    pool(layers);
    for (uint8_t i = 0; i < ECGEDGE_LAYERS; i++)
        token_layer_on(layers, i);
    mean_of(layers);
}

#endif

#if ECGEDGE_MEASURES

#include "ecgedge_measures.h"

void ecgedge_measure(ecgedge_layers *layers, const int8_t *beat)
{
    ecgedge_bins bins;
    ecgedge_bins_of(beat, bins);
    memset(layers->measures, 0, sizeof layers->measures);
    for (uint_fast8_t i = 0; i < ECGEDGE_MEASURES; i++) {
        layers->measure_sums[i] = ecgedge_measure_sum(i, bins);
        layers->measures[i] = ecgedge_measure_value(i, layers->measure_sums[i]);
    }
}

#endif

#define FEATURES (ECGEDGE_SEEN + ECGEDGE_CONTEXT)

#if ECGEDGE_HIDDEN
#define HEAD_INPUTS ECGEDGE_HIDDEN
static const int8_t hidden_weight[ECGEDGE_HIDDEN][FEATURES] ECGEDGE_TABLE = ECGEDGE_HIDDEN_WEIGHT;
static const int8_t hidden_bias[ECGEDGE_HIDDEN] ECGEDGE_TABLE = ECGEDGE_HIDDEN_BIAS;
#else
#define HEAD_INPUTS FEATURES
#endif

static const int8_t head_weight[ECGEDGE_LABELS][HEAD_INPUTS] ECGEDGE_TABLE = ECGEDGE_HEAD_WEIGHT;
static const int8_t head_bias[ECGEDGE_LABELS] ECGEDGE_TABLE = ECGEDGE_HEAD_BIAS;

#if ECGEDGE_PRIOR_GAIN
ECGEDGE_SELDOM
#else
static
#endif
uint8_t ecgedge_decide(const int32_t *scores)
{
#if ECGEDGE_LABELS == 2
    return scores[1] - scores[0] >= ECGEDGE_THRESHOLD;
#else
    uint_fast8_t best = 0;
    for (uint_fast8_t i = 1; i < ECGEDGE_LABELS; i++)
        if (scores[i] > scores[best])
            best = i;
    return (uint8_t)best;
#endif
}

/* A sum, and what `count` weights make of as many values. */
static ECGEDGE_SELDOM int32_t add_weighed(int32_t sum, const int8_t *w, const int8_t *x,
                                          uint_fast8_t count)
{
    for (; count; count--)
        sum += (int16_t)(ECGEDGE_INT8_AT(w++) * *x++);
    return sum;
}

/* A bias, and what `weight` makes of mean values or measures, and of the context. */
static ECGEDGE_INLINE int32_t weigh_features(int8_t bias, const int8_t *weight, const int8_t *seen,
                                             const int8_t *context)
{
    int32_t sum = (int16_t)(bias * ECGEDGE_BIAS_ONE);
#if ECGEDGE_SEEN
    sum = add_weighed(sum, weight, seen, ECGEDGE_SEEN);
#else
    (void)seen;
#endif
#if ECGEDGE_CONTEXT
    sum = add_weighed(sum, weight + ECGEDGE_SEEN, context, ECGEDGE_CONTEXT);
#else
    (void)context;
#endif
    return sum;
}

#if ECGEDGE_HIDDEN

int32_t ecgedge_hidden_sum(uint_fast8_t unit, const int8_t *seen, const int8_t *context)
{
    return weigh_features(ECGEDGE_INT8_AT(&hidden_bias[unit]), hidden_weight[unit], seen, context);
}

int8_t ecgedge_hidden_value(int32_t sum)
{
    return ecgedge_round_q7(sum, ECGEDGE_HIDDEN_SHIFT);
}

uint8_t ecgedge_last(const int8_t *hidden, int32_t *scores)
{
    for (uint_fast8_t i = 0; i < ECGEDGE_LABELS; i++) {
        const int32_t bias = (int16_t)(ECGEDGE_INT8_AT(&head_bias[i]) * ECGEDGE_BIAS_ONE);
        scores[i] = add_weighed(bias, head_weight[i], hidden, ECGEDGE_HIDDEN);
    }
    return ecgedge_decide(scores);
}

uint8_t ecgedge_head(const int8_t *seen, const int8_t *context, int32_t *scores)
{
    int8_t hidden[ECGEDGE_HIDDEN];
    for (uint_fast8_t i = 0; i < ECGEDGE_HIDDEN; i++)
        hidden[i] = ecgedge_hidden_value(ecgedge_hidden_sum(i, seen, context));
    return ecgedge_last(hidden, scores);
}

/* The hidden layer and the head, with both layers. */
static void finish(ecgedge_layers *layers, const int8_t *seen, const int8_t *context)
{
    memset(layers->hidden, 0, sizeof layers->hidden);
    for (uint_fast8_t i = 0; i < ECGEDGE_HIDDEN; i++) {
        layers->hidden_sums[i] = ecgedge_hidden_sum(i, seen, context);
        layers->hidden[i] = ecgedge_hidden_value(layers->hidden_sums[i]);
    }
    layers->label = ecgedge_last(layers->hidden, layers->scores);
}

#else

uint8_t ecgedge_head(const int8_t *seen, const int8_t *context, int32_t *scores)
{
    for (uint_fast8_t i = 0; i < ECGEDGE_LABELS; i++)
        scores[i] = weigh_features(ECGEDGE_INT8_AT(&head_bias[i]), head_weight[i], seen, context);
    return ecgedge_decide(scores);
}

static void finish(ecgedge_layers *layers, const int8_t *seen, const int8_t *context)
{
    layers->label = ecgedge_head(seen, context, layers->scores);
}

#endif

void ecgedge_run(const int8_t *beat, const int8_t *context, ecgedge_layers *layers)
{
#if ECGEDGE_LAYERS
    ecgedge_begin(layers);
    ecgedge_take_beat(layers, beat);
    ecgedge_middle(layers);
    finish(layers, layers->mean, context);
#elif ECGEDGE_MEASURES
    ecgedge_measure(layers, beat);
    finish(layers, layers->measures, context);
#else
    (void)beat;
    finish(layers, NULL, context);
#endif
}

uint8_t ecgedge_network(const int8_t *beat, const int8_t *context, int32_t *scores)
{
    ecgedge_layers layers;
    ecgedge_run(beat, context, &layers);
    for (uint_fast8_t i = 0; scores && i < ECGEDGE_LABELS; i++)
        scores[i] = layers.scores[i];
    return layers.label;
}
