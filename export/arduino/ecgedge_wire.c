#include "ecgedge_wire.h"

#include "ecgedge_arith.h"
#include "ecgedge_crc.h"

enum { INFO = 1, SAMPLES, BEAT, SELFTEST };

static const char identity[] ECGEDGE_TABLE = ECGEDGE_IDENTITY;
static uint16_t crc;

static void put(uint8_t byte)
{
    crc = ecgedge_crc_add(crc, byte);
    ecgedge_wire_put(byte);
}

static void put_bytes(const void *from, uint8_t count)
{
    const uint8_t *byte = (const uint8_t *)from;
    while (count--)
        put(*byte++);
}

static void begin(uint8_t kind, uint8_t length, uint32_t number)
{
    ecgedge_wire_put(0xec);
    ecgedge_wire_put(0xed);
    crc = ECGEDGE_CRC_START;
    put(kind);
    put(length);
    put_bytes(&number, 4);
}

static void end(void)
{
    const uint16_t checksum = crc;
    put_bytes(&checksum, 2);
}

void ecgedge_wire_info(uint32_t next, uint32_t rate_mhz)
{
    begin(INFO, 4 + sizeof identity - 1, next);
    put_bytes(&rate_mhz, 4);
    for (uint8_t i = 0; i < sizeof identity - 1; i++)
        put(ECGEDGE_UINT8_AT((const uint8_t *)&identity[i]));
    end();
}

void ecgedge_wire_samples(uint32_t first, uint8_t flags, const int16_t *samples, uint8_t count)
{
    begin(SAMPLES, (uint8_t)(1 + 2 * count), first);
    put(flags);
    put_bytes(samples, (uint8_t)(2 * count));
    end();
}

void ecgedge_wire_beat(const ecgedge_beat *beat)
{
    begin(BEAT, 4 + 4 * ECGEDGE_LABELS, beat->sample);
    put(beat->label);
    put((uint8_t)((beat->search_back ? 1 : 0) | beat->quality << 1));
    put_bytes(&beat->rr, 2);
    put_bytes(beat->scores, 4 * ECGEDGE_LABELS);
    end();
}

void ecgedge_wire_selftest(bool passed, const ecgedge_selftest_result *result)
{
    begin(SELFTEST, 12, result->compared);
    put(passed);
    put(result->layer);
    put(result->position);
    put(0);
    put_bytes(&result->expected, 4);
    put_bytes(&result->actual, 4);
    end();
}
