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

/* What is known of a window before it is normalized. */
typedef struct {
    int32_t floor; /* mean - m: what is subtracted from a count to give u */
    uint32_t reciprocal;
    uint16_t m; /* largest distance from the mean; 1 for a constant, which becomes zeros so */
    uint8_t quality;
} window_scale;

/* The largest of the counts so far, and whether it came often enough in a row. */
typedef struct {
    int16_t value;
    uint8_t run; /* wraps around where the window is clipped already */
    bool clipped;
} window_extreme;

ECGEDGE_PROMISE(run_fits_8_bits, ECGEDGE_CLIPPED_RUN < 256);
ECGEDGE_PROMISE(sum_fits, (int32_t)ECGEDGE_WINDOW <= 16384);
ECGEDGE_PROMISE(not_reverses_the_order, ~INT16_MAX == INT16_MIN);

static void watch(window_extreme *largest, int16_t count)
{
    if (count < largest->value) {
        largest->run = 0;
        return;
    }
    if (count > largest->value) {
        largest->value = count;
        largest->run = 0;
        largest->clipped = false;
    }
    largest->run++;
    if (largest->run == ECGEDGE_CLIPPED_RUN)
        largest->clipped = true;
}

/* Mean, largest distance from it and reciprocal, from the sum and the extremes. */
static void set_scale(window_scale *scale, int32_t sum, int16_t low, int16_t high)
{
    /* rdiv(sum, W), shifted by 2^15 W so that what is divided is not negative */
    const uint32_t lifted = (uint32_t)(sum + (int32_t)32768 * ECGEDGE_WINDOW);
    const uint16_t mean = /* lifted too; it lies between the extremes */
        (uint16_t)((2 * lifted + ECGEDGE_WINDOW) / (2 * (uint32_t)ECGEDGE_WINDOW));
    const uint16_t above = (uint16_t)((uint16_t)high + 0x8000u - mean);
    const uint16_t below = (uint16_t)(mean - 0x8000u - (uint16_t)low);
    uint16_t m = 1;
    if (above > m)
        m = above;
    if (below > m)
        m = below;
    scale->m = m;
    scale->floor = (int32_t)mean - 32768 - m;
    scale->reciprocal = (((uint32_t)ECGEDGE_Q7_MAX << RECIPROCAL_BITS) + m - 1) / m;
}

static ECGEDGE_SELDOM void measure(const ecgedge_window *window, window_scale *scale)
{
    const int16_t *x = window->ring + window->first;
    const int16_t *const end = window->ring + window->size;
    window_extreme high = {INT16_MIN, 0, false}, low = {INT16_MIN, 0, false}; /* low: of ~count */
    int32_t sum = 0;
    for (uint16_t n = ECGEDGE_WINDOW; n; n--) {
        const int16_t count = *x;
        sum += count;
        watch(&high, count);
        watch(&low, (int16_t)~count);
        if (++x == end)
            x = window->ring;
    }
    set_scale(scale, sum, (int16_t)~low.value, high.value);
    scale->quality = high.clipped || low.clipped ? ECGEDGE_CLIPPED : ECGEDGE_GOOD;
    if ((int32_t)high.value - (int16_t)~low.value < ECGEDGE_FLAT_COUNTS)
        scale->quality = ECGEDGE_FLAT;
}

#define HALF ((uint32_t)1 << (RECIPROCAL_BITS - 1))

/* A value of a window with m below EXACT_BELOW: a factor of 16 bits is twice as fast on AVR. */
static ECGEDGE_INLINE int8_t normalized(int32_t floor, uint32_t reciprocal, int16_t count)
{
    const uint16_t u = (uint16_t)(count - floor);
    const uint8_t q = (uint8_t)((u * reciprocal + HALF) >> RECIPROCAL_BITS);
    return (int8_t)((int16_t)q - ECGEDGE_Q7_MAX);
}

/* The same for any m. */
static int8_t normalized_large(const window_scale *scale, int16_t count)
{
    const uint32_t m = scale->m, u = (uint32_t)(count - scale->floor);
    uint8_t q = (uint8_t)((u * scale->reciprocal + HALF) >> RECIPROCAL_BITS);
    if (2 * m * q > 254 * u + m)
        q--;
    return (int8_t)((int16_t)q - ECGEDGE_Q7_MAX);
}

/* Normalize `count` values from `start` of the window on. */
static ECGEDGE_SELDOM void normalize(const ecgedge_window *window, const window_scale *scale,
                                     uint16_t start, uint8_t count, int8_t *q)
{
    const int16_t *const end = window->ring + window->size;
    const int32_t floor = scale->floor;
    const uint32_t reciprocal = scale->reciprocal;
    const bool large = scale->m >= EXACT_BELOW;
    uint16_t place = (uint16_t)(window->first + start);
    const int16_t *x = window->ring + (place < window->size ? place : place - window->size);
    for (; count; count--) {
        if (large)
            *q++ = normalized_large(scale, *x);
        else
            *q++ = normalized(floor, reciprocal, *x);
        if (++x == end)
            x = window->ring;
    }
}

void ecgedge_look(const ecgedge_window *window, ecgedge_features *features)
{
    window_scale scale;
    ecgedge_piece piece;
    ecgedge_layers layers;
    int8_t q[ECGEDGE_PIECE_MAX + 3];
    measure(window, &scale);
    features->quality = scale.quality;
    ecgedge_begin(&layers);
    for (uint8_t i = 0; i < ECGEDGE_PIECES; i++) {
        ecgedge_piece_at(i, &piece);
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
