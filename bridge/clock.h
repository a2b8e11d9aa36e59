#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/*
 * The bridge's limits in time.
 */

/* Milliseconds of a clock that only goes forward. */
int64_t clock_ms(void);

/* Starts -max-time. */
void clock_start(void);

/* The moment when -max-time is over; INT64_MAX without it. */
int64_t clock_end(void);

/* How long poll(2) may wait until the earlier of two moments; -1: for ever. */
int clock_wait(int64_t one, int64_t other);

#endif
