/* The three general-purpose registers of an ATmega328P, as the port and its simulator use them.
 *
 * GPIOR0  read: the next byte of the input        write: the next byte of the output
 * GPIOR1  read: how many bytes are left, to 255   write: the status of the harness
 * GPIOR2                                          write: one of the marks
 */
#ifndef ECGEDGE_GPIOR_H
#define ECGEDGE_GPIOR_H

#define GPIOR0_ADDRESS 0x3e
#define GPIOR1_ADDRESS 0x4a
#define GPIOR2_ADDRESS 0x4b

#define MARK_START 0x01 /* the start-up has begun: a second one is a crash */
#define MARK_MAIN 0x02  /* an empty section was marked, main comes next */
#define MARK_STOP 0x03
#define MARK_BEGIN 0x04
#define MARK_END 0x80 /* plus the section */

#endif
