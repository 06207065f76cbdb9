/* The port of a Cortex-M under QEMU: start-up, files through semihosting, counted instructions.
 *
 * Counting. With `-icount shift=0` one instruction takes one virtual nanosecond. SysTick is too
 * coarse to show it: a tick is PORT_TICK_NUMERATOR / PORT_TICK_DENOMINATOR nanoseconds (40 on the
 * MPS2 boards, 125/2 on the micro:bit). So the end of a section reads it NUMERATOR times, STRIDE
 * instructions apart. By Hermite's identity, sum over i of floor((Q t + Q i STRIDE) / P) = Q t +
 * constant when Q STRIDE and P have no common factor, so the sum gives t to the instruction. The
 * constant goes away with an empty section, measured at the start.
 */
#include "port.h"
#include "report.h"

#define BUFFER_BYTES 1024u
#define PAINT 0xc5a3965bu

#define SYST_CSR (*(volatile uint32_t *)0xe000e010u)
#define SYST_RVR (*(volatile uint32_t *)0xe000e014u)
#define SYST_CVR (*(volatile uint32_t *)0xe000e018u)
#define SYST_ENABLE_ON_CORE_CLOCK 5u
#define SYST_COUNTFLAG 0x10000u
#define SYST_MASK 0xffffffu

enum {
    SYS_OPEN = 0x01,
    SYS_CLOSE = 0x02,
    SYS_WRITE = 0x05,
    SYS_READ = 0x06,
    SYS_EXIT_EXTENDED = 0x20
};
enum { OPEN_READ = 1, OPEN_WRITE = 5 };
#define APPLICATION_EXIT 0x20026u

extern uint32_t port_bss_end[], port_stack_top[];

void port_reset(void);
void port_fault(void);
void port_open(void);
void port_close(uint32_t status);
void port_close_on_fault(uint32_t address);

static struct {
    uint8_t bytes[BUFFER_BYTES];
    uint32_t next, held;
    uint32_t file;
} input, output;

static struct report report;
static uint32_t counting, overhead;

/* What the core does first: variables, files, a painted stack, main, and the end. */
__attribute__((naked)) void port_reset(void)
{
    __asm__ volatile(
        "   ldr r0, =port_data_start\n"
        "   ldr r1, =port_data_end\n"
        "   ldr r2, =port_data_image\n"
        "   b 2f\n"
        "1: ldr r3, [r2]\n"
        "   str r3, [r0]\n"
        "   adds r0, #4\n"
        "   adds r2, #4\n"
        "2: cmp r0, r1\n"
        "   blo 1b\n"
        "   ldr r0, =port_bss_start\n"
        "   ldr r1, =port_bss_end\n"
        "   movs r3, #0\n"
        "   b 4f\n"
        "3: str r3, [r0]\n"
        "   adds r0, #4\n"
        "4: cmp r0, r1\n"
        "   blo 3b\n"
        "   bl port_open\n"
        "   ldr r0, =port_bss_end\n"
        "   mov r1, sp\n"
        "   ldr r3, =%c0\n"
        "   b 6f\n"
        "5: str r3, [r0]\n"
        "   adds r0, #4\n"
        "6: cmp r0, r1\n"
        "   blo 5b\n"
        "   bl main\n"
        "   bl port_close\n"
        "7: b 7b\n"
        "   .ltorg\n" ::"i"(PAINT));
}

/* Every exception: there are no interrupts, so something is wrong. */
__attribute__((naked)) void port_fault(void)
{
    __asm__ volatile(
        "   mrs r0, msp\n"
        "   ldr r0, [r0, #24]\n"
        "   ldr r1, =port_stack_top\n"
        "   mov sp, r1\n"
        "   bl port_close_on_fault\n"
        "1: b 1b\n"
        "   .ltorg\n");
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack_top;
    void (*handlers[15])(void);
} vectors = {port_stack_top,
             {port_reset, port_fault, port_fault, port_fault, port_fault, port_fault, port_fault,
              port_fault, port_fault, port_fault, port_fault, port_fault, port_fault, port_fault,
              port_fault}};

