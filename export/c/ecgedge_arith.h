/* Arithmetic of the integer program, and what the compiler has to promise for it. */
#ifndef ECGEDGE_ARITH_H
#define ECGEDGE_ARITH_H

#include <stdint.h>

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

/* Shift right by s, to nearest, ties up; then clip into 0 ... 127. */
static inline int8_t ecgedge_relu_rshift(int32_t a, uint8_t s)
{
    const int32_t shifted = (a + (((int32_t)1 << s) >> 1)) >> s;
    if (shifted < 0)
        return 0;
    return (int8_t)(shifted > ECGEDGE_Q7_MAX ? ECGEDGE_Q7_MAX : shifted);
}

#endif
