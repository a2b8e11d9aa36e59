#ifndef SHARED_H
#define SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Memory that all worker processes share: the count of running programs, which
 * -max bounds for all together, and the counters of the status page. Made
 * before the workers are; gone with the last of them.
 */

#define TEMPLATES_MAX  32 /* of a worker (-preload) */
#define SHARED_BUCKETS 16 /* of a histogram: powers of 4 from 64 us on */

enum shared_failure {
	FAILED_NOT_FOUND, /* 404 */
	FAILED_FORBIDDEN, /* 403 */
	FAILED_EXEC,	  /* could not be started */
	FAILED_RESOURCE,  /* no process, descriptor or memory */
	FAILED_REPLY,	  /* no header, or nothing at all */
	FAILED_SIGNAL,	  /* died by a signal */
	FAILED_REQUEST,	  /* parameters too large or malformed */
	FAILED_BODY,	  /* the body could not be kept */
	FAILED_KINDS,
};

enum shared_killed {
	KILLED_TIMEOUT,
	KILLED_MAX_TIME,
	KILLED_ABORTED, /* by the server, or its connection was closed */
	KILLED_KINDS,
};

/* Where a machine cannot do that in one step (ARMv5, MIPS of 32 bits), and a
 * library's locks would be each process's own, workers may miss a count. */
#if ATOMIC_LLONG_LOCK_FREE == 2
typedef _Atomic uint64_t shared_count;
#else
typedef volatile uint64_t shared_count;
#endif

struct histogram {
	shared_count bucket[SHARED_BUCKETS];
	shared_count sum_us;
};

/* What one worker has in hand; given back when it dies. */
struct shared_worker {
	_Atomic long running;
	_Atomic long waiting;
	_Atomic long connections;
	_Atomic long requests; /* between FCGI_BEGIN_REQUEST and END */
	_Atomic long drains;   /* pipes of what goes on after its request */
	_Atomic pid_t pid;
	_Atomic pid_t template[TEMPLATES_MAX]; /* 0: none */
};

struct shared {
	_Atomic long running; /* programs, of all workers */
	_Atomic long waiting;
	shared_count accepted;
	shared_count requests;
	shared_count preloaded; /* programs forked from a template */
	shared_count refused;
	shared_count protocol_errors;
	shared_count bytes_in;
	shared_count bytes_out;
	shared_count worker_deaths;
	shared_count failed[FAILED_KINDS];
	shared_count killed[KILLED_KINDS];
	struct histogram spawn_time;
	struct histogram request_time;
	int64_t started_us;   /* clock_us() */
	shared_count used_ms; /* by any worker, the last time: loop_now() */
	int workers;
	struct shared_worker worker[];
};

extern struct shared *shared;	   /* of all workers */
extern struct shared_worker *mine; /* of this process */

/* Makes the memory for so many workers, and the descriptor by which they tell
 * each other that a program has ended. Returns 0, or -1 and errno. */
int shared_open(int workers);

/* This process is that worker, counted from 0; mine is its own part. */
void shared_take(int worker);

/* A worker has died: what it had in hand is free again. */
void shared_return(int worker);

/* Takes the right to run one more program; false at -max. */
bool shared_start(long max);

/* Wakes the workers whose requests wait. */
void shared_wake(void);

/* Gives it back, and wakes the workers whose requests wait for it. */
void shared_end(void);

/* A descriptor that tells each worker, once, that while requests wait a program
 * of any of them has ended, or may have begun. It is never read: whoever read
 * it first would take it from the others, who are told nothing of what is not
 * there any more. Belongs to this file. */
int shared_bell(void);

/* Counts requests that wait for their turn, in this worker and in all. */
void shared_wait(long more);

/* Whether any worker has a connection, a program or what one left behind. */
bool shared_in_use(void);

/* Counts a program's or a request's time, in microseconds. */
void histogram_add(struct histogram *histogram, int64_t us);

/* The upper bound of a bucket in microseconds; INT64_MAX for the last. */
int64_t histogram_bound(int bucket);

#endif
