/*
 * Convolution, two channels in one 32-bit register: every multiplication serves both.
 *
 * Lane A is in the low half, lane B in the high half. Both start at 2^15 + bias, so that lane A
 * never borrows from lane B: it ends at 0 ... 65535 because the accumulator fits int16_t, and what
 * happens on the way is exact modulo 2^32. Bit 15 of a lane then says that its accumulator is not
 * negative, and the 15 bits below it are its value.
 */

typedef struct {
    uint32_t weight[2][ECGEDGE_TAPS];
    uint32_t bias[2];
} conv_pairs;

#define CONV_PAIR(a, b) ((uint32_t)(int32_t)(a) + ((uint32_t)(int32_t)(b) << 16))
#define CONV_LIFTED(b) ((b) * (int32_t)ECGEDGE_BIAS_ONE + 32768)
#define CONV_BIAS(a, b) CONV_PAIR(CONV_LIFTED(a), CONV_LIFTED(b))
#define CONV_PACKED(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, ba, bb, bc, bd) \
    {                                                                                               \
        {{CONV_PAIR(a0, b0), CONV_PAIR(a1, b1), CONV_PAIR(a2, b2), CONV_PAIR(a3, b3)},              \
         {CONV_PAIR(c0, d0), CONV_PAIR(c1, d1), CONV_PAIR(c2, d2), CONV_PAIR(c3, d3)}},             \
        {                                                                                           \
            CONV_BIAS(ba, bb), CONV_BIAS(bc, bd)                                                    \
        }                                                                                           \
    }

static const conv_pairs conv_table[ECGEDGE_BRANCHES] = {
    ECGEDGE_P_CONV(CONV_PACKED), ECGEDGE_QRS_CONV(CONV_PACKED), ECGEDGE_T_CONV(CONV_PACKED),
    ECGEDGE_GLOBAL_CONV(CONV_PACKED)};

/* Rectified outputs that are added up before the lanes are taken apart: their sum fits a lane. */
#if ECGEDGE_CONV_GREATEST <= 65535 / 4
#define CONV_BATCH 4
#else
#define CONV_BATCH 2
#endif

/* Keeps the compiler from taking packed weights apart again. */
#ifdef __GNUC__
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

static void conv_pair(const int8_t *x, uint16_t count, const conv_pairs *pairs, uint8_t pair,
                      int32_t *sums)
{
    uint32_t w0 = pairs->weight[pair][0], w1 = pairs->weight[pair][1];
    uint32_t w2 = pairs->weight[pair][2], w3 = pairs->weight[pair][3];
    const uint32_t bias = pairs->bias[pair];
    uint32_t x0 = conv_load(x), x1 = conv_load(x + 1), x2 = conv_load(x + 2), x3;
    uint32_t low = 0, high = 0;
    x += 3;
    CONV_HIDE(w0);
    CONV_HIDE(w1);
    CONV_HIDE(w2);
    CONV_HIDE(w3);
    for (uint16_t n = count / 4; n; n--) {
        uint32_t y;
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
    for (uint16_t n = count % 4; n; n--) {
        uint32_t y;
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

void ecgedge_convolve(const int8_t *x, uint16_t count, uint8_t branch, int32_t *sums)
{
    conv_pair(x, count, &conv_table[branch], 0, sums);
    conv_pair(x, count, &conv_table[branch], 1, sums + 2);
}
