#ifndef PATIENCE_H
#define PATIENCE_H

#include <stdint.h>

/*
 * How long to wait: moments of the monotonic clock in milliseconds. 0 as a
 * moment means never.
 */

struct patience {
	long idle_ms;  /* without a byte moved; 0: for ever */
	int64_t moved; /* when the last byte moved */
	int64_t end;   /* of all */
};

/* This moment. */
int64_t patience_now(void);

/* The moment ms from now; never if ms is 0. */
int64_t patience_in(long ms);

/* The earlier of two moments. */
int64_t patience_first(int64_t a, int64_t b);

/* For poll(2): milliseconds until then, 0 when it is over, -1 for never. */
int patience_until(int64_t moment);

/* Does nothing for so long. */
void patience_pause(int ms);

/* A byte has moved. */
void patience_moved(struct patience *patience);

/* For poll(2): milliseconds until one of both limits is reached. */
int patience_left(const struct patience *patience);

#endif
