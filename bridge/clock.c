/*
 * clock: -max-time, and waiting until a moment.
 */
#include "clock.h"

#include <limits.h>
#include <time.h>

#include "bridge.h"

static int64_t end_ms = INT64_MAX;

int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_start(void)
{
	if (wish.max_time_ms > 0)
		end_ms = clock_ms() + wish.max_time_ms;
}

int64_t clock_end(void)
{
	return end_ms;
}

int clock_wait(int64_t one, int64_t other)
{
	int64_t end = one < other ? one : other;
	int64_t now;

	if (end == INT64_MAX)
		return -1;
	now = clock_ms();
	if (end <= now)
		return 0;
	return end - now > INT_MAX ? INT_MAX : (int)(end - now);
}
