/* Packed arithmetic of a Cortex-M4, for vectors of four 32-bit words: x, y, a, b. */
#include "port.h"

struct vector {
    int32_t x, y, a, b;
};

int main(void)
{
    struct vector in;
    while (port_read(&in, (uint16_t)sizeof in) == sizeof in) {
        int32_t out[4];
        uint32_t low = (uint32_t)in.a, high = (uint32_t)in.b;
        __asm__("smlad %0, %1, %2, %3" : "=r"(out[0]) : "r"(in.x), "r"(in.y), "r"(in.a));
        __asm__("usat %0, #7, %1, asr #4" : "=r"(out[1]) : "r"(in.x));
        __asm__("smlal %0, %1, %2, %3" : "+r"(low), "+r"(high) : "r"(in.x), "r"(in.y));
        out[2] = (int32_t)low;
        out[3] = (int32_t)high;
        port_write(out, (uint16_t)sizeof out);
    }
    return 0;
}
