/* An ATmega328P at 16 MHz in simavr: made from an ELF file, with its stack measured. */
#ifndef ECGEDGE_BOARD_H
#define ECGEDGE_BOARD_H

#include <simavr/sim_avr.h>
#include <stdint.h>

#define BOARD_MCU "atmega328p"
#define BOARD_HZ 16000000u
#define BOARD_SUPPLY_MV 5000u

struct board {
    avr_t *avr;
    uint16_t variables_end; /* first address after .data and .bss */
};

/* Load `elf` into a new core with 5 V on every supply. Ends the program when that fails. */
struct board board_open(const char *elf);

/* Run until the core stops or `*stop` is set. Returns 0 when the core can not go on. */
int board_run(struct board *board, const volatile int *stop);

/* Fill what the variables leave of the RAM, up to the stack pointer, with a pattern. */
void board_paint_stack(struct board *board);

/* Bytes of stack, from the top of the RAM, that were used since it was painted. */
uint32_t board_stack(const struct board *board);

/* Bytes between the variables and the end of the RAM. */
uint32_t board_stack_room(const struct board *board);

#endif
