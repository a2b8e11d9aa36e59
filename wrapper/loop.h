#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The event loop: descriptors, timers, and work for the next turn. It owns the
 * epoll descriptor and the clock and knows nothing of what it calls. Nothing
 * else knows epoll.
 *
 * Readiness is told once, when it begins (edge-triggered): whoever is told
 * notes it and reads or writes until the kernel says EAGAIN.
 */

enum {
	LOOP_IN = 1,
	LOOP_OUT = 2,
	LOOP_HALF = 4, /* the peer has ended its side */
	LOOP_GONE = 8, /* nothing can be sent any more, or an error */
};

/* The struct that embeds a watch, a task or a timer. */
#define LOOP_OWNER(part, type, member)                                         \
	((type *)(void *)(((char *)(part)) - offsetof(type, member)))

struct watch {
	int fd; /* belongs to whoever embeds the watch; -1: none */
	void (*ready)(struct watch *watch, unsigned events);
};

/* Work for the next turn. */
struct task {
	struct task *next;
	bool queued;
	unsigned turn; /* in which it was queued */
	void (*run)(struct task *task);
};

/* A timer that runs is in a list; all of a list have the same duration, so that
 * starting one is appending it. */
struct timer {
	struct timer *prev;
	struct timer *next; /* NULL: not running */
	int64_t due_ms;
	void (*expired)(struct timer *timer);
};

struct timers {
	struct timer head;
	struct timers *next;
	long ms; /* may change before one is started, while no other runs */
};

/* Opens the loop; returns 0, or -1 and errno. */
int loop_open(void);

/* Watches watch->fd for LOOP_IN, LOOP_OUT or both; LOOP_HALF and LOOP_GONE are
 * always told. The watch must stay where it is until loop_remove or loop_shut.
 * Returns 0, or -1 and errno. */
int loop_add(struct watch *watch, unsigned want);

/* The same for a listening socket that several processes share: told again and
 * again while connections wait, and to few processes at a time. */
int loop_add_shared(struct watch *watch);

/* Changes what is watched for, and who watches, and tells at once what is ready
 * already. Returns 0, or -1 and errno. */
int loop_change(struct watch *watch, unsigned want);

/* Stops watching without closing. */
void loop_remove(struct watch *watch);

/* Closes watch->fd, if there is one, and forgets it. */
void loop_shut(struct watch *watch);

/* Runs the task in the next turn; a task that is queued stays queued once. */
void loop_soon(struct task *task);

/* Takes a queued task back. */
void loop_cancel(struct task *task);

/* Makes a list for timers that run for ms. The list lives as long as the
 * process, and is made once. */
void timers_init(struct timers *timers, long ms);

/* Starts a timer, or starts it anew. timer->expired is called once. */
void timer_start(struct timers *timers, struct timer *timer);

/* May be called of one that does not run. */
void timer_stop(struct timer *timer);

/* Frees memory after the turn, when no event can mean it any more. The first
 * bytes of the block are used meanwhile. */
void loop_free(void *block);

/* Milliseconds of a clock that only goes forward, as of this turn. */
int64_t loop_now(void);

/* Waits for what comes next and handles it. */
void loop_turn(void);

#endif
