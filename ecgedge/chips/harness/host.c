/* The port of the machine that runs the tests: files in the working folder, a clock in nanoseconds.
 */
#define _POSIX_C_SOURCE 199309L

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "port.h"
#include "report.h"

static FILE *input, *output;
static struct report report;
static struct timespec begin;

/* The harness's main, under the name that the build gives it. */
int port_main(void);

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

uint16_t port_read(void *to, uint16_t size)
{
    return (uint16_t)fread(to, 1u, size, input);
}

void port_write(const void *from, uint16_t size)
{
    (void)fwrite(from, 1u, size, output);
}

void port_begin(void)
{
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
}

void port_end(uint8_t section)
{
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    const int64_t seconds = (int64_t)end.tv_sec - (int64_t)begin.tv_sec;
    const int64_t count = seconds * 1000000000 + (int64_t)end.tv_nsec - (int64_t)begin.tv_nsec;
    report_add(&report, section, count > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)count);
}

#undef main
int main(void)
{
    input = open_or_stop("input", "rb");
    output = open_or_stop("output", "wb");
    report.magic = REPORT_MAGIC;
    report.status = (uint32_t)port_main();
    report.ended = REPORT_RETURNED;
    close_or_stop(output, "output");
    FILE *file = open_or_stop("report", "wb");
    (void)fwrite(&report, sizeof report, 1u, file);
    close_or_stop(file, "report");
    return EXIT_SUCCESS;
}
