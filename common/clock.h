#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Microseconds of the monotonic clock, which no change of the machine's date
 * moves. */
int64_t clock_us(void);

#endif
