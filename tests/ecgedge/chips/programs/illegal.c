/* Runs what is no instruction, after some output. */
#include "port.h"

int main(void)
{
    port_write("x", 1u);
#if defined(__AVR__)
    __asm__ volatile(".word 0x0001");
#elif defined(__arm__)
    __asm__ volatile("udf #0");
#else
    __builtin_trap();
#endif
    return 0;
}
