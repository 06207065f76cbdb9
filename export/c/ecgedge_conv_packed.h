/*
 * Convolution in portable C, two channels in one 32-bit register: every multiplication serves both.
 *
 * Both lanes start at 2^15 + bias: then bit 15 of a lane says that its accumulator is not negative,
 * and the 15 bits below it are its value.
 */
#define CONV_LIFT_B 32768
#include "ecgedge_conv_pairs.h"

/* Rectified outputs that are added up before the lanes are taken apart: their sum fits a lane. */
#if ECGEDGE_CONV_GREATEST <= 65535 / 4
#define CONV_BATCH 4
#else
#define CONV_BATCH 2
#endif

/* Keeps the compiler from taking packed weights apart again; nothing for an analyzer to see. */
#if defined(__GNUC__) && !defined(__FRAMAC__)
#define CONV_HIDE(w) __asm__("" : "+r"(w))
#else
#define CONV_HIDE(w) ((void)0)
#endif

/* Both lanes rectified: where bit 15 is set the 15 bits below it, otherwise 0. */
static inline uint32_t conv_relu(uint32_t lanes)
{
    const uint32_t positive = (lanes >> 15) & 0x00010001u;
    return lanes & ((positive << 15) - positive);
}

static inline uint32_t conv_load(const int8_t *x)
{
    return (uint32_t)(int32_t)*x;
}

static void convolve_pair(const int8_t *x, uint32_t count, const conv_pair *pair, int32_t *sums)
{
    const uint32_t bias = pair->bias;
    uint32_t w0 = pair->weight[0], w1 = pair->weight[1];
    uint32_t w2 = pair->weight[2], w3 = pair->weight[3];
    uint32_t x0 = conv_load(x), x1 = conv_load(x + 1), x2 = conv_load(x + 2), x3;
    uint32_t y, low = 0, high = 0;
    x += 3;
    CONV_HIDE(w0);
    CONV_HIDE(w1);
    CONV_HIDE(w2);
    CONV_HIDE(w3);
    for (uint32_t n = count / 4; n; n--) {
        x3 = conv_load(x);
        y = conv_relu(bias + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3);
        x0 = conv_load(x + 1);
        y += conv_relu(bias + w0 * x1 + w1 * x2 + w2 * x3 + w3 * x0);
#if CONV_BATCH == 2
        low += y & 0xffffu;
        high += y >> 16;
        y = 0;
#endif
        x1 = conv_load(x + 2);
        y += conv_relu(bias + w0 * x2 + w1 * x3 + w2 * x0 + w3 * x1);
        x2 = conv_load(x + 3);
        y += conv_relu(bias + w0 * x3 + w1 * x0 + w2 * x1 + w3 * x2);
        low += y & 0xffffu;
        high += y >> 16;
        x += 4;
    }
    for (uint32_t n = count % 4; n; n--) {
        x3 = conv_load(x++);
        y = conv_relu(bias + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3);
        low += y & 0xffffu;
        high += y >> 16;
        x0 = x1;
        x1 = x2;
        x2 = x3;
    }
    sums[0] += (int32_t)low;
    sums[1] += (int32_t)high;
}