static uint32_t semihost(uint32_t operation, const uint32_t *block)
{
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = block;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static uint32_t open_file(const char *name, uint32_t size, uint32_t mode)
{
    const uint32_t block[3] = {(uint32_t)name, mode, size};
    return semihost(SYS_OPEN, block);
}

/* Returns how many bytes were not written. */
static uint32_t write_file(uint32_t file, const void *from, uint32_t size)
{
    const uint32_t block[3] = {file, (uint32_t)from, size};
    return semihost(SYS_WRITE, block);
}

__attribute__((noreturn)) static void stop(uint32_t status)
{
    const uint32_t block[2] = {APPLICATION_EXIT, status};
    for (;;) {
        semihost(SYS_EXIT_EXTENDED, block);
    }
}

static void flush_output(void)
{
    if (output.held != 0u && write_file(output.file, output.bytes, output.held) != 0u) {
        stop(1u);
    }
    output.held = 0u;
}

static void fill_input(void)
{
    const uint32_t block[3] = {input.file, (uint32_t)input.bytes, BUFFER_BYTES};
    input.held = BUFFER_BYTES - semihost(SYS_READ, block);
    input.next = 0u;
}

uint16_t port_read(void *to, uint16_t size)
{
    uint8_t *bytes = to;
    uint16_t done = 0u;
    while (done < size) {
        if (input.next == input.held) {
            fill_input();
            if (input.held == 0u) {
                break;
            }
        }
        bytes[done++] = input.bytes[input.next++];
    }
    return done;
}

void port_write(const void *from, uint16_t size)
{
    const uint8_t *bytes = from;
    for (uint16_t i = 0u; i < size; ++i) {
        if (output.held == BUFFER_BYTES) {
            flush_output();
        }
        output.bytes[output.held++] = bytes[i];
    }
}

/* The sum of PORT_TICK_NUMERATOR readings of SysTick as ticks since the reset, 7 instructions
 * apart: 7 has no factor in common with 40 or 125. */
static inline uint32_t sum_of_ticks(void)
{
    uint32_t sum = 0u, left = PORT_TICK_NUMERATOR, ticks;
    __asm__ volatile(
        "1: ldr %2, [%3]\n"
        "   rsbs %2, %2, #0\n"
        "   lsls %2, %2, #8\n"
        "   lsrs %2, %2, #8\n"
        "   adds %0, %0, %2\n"
        "   subs %1, %1, #1\n"
        "   bne 1b\n"
        : "+l"(sum), "+l"(left), "=&l"(ticks)
        : "l"(&SYST_CVR)
        : "cc");
    return sum;
}

__attribute__((noipa)) void port_begin(void)
{
    if (counting == 0u) {
        return;
    }
    SYST_CVR = 0u;
    for (uint32_t i = 0u; i < 64u; ++i) { /* the first tick is not a whole one */
        __asm__ volatile("");
    }
}

__attribute__((noipa)) void port_end(uint8_t section)
{
    if (counting == 0u) {
        return;
    }
    const uint32_t count = sum_of_ticks() / PORT_TICK_DENOMINATOR - overhead;
    if ((SYST_CSR & SYST_COUNTFLAG) != 0u) {
        report.overflows += 1u;
    }
    report_add(&report, section, count);
}

/* Start SysTick, and measure what an empty section counts. */
static void start_counting(void)
{
    static const struct report_section none;
    SYST_RVR = SYST_MASK;
    SYST_CSR = SYST_ENABLE_ON_CORE_CLOCK;
    port_begin();
    port_end(0u);
    overhead = report.sections[0].longest;
    report.sections[0] = none;
}

/* Files, and counting when the file "count" is there. */
void port_open(void)
{
    input.file = open_file("input", 5u, OPEN_READ);
    output.file = open_file("output", 6u, OPEN_WRITE);
    counting = open_file("count", 5u, OPEN_READ) != UINT32_MAX;
    if (counting != 0u) {
        start_counting();
    }
}

__attribute__((noreturn)) static void write_report(uint32_t ended, uint32_t status)
{
    report.magic = REPORT_MAGIC;
    report.ended = ended;
    report.status = status;
    uint32_t file = open_file("report", 6u, OPEN_WRITE);
    uint32_t missing = write_file(file, &report, sizeof report);
    const uint32_t block[1] = {file};
    semihost(SYS_CLOSE, block);
    stop(missing != 0u);
}

/* Called by the start-up when main has returned. */
void port_close(uint32_t status)
{
    const uint32_t *word = port_bss_end;
    while (word < port_stack_top && *word == PAINT) {
        ++word;
    }
    report.stack = (uint32_t)(port_stack_top - word) * 4u;
    report.stack_room = (uint32_t)(port_stack_top - port_bss_end) * 4u;
    flush_output();
    const uint32_t block[1] = {output.file};
    semihost(SYS_CLOSE, block);
    write_report(REPORT_RETURNED, status);
}

void port_close_on_fault(uint32_t address)
{
    write_report(REPORT_FAULT, address);
}
