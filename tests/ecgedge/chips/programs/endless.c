/* Never ends. */
#include "port.h"

int main(void)
{
    for (;;) {
        __asm__ volatile("");
    }
}
