/*
 * An AD8232 module on an Arduino: samples, finds and classifies heartbeats on the board, and tells
 * them over USB at 115200 baud. Not a medical device: for research and teaching, on battery power.
 *
 *     module   Uno
 *     GND      GND
 *     3.3V     3.3V      (AREF to 3.3V as well, if the full range of the converter is wanted)
 *     OUTPUT   A0
 *     LO-      11
 *     LO+      10
 *
 * Commands, one character each:
 *
 *     i   identify    s   start from sample 0    x   stop    t   self-test
 *     n   samples as numbers, "!" while a lead is off
 *     l   beats as lines "milliseconds,label"
 *     b   samples and beats as binary frames, which `ecgedge stream` reads (so it begins)
 */
#include <ecgedge.h>
#include <ecgedge_wire.h>

#include "board.h"

enum Output : uint8_t { NUMBERS, LABELS, FRAMES };

static const uint8_t BLOCK = ECGEDGE_WIRE_SAMPLES;
static const char labels[ECGEDGE_LABELS][ECGEDGE_LABEL_SIZE] PROGMEM = ECGEDGE_LABEL_NAMES;

static ecgedge_state state;
static Output output = FRAMES;
static bool running, lead_off;
static uint32_t number; /* of the next sample */
static uint16_t until_info;
static int16_t block[BLOCK];
static uint8_t filled, flags;

/* -- text --------------------------------------------------------------------------------- */

static __attribute__((noinline)) uint8_t *put_text(uint8_t *to, const char *text) /* in flash */
{
    while (const uint8_t c = pgm_read_byte(text++))
        *to++ = c;
    return to;
}

static __attribute__((noinline)) uint8_t *put_number(uint8_t *to, uint32_t value)
{
    char *const digits = (char *)to;
    ultoa(value, digits, 10);
    return to + strlen(digits);
}

static void send_line(const uint8_t *from, uint8_t *to)
{
    *to++ = '\n';
    board_send((uint8_t)(to - from));
}

/* A text and a number on a line. */
static void tell(const char *text, uint32_t value)
{
    uint8_t *const line = board_line();
    send_line(line, put_number(put_text(line, text), value));
}

/* -- telling ------------------------------------------------------------------------------ */

static void tell_who()
{
    until_info = ECGEDGE_FS;
    if (output == FRAMES)
        board_send(ecgedge_wire_info(board_line(), number, BOARD_RATE_MHZ));
    else
        tell(PSTR("# " ECGEDGE_IDENTITY " "), BOARD_RATE_MHZ);
}

static void tell_samples()
{
    if (output == FRAMES && filled)
        board_send(ecgedge_wire_samples(board_line(), number - filled, flags, block, filled));
    filled = 0;
    flags = lead_off ? ECGEDGE_WIRE_LEAD_OFF : 0;
}

static void tell_sample(int16_t sample)
{
    if (output == NUMBERS) {
        uint8_t *const line = board_line(), *to = line;
        if (lead_off)
            *to++ = '!';
        else
            to = put_number(to, (uint16_t)sample);
        send_line(line, to);
    }
    block[filled++] = sample;
}

static uint32_t milliseconds(uint32_t sample)
{
    return sample / ECGEDGE_FS * 1000 + sample % ECGEDGE_FS * 1000 / ECGEDGE_FS;
}

static void tell_beat(const ecgedge_beat &beat)
{
    uint8_t *const line = board_line();
    if (output == FRAMES)
        board_send(ecgedge_wire_beat(line, &beat));
    if (output == LABELS) {
        uint8_t *const comma = put_number(line, milliseconds(beat.sample));
        *comma = ',';
        send_line(line, put_text(comma + 1, labels[beat.label]));
    }
}

static void tell_selftest(bool passed, const ecgedge_selftest_result &result)
{
    if (output == FRAMES)
        board_send(ecgedge_wire_selftest(board_line(), passed, &result));
    else
        tell(PSTR("# selftest "), passed ? 0 : 1U + result.place); /* 0: all is right */
}

/* -- samples ------------------------------------------------------------------------------ */

/* The samples so far are all that there are: tell the beats that wait, and what is left. */
static void finish()
{
    ecgedge_beat beat;
    while (ecgedge_flush(&state, &beat))
        tell_beat(beat);
    tell_samples();
}

/* The next sample is the first one of a stream, or after a gap. */
static void begin_at(uint32_t next)
{
    number = next;
    ecgedge_reset(&state, next);
    flags = lead_off ? ECGEDGE_WIRE_LEAD_OFF : ECGEDGE_WIRE_BEGINS;
}

static void take(uint16_t sample)
{
    const bool off = sample & BOARD_LEAD_OFF;
    ecgedge_beat beat;
    bool found = false;
    if (off != lead_off) {
        finish();
        lead_off = off;
        begin_at(number);
    }
    sample &= (uint16_t)~BOARD_LEAD_OFF;
    if (!off)
        found = ecgedge_push(&state, (int16_t)sample, &beat);
    tell_sample((int16_t)sample);
    number++;
    if (found)
        tell_beat(beat);
    if (filled == BLOCK)
        tell_samples();
    if (!--until_info)
        tell_who();
}

/* -- commands ----------------------------------------------------------------------------- */

static void stop()
{
    uint16_t sample;
    board_stop();
    while (board_take(&sample))
        take(sample);
    if (running)
        finish();
    running = false;
}

static void start()
{
    stop();
    lead_off = false;
    begin_at(0);
    running = true;
    tell_who();
    board_start();
}

static void selftest()
{
    const bool was_running = running;
    ecgedge_selftest_result result;
    stop();
    tell_selftest(ecgedge_selftest(&state, &result), result);
    if (was_running)
        start();
}

static void speak(Output chosen)
{
    tell_samples();
    output = chosen;
    tell_who();
}

static void obey(uint8_t command)
{
    switch (command) {
    case 'i':
        tell_who();
        break;
    case 's':
        start();
        break;
    case 'x':
        stop();
        break;
    case 't':
        selftest();
        break;
    case 'n':
        speak(NUMBERS);
        break;
    case 'l':
        speak(LABELS);
        break;
    case 'b':
        speak(FRAMES);
        break;
    }
}

void setup()
{
    board_begin();
    start();
}

void loop()
{
    uint16_t sample;
    if (board_take(&sample)) {
        take(sample);
    } else if (const uint16_t missing = board_lost()) {
        finish(); /* the queue was full, which must not happen */
        begin_at(number + missing);
    } else if (const uint8_t command = board_command()) {
        obey(command);
    } else {
        board_rest();
    }
}
