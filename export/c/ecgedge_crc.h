/* CRC-16/CCITT-FALSE: polynomial 1021, not reflected; "123456789" gives 29B1. */
#ifndef ECGEDGE_CRC_H
#define ECGEDGE_CRC_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ECGEDGE_CRC_START 0xffffu

/* Take one more byte into a checksum. */
uint16_t ecgedge_crc_add(uint16_t crc, uint8_t byte);

#ifdef __cplusplus
}
#endif

#endif
