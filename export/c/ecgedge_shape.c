/*
 * The shape of a beat in integers: docs/arithmetic.md of ecgedge, "Shape".
 *
 * A window is summed into ECGEDGE_BINS bins, freed of its mean and scaled by its largest bin. Of the
 * template only the bins that are compared are kept. All values fit int32_t for any samples.
 */
#include "ecgedge_shape.h"

#include "ecgedge_arith.h"
#include "ecgedge_rhythm.h"

#define USED ((int32_t)ECGEDGE_BINS * ECGEDGE_BIN_SAMPLES)
#define BEFORE (ECGEDGE_WINDOW / 2 - ECGEDGE_BINS / 2 * ECGEDGE_BIN_SAMPLES)
#define REGION (1 << ECGEDGE_REGION_BITS)

enum { P, QRS, T, AREA };

/* Bins are numbered in the window; those of the template begin with the QRS complex. */
#define T_AT (ECGEDGE_T_BIN - ECGEDGE_QRS_BIN)
#define LAST_BIN (ECGEDGE_QRS_BIN + ECGEDGE_TEMPLATE_BINS - 1)
/* A beat is moved against the template: it has a few bins more before those. */
#define FIRST_BIN (ECGEDGE_QRS_BIN - ECGEDGE_QRS_MOVE)

ECGEDGE_PROMISE(bins_lie_in_the_window, BEFORE >= 0 && BEFORE + USED <= ECGEDGE_WINDOW);
ECGEDGE_PROMISE(bins_of_a_few_samples, ECGEDGE_BIN_SAMPLES >= 1 && ECGEDGE_BIN_SAMPLES <= 127);
ECGEDGE_PROMISE(regions_are_kept, ECGEDGE_P_BIN <= FIRST_BIN &&
                                      ECGEDGE_P_BIN + ECGEDGE_P_BINS - 1 <= LAST_BIN &&
                                      T_AT + REGION <= ECGEDGE_TEMPLATE_BINS &&
                                      REGION + ECGEDGE_QRS_MOVE <= ECGEDGE_TEMPLATE_BINS &&
                                      LAST_BIN < ECGEDGE_BINS);
ECGEDGE_PROMISE(template_fits_16_bits, ECGEDGE_TEMPLATE_BITS <= 6);

/* What scales bins: what is subtracted from each, and the largest of what is left, 1 or more. */
typedef struct {
    int32_t offset;
    uint32_t largest;
} bin_scale;

/* A beat as it is compared. */
typedef struct {
    int8_t bins[ECGEDGE_QRS_MOVE + ECGEDGE_TEMPLATE_BINS]; /* from FIRST_BIN on */
    uint16_t p;    /* sum of the absolute bins of the P wave */
    uint32_t area; /* of the QRS complex, in 1/16 */
} beat_shape;

/* Sum of the samples in bin `i` of a window. */
static ECGEDGE_SELDOM int32_t bin_at(const ecgedge_window *window, uint_fast8_t i)
{
    const int16_t *const end = window->ring + window->size;
    const unsigned place = window->first + BEFORE + (unsigned)i * ECGEDGE_BIN_SAMPLES;
    const int16_t *x = window->ring + (place < window->size ? place : place - window->size);
    int32_t sum = 0;
    for (uint_fast8_t n = ECGEDGE_BIN_SAMPLES; n; n--) {
        sum += *x;
        if (++x == end)
            x = window->ring;
    }
    return sum;
}

static void measure_bins(const ecgedge_window *window, bin_scale *scale)
{
    int32_t total = 0, low = INT32_MAX, high = INT32_MIN;
    for (uint_fast8_t i = 0; i < ECGEDGE_BINS; i++) {
        const int32_t sum = bin_at(window, i);
        total += sum;
        if (sum < low)
            low = sum;
        if (sum > high)
            high = sum;
    }
    /* rdiv(total, USED), shifted by 2^15 USED so that what is divided is not negative */
    const uint32_t lifted = (uint32_t)(total + 32768 * USED);
    const int32_t mean = (int32_t)((2 * lifted + USED) / (2 * (uint32_t)USED)) - 32768;
    scale->offset = mean * ECGEDGE_BIN_SAMPLES;
    high -= scale->offset;
    low = scale->offset - low;
    if (low > high)
        high = low;
    scale->largest = (uint32_t)(high > 1 ? high : 1);
}

/* rdiv(127 bin, largest), shifted by 127 so that what is divided is not negative. */
static int8_t scaled(int32_t bin, uint32_t largest)
{
    const uint32_t lifted = (uint32_t)bin + largest;
    const uint_fast8_t q = (uint_fast8_t)((2 * ECGEDGE_Q7_MAX * lifted + largest) / (2 * largest));
    return (int8_t)((int16_t)q - ECGEDGE_Q7_MAX);
}

static unsigned magnitude(int16_t a)
{
    return (unsigned)(a < 0 ? -a : a);
}

