/* A window of ADC counts: its sum, extremes and quality, and what the network makes of it. */
#include "ecgedge_window.h"

#include <stddef.h>

#include "ecgedge_arith.h"
#include "ecgedge_network.h"
#if ECGEDGE_LAYERS
#include "ecgedge_normalize.h"
#endif

/* What is measured of a window. */
typedef struct {
    int32_t sum;
    int16_t low, high;
    uint8_t quality;
} window_range;

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

static ECGEDGE_SELDOM void measure(const ecgedge_window *window, window_range *range)
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
    range->sum = sum;
    range->low = (int16_t)~low.value;
    range->high = high.value;
    range->quality = high.clipped || low.clipped ? ECGEDGE_CLIPPED : ECGEDGE_GOOD;
    if ((int32_t)range->high - range->low < ECGEDGE_FLAT_COUNTS)
        range->quality = ECGEDGE_FLAT;
}

#if ECGEDGE_LAYERS

/* Run the network up to its mean values, a piece of the window at a time. */
static void take_pieces(const ecgedge_window *window, const window_range *range, int8_t *mean)
{
    ecgedge_scale scale;
    ecgedge_piece piece;
    ecgedge_layers layers;
    int8_t q[ECGEDGE_PIECE_MAX + 3];
    ecgedge_set_scale(&scale, range->sum, range->low, range->high);
    ecgedge_begin(&layers);
    for (uint8_t i = 0; i < ECGEDGE_PIECES; i++) {
        ecgedge_piece_at(i, &piece);
        ecgedge_normalize(window, &scale, piece.start, (uint8_t)(piece.count + 3), q);
        ecgedge_take_piece(&layers, &piece, q);
    }
    ecgedge_middle(&layers);
    for (uint8_t c = 0; c < ECGEDGE_CHANNELS; c++)
        mean[c] = layers.mean[c];
}

#endif

void ecgedge_look(const ecgedge_window *window, ecgedge_features *features)
{
    window_range range;
    measure(window, &range);
    features->quality = range.quality;
#if ECGEDGE_LAYERS
    take_pieces(window, &range, features->mean);
#endif
}

uint8_t ecgedge_classify(const int16_t *window, const int8_t *context, int32_t *scores)
{
    int32_t own[ECGEDGE_LABELS];
#if ECGEDGE_LAYERS
    const ecgedge_window whole = {window, ECGEDGE_WINDOW, 0};
    ecgedge_features features;
    ecgedge_look(&whole, &features);
    return ecgedge_head(features.mean, context, scores ? scores : own);
#else
    (void)window;
    return ecgedge_head(NULL, context, scores ? scores : own);
#endif
}
