/*
 * Runs single convolutions. Input, for each: the branch, how many bytes lie after x in the buffer,
 * the count as two bytes, four sums to begin with, count + 3 values. Answers with the four sums.
 */
#include "ecgedge_conv.h"
#include "port.h"

#define COUNT_MAX 360
#define AFTER_MAX 3

static struct {
    uint8_t branch, after, count[2];
    int32_t sums[4];
} job;

int main(void)
{
    static int8_t buffer[COUNT_MAX + 3 + AFTER_MAX];
    while (port_read(&job, sizeof job) == sizeof job) {
        const uint16_t count = (uint16_t)(job.count[0] | job.count[1] << 8);
        int8_t *x;
        if (count > COUNT_MAX || job.after > AFTER_MAX)
            return 1;
        x = buffer + sizeof buffer - job.after - (count + 3);
        port_read(x, (uint16_t)(count + 3));
        port_begin();
        ecgedge_convolve(x, count, job.branch, job.sums);
        port_end(0);
        port_write(job.sums, sizeof job.sums);
    }
    return 0;
}
