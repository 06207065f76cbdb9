/* Copies its input to its output and appends a checksum. */
#include "port.h"

int main(void)
{
    uint8_t block[100];
    uint16_t got;
    uint32_t sum = 0u;
    while ((got = port_read(block, (uint16_t)sizeof block)) != 0u) {
        for (uint16_t i = 0u; i < got; ++i) {
            sum = sum * 31u + block[i];
        }
        port_write(block, got);
    }
    port_write(&sum, (uint16_t)sizeof sum);
    return 7;
}
