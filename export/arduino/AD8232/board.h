/*
 * What the sketch needs of a board: samples at the program's rate, a serial line, rest.
 *
 * board_uno.h drives an ATmega328P at 16 MHz (Uno, Nano, Pro Mini) by its registers: the timer
 * triggers the converter, so that no sample comes early or late. board_other.h does the same with
 * what every Arduino has, less evenly.
 */
#ifndef BOARD_H
#define BOARD_H

#include <Arduino.h>
#include <ecgedge_wire.h>

static const uint16_t BOARD_LEAD_OFF = 0x8000; /* in a sample: an electrode is off */
static const uint32_t BOARD_BAUD = 115200;
static const uint8_t BOARD_LINE = ECGEDGE_WIRE_MAX; /* bytes that are sent at a time */

#if defined(__AVR_ATmega328P__)
#include "board_uno.h"
#else
#include "board_other.h"
#endif

#endif
