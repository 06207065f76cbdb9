/* A table, a variable and two functions to measure. */
#include <stdint.h>

#if defined(__AVR__)
#include <avr/pgmspace.h>
#else
#define PROGMEM
#endif

int32_t measured_half(int32_t x);
int32_t measured_third(int32_t x);
float measured_float(float x);

const int8_t measured_table[100] PROGMEM = {1, 2, 3};
int16_t measured_state[10];
int16_t measured_start[3] = {1, 2, 3};

int32_t measured_half(int32_t x)
{
    return x / 2;
}

int32_t measured_third(int32_t x)
{
    return x / (int32_t)measured_start[2];
}

#ifdef WITH_FLOAT
float measured_float(float x)
{
    return x * 2.5f;
}
#endif
