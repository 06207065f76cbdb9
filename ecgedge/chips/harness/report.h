/* What a run says of itself when it ends; little-endian, read by ecgedge/chips/run.py. */
#ifndef ECGEDGE_REPORT_H
#define ECGEDGE_REPORT_H

#include <stdint.h>

#define REPORT_MAGIC 0x52474345u /* "ECGR" */
#define REPORT_RETURNED 1u
#define REPORT_FAULT 2u
#define REPORT_SECTIONS 8

struct report_section {
    uint64_t total;
    uint32_t calls;
    uint32_t longest;
};

struct report {
    uint32_t magic;
    uint32_t ended;      /* REPORT_RETURNED or REPORT_FAULT */
    uint32_t status;     /* what main returned, or the address of the fault */
    uint32_t stack;      /* deepest stack from main on, bytes; 0: not measured */
    uint32_t stack_room; /* bytes between the variables and the top of the stack */
    uint32_t overflows;  /* sections that were too long to count */
    struct report_section sections[REPORT_SECTIONS];
};

/* Add one call of a section that took `count`. */
static inline void report_add(struct report *report, uint8_t section, uint32_t count)
{
    struct report_section *entry = &report->sections[section % REPORT_SECTIONS];
    entry->total += count;
    entry->calls += 1u;
    if (count > entry->longest) {
        entry->longest = count;
    }
}

#endif
