/* Arithmetic of the integer program, and what the compiler has to promise for it. */
#ifndef ECGEDGE_ARITH_H
#define ECGEDGE_ARITH_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && defined(__thumb__) && defined(__ARM_ARCH_PROFILE)
#if __ARM_ARCH_PROFILE == 'M'
#define ECGEDGE_CORTEX_M
#endif
#endif

/* Clang says so of Cortex-M23, which has no USAT. */
#if defined(__ARM_FEATURE_SAT) && __ARM_ARCH_ISA_THUMB == 2
#define ECGEDGE_HAS_USAT
#include <arm_acle.h>
#endif

/* Intrinsics for two numbers of 16 bits in a register: GCC has them since version 10. */
#if defined(__ARM_FEATURE_SIMD32) && (defined(__clang__) || __GNUC__ >= 10)
#define ECGEDGE_HAS_SMLAD
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
#define ECGEDGE_COPY(to, place, size) memcpy_P(to, place, size)
#else
#define ECGEDGE_TABLE
#define ECGEDGE_INT8_AT(place) (*(place))
#define ECGEDGE_UINT8_AT(place) (*(place))
#define ECGEDGE_UINT16_AT(place) (*(place))
#define ECGEDGE_INT32_AT(place) (*(place))
#define ECGEDGE_COPY(to, place, size) memcpy(to, place, size)
#endif

/*
 * What runs for every sample is inlined also where the compiler saves flash; what seldom runs is
 * kept apart, so that it takes no registers and no stack from the rest. Where a pointer is shorter
 * than the addresses of what it points to, no copy is made for a state whose address is known.
 * WebAssembly has neither worry: there the fewest bytes count.
 */
#ifdef __wasm__
#define ECGEDGE_INLINE __attribute__((noinline))
#define ECGEDGE_SELDOM
#define ECGEDGE_APART
#elif defined(__GNUC__)
#define ECGEDGE_INLINE inline __attribute__((always_inline))
#define ECGEDGE_SELDOM __attribute__((noinline))
#ifdef __clang__
#define ECGEDGE_APART __attribute__((noinline))
#else
#define ECGEDGE_APART __attribute__((noinline, noclone))
#endif
#else
#define ECGEDGE_INLINE inline
#define ECGEDGE_SELDOM
#define ECGEDGE_APART
#endif

#define ECGEDGE_Q7_MAX 127
#define ECGEDGE_BIAS_ONE 128 /* a bias is added as b << 7 */

/* Shift right, to nearest, ties up, and clip into -127 ... 127. */
static inline int8_t ecgedge_round_q7(int32_t a, uint8_t shift)
{
    const int32_t half = ((int32_t)1 << shift) >> 1;
    const int32_t shifted = (a + half) >> shift;
    if (shifted < -ECGEDGE_Q7_MAX)
        return -ECGEDGE_Q7_MAX;
    return (int8_t)(shifted > ECGEDGE_Q7_MAX ? ECGEDGE_Q7_MAX : shifted);
}

/*
 * How to shift right, to nearest, ties up, and clip into 0 ... 127.
 *
 * An AVR has no instruction for a shift by a variable: it drops whole bytes, and a multiplication
 * does the rest. Its numbers of 16 bits are twice as fast, so token layers use them where they fit.
 */
#ifdef __AVR__

typedef struct {
    int32_t half;  /* 2^(shift - 1); 0 for shift 0 */
    uint8_t bytes; /* to drop: shift = 8 bytes + 7 - log2(scale) */
    uint8_t scale;
    uint16_t last; /* above it, when the bytes are dropped, the result is 127 */
} ecgedge_rounding;

/* Shared where flash counts, inlined where time does. */
#ifdef __OPTIMIZE_SIZE__
#define ECGEDGE_ROUNDS __attribute__((noinline, unused))
#else
#define ECGEDGE_ROUNDS inline
#endif

static __attribute__((noinline, unused)) void ecgedge_round_by(ecgedge_rounding *r, uint8_t shift)
{
    r->half = ((int32_t)1 << shift) >> 1;
    r->bytes = shift / 8;
    shift %= 8;
    r->scale = (uint8_t)(128u >> shift);
    r->last = (uint16_t)((128u << shift) - 1);
}

static ECGEDGE_ROUNDS int8_t ecgedge_relu_round(int32_t a, const ecgedge_rounding *r)
{
    uint32_t kept;
    a += r->half;
    if (a < 0)
        return 0;
    kept = (uint32_t)a;
    for (uint8_t bytes = r->bytes; bytes; bytes--)
        kept >>= 8;
    if (kept > r->last)
        return ECGEDGE_Q7_MAX;
    return (int8_t)((uint16_t)((uint16_t)kept * r->scale) >> 7); /* the product is below 2^14 */
}

#if ECGEDGE_TOKEN_BITS == 16

static inline int8_t ecgedge_token_round(int16_t a, const ecgedge_rounding *r)
{
    uint16_t kept;
    a = (int16_t)(a + (int16_t)r->half);
    if (a < 0)
        return 0;
    kept = (uint16_t)(r->bytes ? a >> 8 : a);
    if (kept > r->last)
        return ECGEDGE_Q7_MAX;
    return (int8_t)((uint16_t)(kept * r->scale) >> 7);
}

typedef int16_t ecgedge_token_sum;
#define ECGEDGE_TOKEN_IN_16_BITS
#endif

#else

typedef struct {
    int32_t half;
    uint8_t shift;
} ecgedge_rounding;

static inline void ecgedge_round_by(ecgedge_rounding *r, uint8_t shift)
{
    r->half = ((int32_t)1 << shift) >> 1;
    r->shift = shift;
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

#ifndef ECGEDGE_TOKEN_IN_16_BITS
typedef int32_t ecgedge_token_sum;
#define ecgedge_token_round ecgedge_relu_round
#endif

#endif
