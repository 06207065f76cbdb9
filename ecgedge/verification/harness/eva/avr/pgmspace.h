/* Flash as Frama-C sees it: memory like any other. */
#ifndef AVR_PGMSPACE_H
#define AVR_PGMSPACE_H
#include <stdint.h>
#include <string.h>
#define PROGMEM
#define pgm_read_byte(place) (*(place))
#define pgm_read_word(place) (*(place))
#define pgm_read_dword(place) (*(place))
#define memcpy_P(to, place, size) memcpy(to, place, size)
#endif
