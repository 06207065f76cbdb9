/* Uses the stack in known ways: nested arrays, a division, a switch, a call at the end. */
#include "port.h"

#define NOINLINE __attribute__((noinline))

static volatile uint8_t sink;

NOINLINE static void leaf(uint8_t *to)
{
    for (uint8_t i = 0u; i < 40u; ++i) {
        to[i] = sink;
    }
}

NOINLINE static void tiny(void)
{
    sink = 3u;
}

NOINLINE static uint32_t divide(uint32_t a, uint32_t b)
{
    return a / b;
}

NOINLINE static uint8_t deep(uint8_t x)
{
    uint8_t local[DEEP];
    leaf(local);
    leaf(local + 60);
    tiny();
    return (uint8_t)(local[x] + local[x + 1u]);
}

NOINLINE static uint8_t last_call(uint8_t x)
{
    uint8_t local[60];
    leaf(local);
    sink = local[x];
    return deep(x);
}

/* Called by nobody but the interrupt of the test's imagination. */
__attribute__((used)) NOINLINE void handler(void)
{
    uint8_t local[50];
    leaf(local);
    sink = local[3];
}

int main(void)
{
    uint8_t byte;
    uint32_t sum = 0u;
    while (port_read(&byte, 1u) == 1u) {
        sum += last_call((uint8_t)(byte & 15u));
        sum = divide(sum, (uint32_t)byte + 1u);
        switch (byte & 15) {
        case 0: sum += 1u; break;
        case 1: sink = 5u; break;
        case 2: tiny(); break;
        case 3: sum *= 3u; break;
        case 4: sum ^= 3u; break;
        case 5: sum = divide(7u, sum + 1u); break;
        case 6: sum += 9u; break;
        default: break;
        }
    }
    port_write(&sum, (uint16_t)sizeof sum);
    return sink == 200u ? (handler(), 1) : 0;
}
