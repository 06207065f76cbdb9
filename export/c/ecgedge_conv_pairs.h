/*
 * Weights for convolutions with two channels in one 32-bit register: lane A in the low half, lane B
 * in the high half, so that w0 x0 + w1 x1 + ... with packed weights is both channels' sum.
 *
 * Lane A starts at 2^15 + bias. It ends at 0 ... 65535 because the accumulator fits int16_t, so it
 * never borrows from lane B; what happens on the way is exact modulo 2^32. Lane B starts at
 * CONV_LIFT_B + bias.
 */

typedef struct {
    uint32_t weight[ECGEDGE_TAPS];
    uint32_t bias;
} conv_pair;

typedef struct {
    conv_pair pair[2];
} conv_weights;

#define CONV_PAIR(a, b) ((uint32_t)(int32_t)(a) + ((uint32_t)(int32_t)(b) << 16))
#define CONV_BIAS(a, b)                                 \
    CONV_PAIR((a) * (int32_t)ECGEDGE_BIAS_ONE + 32768,  \
              (b) * (int32_t)ECGEDGE_BIAS_ONE + CONV_LIFT_B)
#define CONV_PAIRS(a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, d0, d1, d2, d3, ba, bb, bc, bd) \
    {                                                                                              \
        {                                                                                          \
            {{CONV_PAIR(a0, b0), CONV_PAIR(a1, b1), CONV_PAIR(a2, b2), CONV_PAIR(a3, b3)},         \
             CONV_BIAS(ba, bb)},                                                                   \
                {{CONV_PAIR(c0, d0), CONV_PAIR(c1, d1), CONV_PAIR(c2, d2), CONV_PAIR(c3, d3)},     \
                 CONV_BIAS(bc, bd)},                                                               \
        }                                                                                          \
    }

static const conv_weights conv_table[ECGEDGE_BRANCHES] = {
    ECGEDGE_P_CONV(CONV_PAIRS), ECGEDGE_QRS_CONV(CONV_PAIRS), ECGEDGE_T_CONV(CONV_PAIRS),
    ECGEDGE_GLOBAL_CONV(CONV_PAIRS)};

/* Adds up two channels of `count` rectified outputs into sums[0] and sums[1]. */
#ifdef CONV_IN_ASSEMBLY
void ecgedge_convolve_pair(const int8_t *x, uint32_t count, const conv_pair *pair, int32_t *sums);
#define convolve_pair ecgedge_convolve_pair
#else
static void convolve_pair(const int8_t *x, uint32_t count, const conv_pair *pair, int32_t *sums);
#endif

void ecgedge_convolve(const int8_t *x, uint16_t count, uint8_t branch, int32_t *sums)
{
    const conv_weights *weights = &conv_table[branch];
    convolve_pair(x, count, &weights->pair[0], sums);
    convolve_pair(x, count, &weights->pair[1], sums + 2);
}
