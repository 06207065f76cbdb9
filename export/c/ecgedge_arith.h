/* Arithmetic of the integer program, and what the compiler has to promise for it. */
#ifndef ECGEDGE_ARITH_H
#define ECGEDGE_ARITH_H

#include <stdint.h>

/* Clang says so of Cortex-M23, which has no USAT. */
#if defined(__ARM_FEATURE_SAT) && __ARM_ARCH_ISA_THUMB == 2
#define ECGEDGE_HAS_USAT
#include <arm_acle.h>
#endif

/* Fails to compile when `holds` is false. */
#define ECGEDGE_PROMISE(name, holds) typedef char ecgedge_promise_##name[(holds) ? 1 : -1]

/* C leaves the right shift of negative numbers to the compiler; it has to round down. */
ECGEDGE_PROMISE(shift_of_int32_rounds_down, ((int32_t)-3 >> 1) == -2);
ECGEDGE_PROMISE(shift_of_int_rounds_down, (-1 >> 1) == -1);

/* Tables stay in flash on AVR, where constants would land in RAM. */
#ifdef __AVR__
#include <avr/pgmspace.h>
#define ECGEDGE_TABLE PROGMEM
#define ECGEDGE_INT8_AT(place) ((int8_t)pgm_read_byte(place))
#define ECGEDGE_UINT8_AT(place) pgm_read_byte(place)
#define ECGEDGE_UINT16_AT(place) pgm_read_word(place)
#define ECGEDGE_INT32_AT(place) ((int32_t)pgm_read_dword(place))
#else
#define ECGEDGE_TABLE
#define ECGEDGE_INT8_AT(place) (*(place))
#define ECGEDGE_UINT8_AT(place) (*(place))
#define ECGEDGE_UINT16_AT(place) (*(place))
#define ECGEDGE_INT32_AT(place) (*(place))
#endif

#define ECGEDGE_Q7_MAX 127
#define ECGEDGE_BIAS_ONE 128 /* a bias is added as b << 7 */

/* An int16_t is as fast as an int everywhere but on 8-bit processors, where it is twice as fast. */
#if ECGEDGE_TOKEN_BITS == 16
typedef int16_t ecgedge_token_sum;
#else
typedef int32_t ecgedge_token_sum;
#endif

/* How to shift right, to nearest, ties up, and clip into 0 ... 127. */
typedef struct {
    int32_t half; /* 2^(shift - 1); 0 for shift 0 */
#ifdef __AVR__
    int32_t limit;  /* 128 << shift: from here on the result is 127 */
    uint16_t scale; /* shift = 8 bytes + 8 - log2(scale) */
    uint8_t bytes;
#else
    uint8_t shift;
#endif
} ecgedge_rounding;

#ifdef __AVR__

/* A shift by a variable is a loop here: whole bytes are dropped, a multiplication does the rest. */
static inline ecgedge_rounding ecgedge_round_by(uint8_t shift)
{
    ecgedge_rounding r;
    r.half = ((int32_t)1 << shift) >> 1;
    r.limit = (int32_t)128 << shift;
    r.bytes = shift > 16 ? 2 : shift > 8;
    r.scale = (uint16_t)((uint16_t)1 << (8 * r.bytes + 8 - shift));
    return r;
}

static inline int8_t ecgedge_relu_round(int32_t a, const ecgedge_rounding *r)
{
    uint16_t kept; /* below 2^15 / scale */
    a += r->half;
    if (a < 0)
        return 0;
    if (a >= r->limit)
        return ECGEDGE_Q7_MAX;
    kept = (uint16_t)(r->bytes == 0 ? a : r->bytes == 1 ? a >> 8 : a >> 16);
    return (int8_t)((uint16_t)(kept * r->scale) >> 8);
}

#else

static inline ecgedge_rounding ecgedge_round_by(uint8_t shift)
{
    const ecgedge_rounding r = {((int32_t)1 << shift) >> 1, shift};
    return r;
}

static inline int8_t ecgedge_relu_round(int32_t a, const ecgedge_rounding *r)
{
    const int32_t shifted = (a + r->half) >> r->shift;
#ifdef ECGEDGE_HAS_USAT
    return (int8_t)__usat(shifted, 7);
#else
    if (shifted < 0)
        return 0;
    return (int8_t)(shifted > ECGEDGE_Q7_MAX ? ECGEDGE_Q7_MAX : shifted);
#endif
}

#endif

#endif
