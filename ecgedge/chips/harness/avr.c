/* The port of an ATmega328P under simavr: every byte and every mark is one access of a register
 * that ecgedge/chips/simavr/stream.c watches; it counts the cycles and looks at the stack. */
#include <avr/io.h>

#include "gpior.h"
#include "port.h"

#define STRING(text) #text
#define VALUE(name) STRING(name)

uint16_t port_read(void *to, uint16_t size)
{
    uint8_t *bytes = to;
    uint16_t done = 0u;
    while (done < size) {
        uint8_t left = GPIOR1;
        if (left == 0u) {
            break;
        }
        while (left-- != 0u && done < size) {
            bytes[done++] = GPIOR0;
        }
    }
    return done;
}

void port_write(const void *from, uint16_t size)
{
    const uint8_t *bytes = from;
    while (size-- != 0u) {
        GPIOR0 = *bytes++;
    }
}

void port_begin(void)
{
    GPIOR2 = MARK_BEGIN;
}

void port_end(uint8_t section)
{
    GPIOR2 = (uint8_t)(MARK_END | section);
}

/* Runs after the variables are set: an empty section to know what the marks cost, then main. */
__asm__(
    "   .section .init8,\"ax\",@progbits\n"
    "   ldi r24, " VALUE(MARK_START) "\n"
    "   out " VALUE(GPIOR2_ADDRESS) " - 0x20, r24\n"
    "   call port_begin\n"
    "   ldi r24, 0\n"
    "   call port_end\n"
    "   ldi r24, " VALUE(MARK_MAIN) "\n"
    "   out " VALUE(GPIOR2_ADDRESS) " - 0x20, r24\n"
    "   call main\n"
    "   out " VALUE(GPIOR1_ADDRESS) " - 0x20, r24\n"
    "   ldi r24, " VALUE(MARK_STOP) "\n"
    "   out " VALUE(GPIOR2_ADDRESS) " - 0x20, r24\n"
    "1: rjmp 1b\n"
    "   .text\n");
