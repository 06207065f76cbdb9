/* What the library uses of the C library's stdint.h: the fast types are those of a local variable. */
#ifndef ECGEDGE_WASM_STDINT_H
#define ECGEDGE_WASM_STDINT_H

typedef __INT8_TYPE__ int8_t;
typedef __INT16_TYPE__ int16_t;
typedef __INT32_TYPE__ int32_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __UINT32_TYPE__ uint_fast8_t;

#define INT16_MIN (-32768)
#define INT16_MAX 32767
#define INT32_MIN (-INT32_MAX - 1)
#define INT32_MAX 2147483647
#define INT32_C(value) value
#define UINT32_C(value) value##u

#endif
