/*
 * Normalization is d = x - mean, q = rdiv(127 d, m) with m = max |d|. With u = d + m, which is in
 * 0 ... 2m, that is q + 127 = floor((254 u + m) / 2m). One division a window gives the reciprocal
 * R = ceil(127 2^24 / m), then (u R + 2^23) >> 24 is q + 127 for m < 2048, because the error
 * u / 2^24 stays below 1 / 2m; above, it may be one too large, which its remainder tells.
 */
#include "ecgedge_normalize.h"

#include "ecgedge_arith.h"

#define RECIPROCAL_BITS 24
#define EXACT_BELOW 2048

void ecgedge_set_scale(ecgedge_scale *scale, int32_t sum, int16_t low, int16_t high)
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

#define HALF ((uint32_t)1 << (RECIPROCAL_BITS - 1))

/* A value of a window with m below EXACT_BELOW: a factor of 16 bits is twice as fast on AVR. */
static ECGEDGE_INLINE int8_t normalized(int32_t floor, uint32_t reciprocal, int16_t count)
{
    const uint16_t u = (uint16_t)(count - floor);
    const uint8_t q = (uint8_t)((u * reciprocal + HALF) >> RECIPROCAL_BITS);
    return (int8_t)((int16_t)q - ECGEDGE_Q7_MAX);
}

/* The same for any m. */
static int8_t normalized_large(const ecgedge_scale *scale, int16_t count)
{
    const uint32_t m = scale->m, u = (uint32_t)(count - scale->floor);
    uint8_t q = (uint8_t)((u * scale->reciprocal + HALF) >> RECIPROCAL_BITS);
    if (2 * m * q > 254 * u + m)
        q--;
    return (int8_t)((int16_t)q - ECGEDGE_Q7_MAX);
}

ECGEDGE_SELDOM void ecgedge_normalize(const ecgedge_window *window, const ecgedge_scale *scale,
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
