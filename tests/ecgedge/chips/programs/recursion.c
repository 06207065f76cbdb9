/* Calls itself as deep as the first byte of its input says, times 256. */
#include "port.h"

__attribute__((noinline)) static uint16_t down(uint16_t depth)
{
    volatile uint8_t local[32];
    local[0] = (uint8_t)depth;
    return depth == 0u ? 0u : (uint16_t)(down((uint16_t)(depth - 1u)) + local[0]);
}

int main(void)
{
    uint8_t times = 0u;
    (void)port_read(&times, 1u);
    return down((uint16_t)(times * 256u)) == 1u;
}
