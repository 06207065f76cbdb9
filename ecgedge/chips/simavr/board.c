#include "board.h"

#include <simavr/sim_elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAINT 0xc5
#define RAM_START 0x100u

static int errors;

/* simavr greets and warns on stdout; only its errors matter here. It goes on after them, though one
 * may be an instruction that is none. */
static void log_errors(struct avr_t *avr, const int level, const char *format, va_list arguments)
{
    (void)avr;
    if (level == LOG_ERROR) {
        errors += 1;
        vfprintf(stderr, format, arguments);
    }
}

/* simavr sleeps to keep to the real time; here a sleeping core costs nothing. */
static void do_not_sleep(avr_t *avr, avr_cycle_count_t cycles)
{
    (void)avr;
    (void)cycles;
}

static void stop_with(const char *problem, const char *name)
{
    fprintf(stderr, "%s: %s\n", name, problem);
    exit(EXIT_FAILURE);
}

struct board board_open(const char *elf)
{
    elf_firmware_t firmware;
    memset(&firmware, 0, sizeof firmware);
    avr_global_logger_set(log_errors);
    if (elf_read_firmware(elf, &firmware) != 0) {
        stop_with("simavr can not read this file", elf);
    }
    avr_t *avr = avr_make_mcu_by_name(BOARD_MCU);
    if (avr == NULL) {
        stop_with("simavr does not know this core", BOARD_MCU);
    }
    avr_init(avr);
    avr->sleep = do_not_sleep;
    firmware.frequency = BOARD_HZ;
    firmware.vcc = firmware.avcc = firmware.aref = BOARD_SUPPLY_MV;
    avr_load_firmware(avr, &firmware);
    const uint32_t variables = firmware.datasize + firmware.bsssize;
    return (struct board){avr, (uint16_t)(RAM_START + variables)};
}

int board_run(struct board *board, const volatile int *stop)
{
    int state = cpu_Running;
    while (*stop == 0 && errors == 0 && state != cpu_Done && state != cpu_Crashed) {
        state = avr_run(board->avr);
    }
    return errors == 0 && state != cpu_Crashed;
}

void board_paint_stack(struct board *board)
{
    avr_t *avr = board->avr;
    const uint16_t pointer = (uint16_t)(avr->data[R_SPL] | avr->data[R_SPH] << 8);
    for (uint32_t i = board->variables_end; i <= pointer && i <= avr->ramend; ++i) {
        avr->data[i] = PAINT;
    }
}

uint32_t board_stack(const struct board *board)
{
    uint32_t lowest = board->variables_end;
    while (lowest <= board->avr->ramend && board->avr->data[lowest] == PAINT) {
        ++lowest;
    }
    return board->avr->ramend + 1u - lowest;
}

uint32_t board_stack_room(const struct board *board)
{
    return board->avr->ramend + 1u - board->variables_end;
}
