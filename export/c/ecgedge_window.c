/*
 * From a window of ADC counts to the network's mean values, a piece of the window at a time.
 *
 * Normalization is d = x - mean, q = rdiv(127 d, m) with m = max |d|. With u = d + m, which is in
 * 0 ... 2m, that is q + 127 = floor((254 u + m) / 2m). One division a window gives the reciprocal
 * R = ceil(127 2^24 / m), then (u R + 2^23) >> 24 is q + 127 for m < 2048, because the error
 * u / 2^24 stays below 1 / 2m; above, it may be one too large, which its remainder tells.
 */
#include "ecgedge_window.h"

#include "ecgedge_arith.h"
#include "ecgedge_network.h"

#define RECIPROCAL_BITS 24
#define EXACT_BELOW 2048

/* What normalization needs to know of a window. */
typedef struct {
    int32_t floor; /* mean - m: what is subtracted from a count to give u */
    uint32_t m;    /* largest distance from the mean; 0: the window is constant */
    uint32_t reciprocal;
    int16_t low, high; /* smallest and largest count */
} window_scale;

ECGEDGE_PROMISE(sum_fits, (int32_t)ECGEDGE_WINDOW <= 16384);

static window_scale measure(const ecgedge_window *window)
{
    const int16_t *x = window->ring + window->first;
    const int16_t *const end = window->ring + window->size;
    window_scale scale;
    int32_t sum = 0;
    scale.low = scale.high = *x;
    for (uint16_t n = ECGEDGE_WINDOW; n; n--) {
        const int16_t count = *x;
        sum += count;
        if (count < scale.low)
            scale.low = count;
        if (count > scale.high)
            scale.high = count;
        if (++x == end)
            x = window->ring;
    }
    /* rdiv(sum, W), shifted by 2^15 W so that what is divided is not negative */
    const uint32_t lifted = (uint32_t)(sum + (int32_t)32768 * ECGEDGE_WINDOW);
    const int32_t mean =
        (int32_t)((2 * lifted + ECGEDGE_WINDOW) / (2 * (uint32_t)ECGEDGE_WINDOW)) - 32768;
    const int32_t above = scale.high - mean, below = mean - scale.low;
    int32_t m = above > 0 ? above : 0; /* one of them is not negative */
    if (below > m)
        m = below;
    scale.m = (uint32_t)m;
    scale.floor = mean - m;
    scale.reciprocal =
        scale.m ? (((uint32_t)ECGEDGE_Q7_MAX << RECIPROCAL_BITS) + scale.m - 1) / scale.m : 0;
    return scale;
}

static int8_t normalized(const window_scale *scale, int16_t count)
{
    const uint32_t u = (uint32_t)(count - scale->floor);
    const uint32_t half = (uint32_t)1 << (RECIPROCAL_BITS - 1);
    uint8_t q = (uint8_t)((u * scale->reciprocal + half) >> RECIPROCAL_BITS);
    if (scale->m >= EXACT_BELOW && 2 * scale->m * q > 254 * u + scale->m)
        q--;
    return (int8_t)((int16_t)q - ECGEDGE_Q7_MAX);
}

/* Normalize `count` values from `start` of the window on. */
static void normalize(const ecgedge_window *window, const window_scale *scale, uint16_t start,
                      uint8_t count, int8_t *q)
{
    const int16_t *const end = window->ring + window->size;
    uint16_t place = (uint16_t)(window->first + start);
    const int16_t *x = window->ring + (place < window->size ? place : place - window->size);
    while (count--) {
        *q++ = scale->m ? normalized(scale, *x) : 0;
        if (++x == end)
            x = window->ring;
    }
}

static uint8_t quality(const ecgedge_window *window, const window_scale *scale)
{
    const int16_t *x = window->ring + window->first;
    const int16_t *const end = window->ring + window->size;
    uint16_t run_low = 0, run_high = 0;
    if ((int32_t)scale->high - scale->low < ECGEDGE_FLAT_COUNTS)
        return ECGEDGE_FLAT;
    for (uint16_t n = ECGEDGE_WINDOW; n; n--) {
        run_low = *x == scale->low ? (uint16_t)(run_low + 1) : 0;
        run_high = *x == scale->high ? (uint16_t)(run_high + 1) : 0;
        if (run_low == ECGEDGE_CLIPPED_RUN || run_high == ECGEDGE_CLIPPED_RUN)
            return ECGEDGE_CLIPPED;
        if (++x == end)
            x = window->ring;
    }
    return ECGEDGE_GOOD;
}

void ecgedge_look(const ecgedge_window *window, ecgedge_features *features)
{
    const window_scale scale = measure(window);
    ecgedge_layers layers;
    int8_t q[ECGEDGE_PIECE_MAX + 3];
    features->quality = quality(window, &scale);
    ecgedge_begin(&layers);
    for (uint8_t i = 0; i < ECGEDGE_PIECES; i++) {
        const ecgedge_piece piece = ecgedge_piece_at(i);
        normalize(window, &scale, piece.start, (uint8_t)(piece.count + 3), q);
        ecgedge_take_piece(&layers, &piece, q);
    }
    ecgedge_middle(&layers);
    for (uint8_t c = 0; c < ECGEDGE_CHANNELS; c++)
        features->mean[c] = layers.mean[c];
}

uint8_t ecgedge_classify(const int16_t *window, const int8_t *context, int32_t *scores)
{
    const ecgedge_window whole = {window, ECGEDGE_WINDOW, 0};
    ecgedge_features features;
    int32_t own[ECGEDGE_LABELS];
    ecgedge_look(&whole, &features);
    return ecgedge_head(features.mean, context, scores ? scores : own);
}
