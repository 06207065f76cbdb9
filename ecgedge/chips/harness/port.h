/* What a harness may use of the core it runs on: bytes in, bytes out, and counted sections.
 *
 * One file per family implements this. A harness is a program with its own main(); the port's
 * start-up calls it and ends the run with what it returns.
 */
#ifndef ECGEDGE_PORT_H
#define ECGEDGE_PORT_H

#include <stdint.h>

int main(void);

/* Copy the next bytes of the input to `to`. Returns how many: less than `size` at the end only. */
uint16_t port_read(void *to, uint16_t size);

/* Append `size` bytes to the output. */
void port_write(const void *from, uint16_t size);

/* Count what runs between the two: instructions, cycles or nanoseconds, by the core. Sections do
 * not nest. Calls of the same section, 0 to 7, add up; the longest one is kept. */
void port_begin(void);
void port_end(uint8_t section);

#endif
