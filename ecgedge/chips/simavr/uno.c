/* A simulated Uno that samples a recording: uno ELF CODES SPEED.
 *
 * CODES is a file of 16-bit little-endian words, one a conversion: 10 bits of ADC code, bit 15 set
 * while LO+ is high. The serial line is on stdin and stdout. SPEED is a factor of real time; 0 is
 * as fast as possible. When the last code was converted the converter gets no more triggers, the
 * command "x" stops the sketch, and once it has said everything the program ends with a line on
 * stderr: what it measured. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <simavr/avr_adc.h>
#include <simavr/avr_ioport.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_interrupts.h>
#include <simavr/sim_io.h>
#include <simavr/sim_time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

#define VECTOR_TIMER1_COMPARE_B 12u
#define LO_PLUS_PIN 2
#define LEAD_OFF 0x8000u
#define CODE_MAX 1023u
#define LOOK_CYCLES (BOARD_HZ / 1000u)
#define STOP_CYCLES (BOARD_HZ / 5u) /* for what is still in the queue at the end */
#define DRAIN_CYCLES (BOARD_HZ / 2u)
#define BATCH 512u
#define BATCH_CYCLES (BOARD_HZ / 50u) /* bytes wait no longer than this for company */
#define NS 1000000000LL

static struct {
    struct board board;
    avr_irq_t *adc, *uart_in, *lo_plus, *trigger;
    FILE *codes;
    double speed;
    long long began_ns;
    uint64_t samples;
    avr_cycle_count_t asleep, ended_at, sent_at;
    int ended, said_stop, stop;
    uint8_t out[BATCH];
    size_t out_size;
} uno;

static long long now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS + now.tv_nsec;
}

static void give_up(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

/* Write what the chip sent; a slow reader stops its time. */
static void send_out(void)
{
    size_t done = 0;
    while (done < uno.out_size) {
        const ssize_t count = write(STDOUT_FILENO, uno.out + done, uno.out_size - done);
        if (count < 0 && errno != EINTR) {
            give_up("stdout");
        }
        done += count > 0 ? (size_t)count : 0u;
    }
    uno.out_size = 0;
    uno.sent_at = uno.board.avr->cycle;
}

static void chip_sends(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    uno.out[uno.out_size++] = (uint8_t)value;
    if (uno.out_size == BATCH) {
        send_out();
    }
}

static void count_sleep(avr_t *avr, avr_cycle_count_t cycles)
{
    (void)avr;
    uno.asleep += cycles + 1u;
}

/* The timer's compare match triggers the converter, which simavr leaves to us. */
static void timer_matches(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)param;
    if (value != 0 && !uno.ended) {
        avr_raise_irq(uno.adc + ADC_IRQ_IN_TRIGGER, 1);
    }
}

/* The least voltage that simavr turns into this code. */
static uint32_t millivolts(uint32_t code)
{
    return (code * BOARD_SUPPLY_MV + CODE_MAX - 1u) / CODE_MAX;
}

static void conversion_begins(struct avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)value;
    (void)param;
    const int low = getc(uno.codes), high = getc(uno.codes);
    if (high == EOF) {
        return;
    }
    const uint32_t word = (uint32_t)low | (uint32_t)high << 8;
    avr_raise_irq(uno.lo_plus, (word & LEAD_OFF) != 0);
    avr_raise_irq(uno.adc + ADC_IRQ_ADC0, millivolts(word & CODE_MAX));
    uno.samples += 1;
    const int next = getc(uno.codes);
    if (next == EOF) {
        uno.ended = 1;
        uno.ended_at = uno.board.avr->cycle;
    } else {
        (void)ungetc(next, uno.codes);
    }
}

static void chip_hears(void)
{
    struct pollfd in = {STDIN_FILENO, POLLIN, 0};
    uint8_t byte;
    if (poll(&in, 1u, 0) > 0 && (in.revents & POLLIN) != 0 && read(STDIN_FILENO, &byte, 1u) == 1) {
        avr_raise_irq(uno.uart_in, byte);
    }
}

static void come_to_an_end(avr_cycle_count_t now)
{
    if (!uno.said_stop && now - uno.ended_at >= STOP_CYCLES) {
        uno.said_stop = 1;
        avr_raise_irq(uno.uart_in, 'x');
    }
    uno.stop = now - uno.ended_at >= STOP_CYCLES + DRAIN_CYCLES;
}

static void keep_pace(avr_cycle_count_t cycle)
{
    if (uno.speed <= 0.0) {
        return;
    }
    const double due_s = (double)cycle / BOARD_HZ / uno.speed;
    const long long ahead_ns = uno.began_ns + (long long)(due_s * NS) - now_ns();
    if (ahead_ns > 0) {
        const struct timespec wait = {ahead_ns / NS, ahead_ns % NS};
        (void)nanosleep(&wait, NULL);
    }
}

/* Every millisecond of the chip's time. */
static avr_cycle_count_t look_around(avr_t *avr, avr_cycle_count_t when, void *param)
{
    (void)avr;
    (void)param;
    chip_hears();
    if (uno.out_size != 0 && when - uno.sent_at >= BATCH_CYCLES) {
        send_out();
    }
    if (uno.ended) {
        come_to_an_end(when);
    }
    keep_pace(when);
    return when + LOOK_CYCLES;
}

static void connect(avr_t *avr)
{
    uint32_t flags = 0;
    (void)avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    uno.adc = avr_io_getirq(avr, AVR_IOCTL_ADC_GETIRQ, 0);
    uno.uart_in = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
    uno.lo_plus = avr_io_getirq(avr, AVR_IOCTL_IOPORT_GETIRQ('B'), LO_PLUS_PIN);
    uno.trigger = avr_get_interrupt_irq(avr, VECTOR_TIMER1_COMPARE_B) + AVR_INT_IRQ_PENDING;
    avr_irq_register_notify(uno.trigger, timer_matches, NULL);
    avr_irq_register_notify(uno.adc + ADC_IRQ_OUT_TRIGGER, conversion_begins, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT),
                            chip_sends, NULL);
    avr_raise_irq(uno.lo_plus, 0);
    avr->sleep = count_sleep;
    (void)avr_cycle_timer_register(avr, LOOK_CYCLES, look_around, NULL);
}

static void report(void)
{
    fprintf(stderr, "cycles=%llu asleep=%llu samples=%llu stack=%u room=%u\n",
            (unsigned long long)uno.board.avr->cycle, (unsigned long long)uno.asleep,
            (unsigned long long)uno.samples, board_stack(&uno.board),
            board_stack_room(&uno.board));
}

int main(int count, char **arguments)
{
    if (count != 4) {
        fprintf(stderr, "usage: uno ELF CODES SPEED\n");
        return EXIT_FAILURE;
    }
    uno.board = board_open(arguments[1]);
    uno.codes = fopen(arguments[2], "rb");
    if (uno.codes == NULL) {
        give_up(arguments[2]);
    }
    uno.speed = strtod(arguments[3], NULL);
    connect(uno.board.avr);
    board_paint_stack(&uno.board);
    uno.began_ns = now_ns();
    (void)board_run(&uno.board, &uno.stop);
    send_out();
    report();
    return uno.stop ? EXIT_SUCCESS : EXIT_FAILURE;
}
