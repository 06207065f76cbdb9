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

static const uint8_t BLOCK = 8; /* samples in a frame */
static const char labels[ECGEDGE_LABELS][ECGEDGE_LABEL_SIZE] PROGMEM = ECGEDGE_LABEL_NAMES;

static ecgedge_state state;
static Output output = FRAMES;
static bool running, lead_off;
static uint32_t number; /* of the next sample */
static uint16_t until_info;
static int16_t block[BLOCK];
static uint8_t filled, flags;

/* -- text --------------------------------------------------------------------------------- */

static void put_text(const char *text) /* in flash */
{
    while (const char c = (char)pgm_read_byte(text++))
        board_put((uint8_t)c);
}

static void put_number(uint32_t value, char end)
{
    char digits[10];
    uint8_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count)
        board_put((uint8_t)digits[--count]);
    board_put((uint8_t)end);
}

static void put_label(const ecgedge_beat &beat)
{
    const uint32_t seconds = beat.sample / ECGEDGE_FS;
    const uint32_t rest = beat.sample % ECGEDGE_FS;
    put_number(seconds * 1000 + rest * 1000 / ECGEDGE_FS, ',');
    put_text(labels[beat.label]);
    board_put('\n');
}

/* -- telling ------------------------------------------------------------------------------ */

extern "C" void ecgedge_wire_put(uint8_t byte)
{
    board_put(byte);
}

static void tell_who()
{
    until_info = ECGEDGE_FS;
    if (output == FRAMES) {
        ecgedge_wire_info(number, BOARD_RATE_MHZ);
        return;
    }
    put_text(PSTR("# " ECGEDGE_IDENTITY " "));
    put_number(BOARD_RATE_MHZ, '\n');
}

static void tell_samples()
{
    if (output == FRAMES && filled)
        ecgedge_wire_samples(number - filled, flags, block, filled);
    filled = 0;
    flags = lead_off ? ECGEDGE_WIRE_LEAD_OFF : 0;
}

static void tell_sample(int16_t sample)
{
    if (output == NUMBERS) {
        if (lead_off)
            put_text(PSTR("!\n"));
        else
            put_number((uint16_t)sample, '\n');
    }
    block[filled++] = sample;
}

static void tell_beat(const ecgedge_beat &beat)
{
    if (output == FRAMES)
        ecgedge_wire_beat(&beat);
    if (output == LABELS)
        put_label(beat);
}

static void tell_selftest(bool passed, const ecgedge_selftest_result &result)
{
    if (output == FRAMES) {
        ecgedge_wire_selftest(passed, &result);
        return;
    }
    put_text(passed ? PSTR("# selftest passed ") : PSTR("# selftest failed "));
    put_number(result.compared, '\n');
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
    } else if (const uint16_t lost = board_lost()) {
        finish(); /* the queue was full, which must not happen */
        begin_at(number + lost);
    } else if (const uint8_t command = board_command()) {
        obey(command);
    } else {
        board_rest();
    }
}
