/* Convolution, one channel after the other: for 8-bit processors and for wide accumulators. */

#if ECGEDGE_CONV_BITS == 16
typedef int16_t conv_sum;
#else
typedef int32_t conv_sum;
#endif

typedef struct {
    int8_t weight[4][ECGEDGE_TAPS];
    int8_t bias[4];
} conv_weights;

#define CONV_PLAIN(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, ba, bb, bc, bd) \
    {                                                                                              \
        {{a0, a1, a2, a3}, {b0, b1, b2, b3}, {c0, c1, c2, c3}, {d0, d1, d2, d3}},                  \
        {                                                                                          \
            ba, bb, bc, bd                                                                         \
        }                                                                                          \
    }

static const conv_weights conv_table[ECGEDGE_BRANCHES] ECGEDGE_TABLE = {
    ECGEDGE_P_CONV(CONV_PLAIN), ECGEDGE_QRS_CONV(CONV_PLAIN), ECGEDGE_T_CONV(CONV_PLAIN),
    ECGEDGE_GLOBAL_CONV(CONV_PLAIN)};

static int32_t conv_channel(const int8_t *x, uint16_t count, const int8_t *weight, int8_t b)
{
    const int8_t w0 = ECGEDGE_INT8_AT(weight), w1 = ECGEDGE_INT8_AT(weight + 1);
    const int8_t w2 = ECGEDGE_INT8_AT(weight + 2), w3 = ECGEDGE_INT8_AT(weight + 3);
    const conv_sum bias = (conv_sum)(b * ECGEDGE_BIAS_ONE);
    int8_t x0 = x[0], x1 = x[1], x2 = x[2];
    int32_t total = 0;
    x += 3;
    do {
        const int8_t x3 = *x++;
        conv_sum a = bias;
        a = (conv_sum)(a + (int16_t)(w0 * x0));
        a = (conv_sum)(a + (int16_t)(w1 * x1));
        a = (conv_sum)(a + (int16_t)(w2 * x2));
        a = (conv_sum)(a + (int16_t)(w3 * x3));
        if (a > 0)
            total += a;
        x0 = x1;
        x1 = x2;
        x2 = x3;
    } while (--count);
    return total;
}

void ecgedge_convolve(const int8_t *x, uint16_t count, uint8_t branch, int32_t *sums)
{
    const conv_weights *weights = &conv_table[branch];
    for (uint8_t c = 0; c < 4; c++)
        sums[c] += conv_channel(x, count, weights->weight[c], ECGEDGE_INT8_AT(&weights->bias[c]));
}
