/* Runs a harness on a simulated ATmega328P: stream ELF, with the files "input", "output" and
 * "report" in the working folder. See ../harness/gpior.h for how the two talk. */
#include <simavr/sim_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "gpior.h"
#include "report.h"

/* Cycles that simavr may run before it looks after its timers; nothing here waits for one. Twice
 * as fast as its own choice, one instruction. */
#define RUN_CYCLES 100000u

static struct {
    struct board board;
    FILE *input, *output;
    int next; /* next byte of the input, or EOF */
    struct report report;
    avr_cycle_count_t begin, overhead;
    int starts, stop;
} run;

static FILE *open_or_stop(const char *name, const char *mode)
{
    FILE *file = fopen(name, mode);
    if (file == NULL) {
        perror(name);
        exit(EXIT_FAILURE);
    }
    return file;
}

static void close_or_stop(FILE *file, const char *name)
{
    if (ferror(file) != 0 || fclose(file) != 0) {
        perror(name);
        exit(EXIT_FAILURE);
    }
}

static uint8_t read_byte(struct avr_t *avr, avr_io_addr_t address, void *param)
{
    (void)avr;
    (void)address;
    (void)param;
    const int byte = run.next;
    run.next = byte == EOF ? EOF : getc(run.input);
    return (uint8_t)byte;
}

static uint8_t read_left(struct avr_t *avr, avr_io_addr_t address, void *param)
{
    (void)avr;
    (void)address;
    (void)param;
    return (uint8_t)(run.next != EOF);
}

static void write_byte(struct avr_t *avr, avr_io_addr_t address, uint8_t byte, void *param)
{
    (void)avr;
    (void)address;
    (void)param;
    (void)putc(byte, run.output);
}

static void write_status(struct avr_t *avr, avr_io_addr_t address, uint8_t status, void *param)
{
    (void)avr;
    (void)address;
    (void)param;
    run.report.status = status;
}

static void end_section(struct avr_t *avr, uint8_t section)
{
    const avr_cycle_count_t count = avr->cycle - run.begin - run.overhead;
    if (count > UINT32_MAX) {
        run.report.overflows += 1u;
    }
    report_add(&run.report, section, (uint32_t)count);
}

/* The start-up begins. It does so again after a jump to 0: a crash. */
static void start(void)
{
    run.starts += 1;
    if (run.starts > 1) {
        fprintf(stderr, "the program started again: a lost jump, or an interrupt without handler\n");
        run.stop = 1;
    }
}

/* The empty section of the start-up is over: it is the overhead, and main comes next. */
static void enter_main(void)
{
    run.overhead = run.report.sections[0].longest;
    memset(run.report.sections, 0, sizeof run.report.sections);
    board_paint_stack(&run.board);
}

static void write_mark(struct avr_t *avr, avr_io_addr_t address, uint8_t mark, void *param)
{
    (void)address;
    (void)param;
    if (mark >= MARK_END) {
        end_section(avr, mark & (uint8_t)~MARK_END);
    } else if (mark == MARK_BEGIN) {
        run.begin = avr->cycle;
    } else if (mark == MARK_START) {
        start();
    } else if (mark == MARK_MAIN) {
        enter_main();
    } else if (mark == MARK_STOP) {
        run.report.ended = REPORT_RETURNED;
        run.stop = 1;
    }
    if (run.stop != 0) {
        avr->state = cpu_Done;
    }
}

static void watch_registers(avr_t *avr)
{
    avr_register_io_read(avr, GPIOR0_ADDRESS, read_byte, NULL);
    avr_register_io_write(avr, GPIOR0_ADDRESS, write_byte, NULL);
    avr_register_io_read(avr, GPIOR1_ADDRESS, read_left, NULL);
    avr_register_io_write(avr, GPIOR1_ADDRESS, write_status, NULL);
    avr_register_io_write(avr, GPIOR2_ADDRESS, write_mark, NULL);
}

static void write_report(int ran)
{
    struct report *report = &run.report;
    report->magic = REPORT_MAGIC;
    report->stack = board_stack(&run.board);
    report->stack_room = board_stack_room(&run.board);
    if (ran == 0 || report->ended != REPORT_RETURNED) {
        report->ended = REPORT_FAULT;
        report->status = run.board.avr->pc;
    }
    FILE *file = open_or_stop("report", "wb");
    (void)fwrite(report, sizeof *report, 1u, file);
    close_or_stop(file, "report");
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: stream ELF\n");
        return EXIT_FAILURE;
    }
    run.board = board_open(arguments[1]);
    run.input = open_or_stop("input", "rb");
    run.output = open_or_stop("output", "wb");
    run.next = getc(run.input);
    watch_registers(run.board.avr);
    run.board.avr->run_cycle_limit = RUN_CYCLES;
    const int ran = board_run(&run.board, &run.stop);
    close_or_stop(run.output, "output");
    write_report(ran);
    return EXIT_SUCCESS;
}
