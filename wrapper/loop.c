/*
 * loop: epoll, timers, tasks, and memory that is freed after the turn.
 */
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define EVENTS_MAX  64
#define SLOTS_FIRST 64

struct freed {
	struct freed *next;
};

/*
 * Who watches a descriptor. An event names the descriptor and a number that
 * changes with each watch: a program that is just being started holds copies
 * of our descriptors for a moment, and until it has closed them the kernel may
 * tell of one that we have closed.
 */
struct slot {
	struct watch *watch;
	uint32_t number;
};

static int epoll_fd = -1;
static struct slot *slots; /* by descriptor */
static int slot_count;
static int64_t now_ms;
static struct timers *all_timers;
static struct task *first_task;
static struct task **last_task = &first_task;
static struct freed *freed;
static unsigned turn;

static void read_clock(void)
{
	now_ms = clock_us() / 1000;
}

int loop_open(void)
{
	read_clock();
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -1 : 0;
}

static int grow_slots(int fd)
{
	int count = slot_count ? slot_count : SLOTS_FIRST;
	struct slot *grown;

	while (count <= fd)
		count *= 2;
	if (count == slot_count)
		return 0;
	grown = realloc(slots, (size_t)count * sizeof(*slots));
	if (!grown)
		return -1;
	memset(grown + slot_count, 0,
	       (size_t)(count - slot_count) * sizeof(*slots));
	slots = grown;
	slot_count = count;
	return 0;
}

static int control(struct watch *watch, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events};
	struct slot *slot;

	if (grow_slots(watch->fd) < 0)
		return -1;
	slot = &slots[watch->fd];
	slot->watch = watch;
	slot->number++;
	event.data.u64 = (uint64_t)slot->number << 32 | (uint32_t)watch->fd;
	return epoll_ctl(epoll_fd, operation, watch->fd, &event);
}

static uint32_t edges(unsigned want)
{
	return EPOLLET | EPOLLRDHUP | (want & LOOP_IN ? EPOLLIN : 0u) |
	       (want & LOOP_OUT ? EPOLLOUT : 0u);
}

int loop_add(struct watch *watch, unsigned want)
{
	return control(watch, EPOLL_CTL_ADD, edges(want));
}

int loop_add_shared(struct watch *watch)
{
	return control(watch, EPOLL_CTL_ADD, EPOLLIN | EPOLLEXCLUSIVE);
}

int loop_change(struct watch *watch, unsigned want)
{
	return control(watch, EPOLL_CTL_MOD, edges(want));
}

static void forget(const struct watch *watch)
{
	if (watch->fd < slot_count && slots[watch->fd].watch == watch)
		slots[watch->fd].watch = NULL;
}

void loop_remove(struct watch *watch)
{
	control(watch, EPOLL_CTL_DEL, 0);
	forget(watch);
}

void loop_shut(struct watch *watch)
{
	if (watch->fd < 0)
		return;
	forget(watch);
	close(watch->fd);
	watch->fd = -1;
}

static struct watch *watch_of(const struct epoll_event *event)
{
	const struct slot *slot = &slots[(uint32_t)event->data.u64];

	return slot->number == event->data.u64 >> 32 ? slot->watch : NULL;
}

void loop_soon(struct task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->turn = turn;
	task->next = NULL;
	*last_task = task;
	last_task = &task->next;
}

void loop_cancel(struct task *task)
{
	struct task **at;

	if (!task->queued)
		return;
	for (at = &first_task; *at != task; at = &(*at)->next)
		;
	*at = task->next;
	if (!*at)
		last_task = at;
	task->queued = false;
}

void timers_init(struct timers *timers, long ms)
{
	timers->ms = ms;
	timers->head.prev = timers->head.next = &timers->head;
	timers->next = all_timers;
	all_timers = timers;
}

void timer_stop(struct timer *timer)
{
	if (!timer->next)
		return;
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->next = NULL;
}

void timer_start(struct timers *timers, struct timer *timer)
{
	timer_stop(timer);
	timer->due_ms = now_ms + timers->ms;
	timer->prev = timers->head.prev;
	timer->next = &timers->head;
	timer->prev->next = timer;
	timers->head.prev = timer;
}

void loop_free(void *block)
{
	struct freed *one = block;

	one->next = freed;
	freed = one;
}

int64_t loop_now(void)
{
	return now_ms;
}

static int wait_ms(void)
{
	const struct timers *timers;
	int64_t soonest = INT64_MAX;

	if (first_task)
		return 0;
	for (timers = all_timers; timers; timers = timers->next)
		if (timers->head.next != &timers->head &&
		    timers->head.next->due_ms < soonest)
			soonest = timers->head.next->due_ms;
	if (soonest == INT64_MAX)
		return -1;
	if (soonest <= now_ms)
		return 0;
	return soonest - now_ms > INT_MAX ? INT_MAX : (int)(soonest - now_ms);
}

static unsigned meaning(uint32_t events)
{
	return (events & EPOLLIN ? LOOP_IN : 0u) |
	       (events & EPOLLOUT ? LOOP_OUT : 0u) |
	       (events & EPOLLRDHUP ? LOOP_HALF : 0u) |
	       (events & (EPOLLHUP | EPOLLERR) ? LOOP_GONE : 0u);
}

static void run_tasks(void)
{
	/* Tasks that are queued from here on wait for the next turn. */
	turn++;
	while (first_task && first_task->turn != turn) {
		struct task *task = first_task;

		loop_cancel(task);
		task->run(task);
	}
}

static void run_timers(void)
{
	struct timers *timers;

	for (timers = all_timers; timers; timers = timers->next) {
		struct timer *timer;

		while ((timer = timers->head.next) != &timers->head &&
		       timer->due_ms <= now_ms) {
			timer_stop(timer);
			timer->expired(timer);
		}
	}
}

static void free_all(void)
{
	while (freed) {
		struct freed *next = freed->next;

		free(freed);
		freed = next;
	}
}

void loop_turn(void)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(epoll_fd, events, EVENTS_MAX, wait_ms());
	int i;

	if (count < 0 && errno != EINTR)
		die(1, "epoll_wait: cannot wait for events");
	read_clock();
	for (i = 0; i < count; i++) {
		struct watch *watch = watch_of(&events[i]);

		/* An event before this one may have shut it. */
		if (watch)
			watch->ready(watch, meaning(events[i].events));
	}
	run_tasks();
	run_timers();
	free_all();
}
