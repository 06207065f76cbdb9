/* Counts loops whose length is known: for each 32-bit number of the input, one turn a number. */
#include "port.h"

#if defined(__AVR__)
#define TURN "sbiw %0, 1\n brne 1b\n"
#define CONSTRAINT "+w"
typedef uint16_t turns;
#elif defined(__arm__)
#define TURN "subs %0, %0, #1\n bne 1b\n"
#define CONSTRAINT "+l"
typedef uint32_t turns;
#else
#define TURN "dec %0\n jnz 1b\n"
#define CONSTRAINT "+r"
typedef uint32_t turns;
#endif

static void loop(uint32_t n)
{
    turns left = (turns)n;
    __asm__ volatile("1: " TURN : CONSTRAINT(left) : : "cc");
}

static void one_nop(void)
{
    __asm__ volatile("nop");
}

int main(void)
{
    uint32_t n;
    while (port_read(&n, (uint16_t)sizeof n) == sizeof n) {
        port_begin();
        port_end(0u);
        port_begin();
        loop(n);
        port_end(1u);
        port_begin();
        one_nop();
        port_end(2u);
        port_begin();
        one_nop();
        one_nop();
        one_nop();
        port_end(7u);
    }
    return 0;
}
