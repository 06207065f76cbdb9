/* A window of ADC counts: its sum, extremes and quality, and what the network makes of it. */
#include "ecgedge_window.h"

#include <stddef.h>

#include "ecgedge_arith.h"
#include "ecgedge_network.h"
#if ECGEDGE_SEEN
#include "ecgedge_normalize.h"
#endif
#if ECGEDGE_MEASURES
#include "ecgedge_measures.h"
#endif

ECGEDGE_PROMISE(run_fits_8_bits, ECGEDGE_CLIPPED_RUN < 256);
ECGEDGE_PROMISE(sum_fits, (int32_t)ECGEDGE_WINDOW <= 16384);
ECGEDGE_PROMISE(not_reverses_the_order, ~INT16_MAX == INT16_MIN);

/*
 * The largest count of a window, or the largest ~count when `flip` is -1 and not 0. The window is
 * clipped when it comes often enough in a row.
 */
static ECGEDGE_SELDOM int largest_of(const ecgedge_window *window, int flip, uint8_t *quality)
{
    const int16_t *x = window->ring + window->first;
    const int16_t *const end = window->ring + window->size;
    int largest = INT16_MIN;
    uint_fast8_t run = 0; /* of the largest; it stays once it is long enough */
    for (unsigned n = ECGEDGE_WINDOW; n; n--) {
        const int count = *x ^ flip;
        if (count < largest) {
            if (run < ECGEDGE_CLIPPED_RUN)
                run = 0;
        } else {
            if (count > largest)
                run = 0;
            largest = count;
            if (run < ECGEDGE_CLIPPED_RUN)
                run++;
        }
        if (++x == end)
            x = window->ring;
    }
    if (run == ECGEDGE_CLIPPED_RUN)
        *quality = ECGEDGE_CLIPPED;
    return largest;
}

#if ECGEDGE_SEEN

/* What normalization needs of it. */
static int32_t sum_of(const ecgedge_window *window)
{
    const int16_t *x = window->ring + window->first;
    const int16_t *const end = window->ring + window->size;
    int32_t sum = 0;
    for (unsigned n = ECGEDGE_WINDOW; n; n--) {
        sum += *x;
        if (++x == end)
            x = window->ring;
    }
    return sum;
}

#if ECGEDGE_LAYERS

/* Run the network up to its mean values, a piece of the window at a time. */
static void take_pieces(const ecgedge_window *window, int16_t low, int16_t high, int8_t *mean)
{
    ecgedge_scale scale;
    ecgedge_piece piece;
    ecgedge_layers layers;
    int8_t q[ECGEDGE_PIECE_MAX + 3];
    ecgedge_set_scale(&scale, sum_of(window), low, high);
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

#else

/* Measure the window, a bin at a time. */
static void take_pieces(const ecgedge_window *window, int16_t low, int16_t high, int8_t *seen)
{
    ecgedge_scale scale;
    ecgedge_bins bins;
    int8_t q[ECGEDGE_BIN_SAMPLES];
    uint16_t start = ECGEDGE_MEASURED_FROM;
    ecgedge_set_scale(&scale, sum_of(window), low, high);
    for (uint_fast8_t i = 0; i < ECGEDGE_MEASURED_BINS; i++) {
        ecgedge_normalize(window, &scale, start, ECGEDGE_BIN_SAMPLES, q);
        bins[i] = ecgedge_bin_of(q);
        start = (uint16_t)(start + ECGEDGE_BIN_SAMPLES);
    }
    for (uint_fast8_t i = 0; i < ECGEDGE_MEASURES; i++)
        seen[i] = ecgedge_measure_value(i, ecgedge_measure_sum(i, bins));
}

#endif
#endif

void ecgedge_look(const ecgedge_window *window, ecgedge_features *features)
{
    features->quality = ECGEDGE_GOOD;
    const int high = largest_of(window, 0, &features->quality);
    const int low = ~largest_of(window, -1, &features->quality);
    if ((int32_t)high - low < ECGEDGE_FLAT_COUNTS)
        features->quality = ECGEDGE_FLAT;
#if ECGEDGE_SEEN
    take_pieces(window, (int16_t)low, (int16_t)high, features->seen);
#endif
}

uint8_t ecgedge_classify(const int16_t *window, const int8_t *context, int32_t *scores)
{
    int32_t own[ECGEDGE_LABELS];
#if ECGEDGE_SEEN
    const ecgedge_window whole = {window, ECGEDGE_WINDOW, 0};
    ecgedge_features features;
    ecgedge_look(&whole, &features);
    return ecgedge_head(features.seen, context, scores ? scores : own);
#else
    (void)window;
    return ecgedge_head(NULL, context, scores ? scores : own);
#endif
}