static ECGEDGE_SELDOM void read_shape(const ecgedge_window *window, beat_shape *beat)
{
    bin_scale scale;
    uint32_t area = ((uint32_t)1 << ECGEDGE_AREA_BITS) >> 1;
    beat->p = 0;
    measure_bins(window, &scale);
    for (uint_fast8_t i = ECGEDGE_P_BIN; i <= LAST_BIN; i++) {
        const int32_t bin = bin_at(window, i) - scale.offset;
        const int8_t q = scaled(bin, scale.largest);
        if (i < ECGEDGE_P_BIN + ECGEDGE_P_BINS)
            beat->p = (uint16_t)(beat->p + magnitude(q));
        if (i < FIRST_BIN)
            continue;
        beat->bins[i - FIRST_BIN] = q;
        if ((uint8_t)(i - ECGEDGE_QRS_BIN) < REGION)
            area += (uint32_t)(bin < 0 ? -bin : bin);
    }
    beat->area = area >> ECGEDGE_AREA_BITS << ECGEDGE_AREA_FRACTION_BITS;
}

/* How far above bin `i` of the template a beat is, of which the first `skip` bins are left out. */
static int16_t difference(const ecgedge_shape *shape, const beat_shape *beat, uint_fast8_t i,
                          uint_fast8_t skip)
{
    return (int16_t)(beat->bins[skip + i] * (1 << ECGEDGE_TEMPLATE_BITS) - shape->level[i]);
}

/* A region's mean from the sum over it, in 2^-bits of Q0.7; it saturates. */
static int8_t mean_of(uint32_t sum, uint_fast8_t bits)
{
    sum = (sum + (((uint32_t)1 << bits) >> 1)) >> bits;
    return (int8_t)(sum > ECGEDGE_Q7_MAX ? ECGEDGE_Q7_MAX : sum);
}

/* Mean absolute difference over the region from bin `i` of the template on, times a gain. */
static ECGEDGE_SELDOM int8_t distance(const ecgedge_shape *shape, const beat_shape *beat,
                                      uint_fast8_t i, uint_fast8_t skip, uint_fast8_t gain_bits)
{
    uint32_t sum = 0;
    for (uint_fast8_t n = REGION; n; n--)
        sum += magnitude(difference(shape, beat, i++, skip));
    return mean_of(sum, (uint8_t)(ECGEDGE_TEMPLATE_BITS + ECGEDGE_REGION_BITS - gain_bits));
}

static void compare(const ecgedge_shape *shape, const beat_shape *beat, int8_t *values)
{
    values[QRS] = ECGEDGE_Q7_MAX;
    for (uint_fast8_t skip = 0; skip <= 2 * ECGEDGE_QRS_MOVE; skip++) {
        const int8_t moved = distance(shape, beat, 0, skip, ECGEDGE_QRS_GAIN_BITS);
        if (moved < values[QRS])
            values[QRS] = moved;
    }
    values[T] = distance(shape, beat, T_AT, ECGEDGE_QRS_MOVE, ECGEDGE_T_GAIN_BITS);
    values[AREA] = shape->area ? ecgedge_deviation(beat->area, shape->area) : 0;
}

/* Move the template 2^-shift of the way to a beat: all the way to the first one, from 0. */
static void take_in(ecgedge_shape *shape, const beat_shape *beat, uint_fast8_t shift)
{
    const int16_t half = (int16_t)((1 << shift) >> 1);
    for (uint_fast8_t i = 0; i < ECGEDGE_TEMPLATE_BINS; i++) {
        const int16_t change = difference(shape, beat, i, ECGEDGE_QRS_MOVE);
        shape->level[i] = (int16_t)(shape->level[i] + (int16_t)((change + half) >> shift));
    }
}

static void take_area_in(ecgedge_shape *shape, uint32_t area)
{
    const int32_t half = (1 << ECGEDGE_AREA_SHIFT) >> 1, mean = (int32_t)shape->area;
    const int32_t moved = ((int32_t)area - mean + half) >> ECGEDGE_AREA_SHIFT;
    shape->area = (uint32_t)(mean + moved);
}

void ecgedge_shape_look(ecgedge_shape *shape, const ecgedge_window *window, ecgedge_taking taking,
                        int8_t *values)
{
    beat_shape beat;
    uint_fast8_t shift = 0; /* of the first beat */
    read_shape(window, &beat);
    values[P] = mean_of(beat.p, ECGEDGE_REGION_BITS - ECGEDGE_P_GAIN_BITS);
    values[QRS] = values[T] = values[AREA] = 0;
    if (shape->taken) {
        compare(shape, &beat, values);
        if (taking == ECGEDGE_TAKE_PREMATURE)
            shift = ECGEDGE_UNLIKE_SHIFT;
        else if (shape->taken < ECGEDGE_LEARNING_BEATS)
            shift = ECGEDGE_LEARNING_SHIFT;
        else
            shift = values[QRS] < ECGEDGE_LIKE_BELOW ? ECGEDGE_LIKE_SHIFT : ECGEDGE_UNLIKE_SHIFT;
    }
    if (taking == ECGEDGE_LEAVE)
        return;
    take_in(shape, &beat, shift);
    if (shape->taken)
        take_area_in(shape, beat.area);
    else
        shape->area = beat.area;
    if (shape->taken < ECGEDGE_LEARNING_BEATS)
        shape->taken++;
}
