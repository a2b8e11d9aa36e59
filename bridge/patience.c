/*
 * patience: limits in time, by one clock, which no change of the machine's date
 * moves.
 */
#include "patience.h"

#include <limits.h>
#include <poll.h>
#include <stddef.h>

#include "clock.h"

int64_t patience_now(void)
{
	return clock_us() / 1000;
}

int64_t patience_in(long ms)
{
	return ms > 0 ? patience_now() + ms : 0;
}

int64_t patience_first(int64_t a, int64_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

int patience_until(int64_t moment)
{
	int64_t left;

	if (moment == 0)
		return -1;
	left = moment - patience_now();
	if (left <= 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

void patience_pause(int ms)
{
	poll(NULL, 0, ms);
}

void patience_moved(struct patience *patience)
{
	if (patience->idle_ms > 0)
		patience->moved = patience_now();
}

int patience_left(const struct patience *patience)
{
	int64_t idle = 0;

	if (patience->idle_ms > 0)
		idle = patience->moved + patience->idle_ms;
	return patience_until(patience_first(idle, patience->end));
}
