/* Calls through a pointer. */
#include "port.h"

static void first(void)
{
    port_write("1", 1u);
}

static void second(void)
{
    port_write("2", 1u);
}

int main(void)
{
    static void (*const functions[])(void) = {first, second};
    uint8_t byte = 0u;
    (void)port_read(&byte, 1u);
    functions[byte & 1u]();
    return 0;
}
