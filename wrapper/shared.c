/*
 * shared: the numbers that all workers have in common.
 */
#include "shared.h"

#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clock.h"

struct shared *shared;
struct shared_worker *mine;

static int bell = -1;

int shared_open(int workers)
{
	size_t size =
		sizeof(*shared) + (size_t)workers * sizeof(shared->worker[0]);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -1;
	shared = memory;
	shared->workers = workers;
	shared->started_us = clock_us();
	bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	shared_take(0);
	return bell < 0 ? -1 : 0;
}

void shared_take(int worker)
{
	mine = &shared->worker[worker];
	atomic_store(&mine->pid, getpid());
}

static void ring(void)
{
	uint64_t one = 1;

	/* It fails only when it has been ringing 2^64 times. */
	if (write(bell, &one, sizeof(one)) < 0)
		return;
}

void shared_return(int worker)
{
	struct shared_worker *dead = &shared->worker[worker];
	int i;

	atomic_fetch_sub(&shared->running, atomic_exchange(&dead->running, 0));
	atomic_fetch_sub(&shared->waiting, atomic_exchange(&dead->waiting, 0));
	atomic_store(&dead->connections, 0);
	atomic_store(&dead->requests, 0);
	atomic_store(&dead->drains, 0);
	for (i = 0; i < TEMPLATES_MAX; i++)
		atomic_store(&dead->template[i], 0);
	atomic_store(&dead->pid, 0);
	ring();
}

bool shared_start(long max)
{
	long running = atomic_load(&shared->running);

	/* Not added and taken back: another worker would see one too many. */
	while (running < max)
		if (atomic_compare_exchange_weak(&shared->running, &running,
						 running + 1)) {
			mine->running++;
			return true;
		}
	return false;
}

void shared_wake(void)
{
	if (atomic_load(&shared->waiting) > 0)
		ring();
}

void shared_end(void)
{
	mine->running--;
	atomic_fetch_sub(&shared->running, 1);
	shared_wake();
}

int shared_bell(void)
{
	return bell;
}

void shared_wait(long more)
{
	mine->waiting += more;
	atomic_fetch_add(&shared->waiting, more);
}

bool shared_in_use(void)
{
	int i;

	for (i = 0; i < shared->workers; i++)
		if (shared->worker[i].connections > 0 ||
		    shared->worker[i].drains > 0)
			return true;
	return shared->running > 0;
}

int64_t histogram_bound(int bucket)
{
	if (bucket == SHARED_BUCKETS - 1)
		return INT64_MAX;
	return (int64_t)64 << (2 * bucket);
}

void histogram_add(struct histogram *histogram, int64_t us)
{
	int bucket = 0;

	while (us > histogram_bound(bucket))
		bucket++;
	histogram->bucket[bucket]++;
	histogram->sum_us += (uint64_t)us;
}
