/*
 * Two channels of a token layer for Cortex-M: the same as the loop in ecgedge_network.c, but every
 * token is read once for both. Tokens are 0 ... 127.
 */
#include <string.h>

#ifdef ECGEDGE_HAS_SMLAD
/* SMLAD takes two products at once. Words of weights may lie anywhere, as memcpy says. */

static ECGEDGE_INLINE int32_t token_word(const int8_t *place)
{
    int32_t word;
    memcpy(&word, place, sizeof word);
    return word;
}

/* Bytes 0 and 2, bytes 1 and 3. */
static ECGEDGE_INLINE int16x2_t token_even(int32_t word)
{
    return __sxtb16(word);
}

static ECGEDGE_INLINE int16x2_t token_odd(int32_t word)
{
    int16x2_t odd;
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
    return odd;
}

static void token_two_channels(const int8_t *weight, int32_t bias_a, int32_t bias_b,
                               const ecgedge_rounding *rounding, const int8_t *token,
                               int8_t *result)
{
    const int16x2_t even_a = token_even(token_word(weight)), odd_a = token_odd(token_word(weight));
    const int16x2_t even_b = token_even(token_word(weight + 4));
    const int16x2_t odd_b = token_odd(token_word(weight + 4));
    const uint8_t shift = rounding->shift;
    bias_a += rounding->half;
    bias_b += rounding->half;
#if defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE_SIZE__)
#pragma GCC unroll 8
#endif
    for (uint8_t t = 0; t < ECGEDGE_TOKENS; t++) {
        const int32_t word = token_word(token + 4 * t);
        const int16x2_t even = token_even(word), odd = token_odd(word);
        const int32_t a = __smlad(odd, odd_a, __smlad(even, even_a, bias_a));
        const int32_t b = __smlad(odd, odd_b, __smlad(even, even_b, bias_b));
        result[4 * t] = (int8_t)__usat(a >> shift, 7);
        result[4 * t + 1] = (int8_t)__usat(b >> shift, 7);
    }
}

#else
/*
 * Channel A in the low half of a register, channel B in the high half, as in ecgedge_conv_pairs.h:
 * A is lifted by 2^15, so that it takes nothing from B.
 */
static void token_two_channels(const int8_t *weight, int32_t bias_a, int32_t bias_b,
                               const ecgedge_rounding *rounding, const int8_t *token,
                               int8_t *result)
{
#define TOKEN_LANES(a, b) ((uint32_t)(int32_t)(a) + ((uint32_t)(int32_t)(b) << 16))
    const uint32_t bias = TOKEN_LANES(bias_a + rounding->half + 32768, bias_b + rounding->half);
    uint32_t w0 = TOKEN_LANES(weight[0], weight[4]), w1 = TOKEN_LANES(weight[1], weight[5]);
    uint32_t w2 = TOKEN_LANES(weight[2], weight[6]), w3 = TOKEN_LANES(weight[3], weight[7]);
    const uint8_t shift = rounding->shift;
    const ecgedge_rounding rounded = {0, shift};
    /* the compiler must not take them apart again */
    __asm__("" : "+r"(w0));
    __asm__("" : "+r"(w1));
    __asm__("" : "+r"(w2));
    __asm__("" : "+r"(w3));
    for (uint8_t t = 0; t < ECGEDGE_TOKENS; t++) {
        const uint32_t lanes = bias + w0 * (uint8_t)token[0] + w1 * (uint8_t)token[1] +
                               w2 * (uint8_t)token[2] + w3 * (uint8_t)token[3];
        result[0] = ecgedge_relu_round((int32_t)(lanes & 0xffffu) - 32768, &rounded);
        result[1] = ecgedge_relu_round((int32_t)lanes >> 16, &rounded);
        token += ECGEDGE_CHANNELS;
        result += ECGEDGE_CHANNELS;
    }
#undef TOKEN_LANES
}
#endif
