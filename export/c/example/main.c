/*
 * Beats of a recording: one ADC count a line on standard input, one beat a line on standard output.
 *
 *     cc -std=c99 -O2 -I. *.c example/main.c -o beats
 *     ./beats < samples.txt
 */
#include <stdio.h>

#include "ecgedge.h"

static void report(const ecgedge_beat *beat)
{
    static const char *const names[] = ECGEDGE_LABEL_NAMES;
    printf("%lu %s", (unsigned long)beat->sample, names[beat->label]);
    for (int i = 0; i < ECGEDGE_LABELS; i++)
        printf(" %ld", (long)beat->scores[i]);
    printf("\n");
}

int main(void)
{
    static ecgedge_state state;
    ecgedge_beat beat;
    int count;
    ecgedge_init(&state);
    while (scanf("%d", &count) == 1) {
        if (count < INT16_MIN || count > INT16_MAX) {
            fprintf(stderr, "%d does not fit 16 bits\n", count);
            return 1;
        }
        if (ecgedge_push(&state, (int16_t)count, &beat))
            report(&beat);
    }
    while (ecgedge_flush(&state, &beat))
        report(&beat);
    return 0;
}
