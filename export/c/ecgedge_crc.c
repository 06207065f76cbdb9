#include "ecgedge_crc.h"

#ifdef __AVR__
#include <util/crc16.h>

uint16_t ecgedge_crc_add(uint16_t crc, uint8_t byte)
{
    return _crc_xmodem_update(crc, byte);
}

#else

/* A byte at a time without a table: the polynomial has few terms. */
uint16_t ecgedge_crc_add(uint16_t crc, uint8_t byte)
{
    uint8_t high = (uint8_t)((uint8_t)(crc >> 8) ^ byte);
    high = (uint8_t)(high ^ (high >> 4));
    crc = (uint16_t)((uint16_t)(crc << 8) ^ high);
    crc = (uint16_t)(crc ^ (uint16_t)((uint16_t)high << 12));
    return (uint16_t)(crc ^ (uint16_t)((uint16_t)high << 5));
}

#endif
