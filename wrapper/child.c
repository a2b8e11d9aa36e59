/*
 * child: a table of processes by pid.
 * A group's number is its leader's pid. The kernel gives it to nobody else
 * while the leader is not reaped or the group has a member, so a signal to a
 * group never reaches a stranger: once the leader is reaped, the group is
 * looked at again and again and forgotten as soon as it is empty.
 */
#include "child.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "settings.h"
#include "shared.h"

#define BUCKETS	      256 /* a power of 2 */
#define LOOK_EVERY_MS 200

static struct child *table[BUCKETS];
static long count;
static long left; /* of the table, whose leader is reaped */
static void (*stranger_ended)(pid_t pid);
static struct timers grace;
static struct timers look;
static struct timers wall; /* -max-time, though nobody waits any more */

void child_init(void)
{
	timers_init(&grace, set.grace_ms > 0 ? set.grace_ms : 1);
	timers_init(&look, LOOK_EVERY_MS);
	timers_init(&wall, set.max_time_ms);
}

static struct child **bucket(pid_t pid)
{
	return &table[(unsigned)pid % BUCKETS];
}

static void release(struct child *child)
{
	struct child **at = bucket(child->pid);

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	timer_stop(&child->timer);
	if (child->reaped)
		left--;
	loop_free(child);
}

static bool has_group(const struct child *child)
{
	return kill(-child->pid, 0) == 0 || errno == EPERM;
}

/* Whether the group's number is still its own. */
static bool may_signal(const struct child *child)
{
	return !child->reaped || (!child->gone && has_group(child));
}

/* To its group, and to a program that has left that for another one. */
static void tell(const struct child *child, int signal_number)
{
	kill(-child->pid, signal_number);
	if (!child->reaped && getpgid(child->pid) != child->pid)
		kill(child->pid, signal_number);
}

/* What is left of a group after its leader was reaped. */
static void look_again(struct timer *timer)
{
	struct child *child = LOOP_OWNER(timer, struct child, timer);

	if (has_group(child)) {
		if (!child->kill_ms || loop_now() < child->kill_ms) {
			timer_start(&look, timer);
			return;
		}
		kill(-child->pid, SIGKILL);
	}
	child->gone = true;
	if (!child->owner)
		release(child);
}

static void grace_is_over(struct timer *timer)
{
	tell(LOOP_OWNER(timer, struct child, timer), SIGKILL);
}

/* The owner still waits. */
static void terminate(struct child *child)
{
	if (child->kill_ms || !may_signal(child))
		return;
	tell(child, SIGTERM);
	/* A stopped process takes no TERM before it goes on. */
	tell(child, SIGCONT);
	child->kill_ms = loop_now() + set.grace_ms;
	/* Once the leader is reaped, it is looked at already. */
	if (child->reaped)
		return;
	child->timer.expired = grace_is_over;
	timer_start(&grace, &child->timer);
}

/* Who waits for it has the same limit, and says so. */
static void time_is_over(struct timer *timer)
{
	struct child *child = LOOP_OWNER(timer, struct child, timer);

	terminate(child);
	if (child->owner)
		return;
	shared->killed[KILLED_MAX_TIME]++;
	note("pid %ld, whose reply is over: ended: the -max-time of %ld.%03ld "
	     "s is over",
	     (long)child->pid, set.max_time_ms / 1000, set.max_time_ms % 1000);
}

struct child *child_add(pid_t pid, void *owner,
			void (*exited)(void *owner, int status))
{
	struct child *child = calloc(1, sizeof(*child));

	if (!child) {
		kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
		shared_end();
		return NULL;
	}
	child->pid = pid;
	child->owner = owner;
	child->exited = exited;
	child->next = *bucket(pid);
	*bucket(pid) = child;
	child->timer.expired = time_is_over;
	if (set.max_time_ms > 0)
		timer_start(&wall, &child->timer);
	count++;
	return child;
}

void *child_owner(pid_t pid)
{
	const struct child *child = *bucket(pid);

	while (child && (child->pid != pid || !child->owner))
		child = child->next;
	return child ? child->owner : NULL;
}

/* The one of that pid that is not reaped. */
static struct child *find(pid_t pid)
{
	struct child *child = *bucket(pid);

	while (child && (child->pid != pid || child->reaped))
		child = child->next;
	return child;
}

bool child_is_reaped(pid_t pid)
{
	return !find(pid);
}

void child_forget(struct child *child)
{
	child->owner = NULL;
	if (child->reaped && (!child->kill_ms || !may_signal(child)))
		release(child);
}

void child_end(struct child *child)
{
	terminate(child);
	child_forget(child);
}

/* Most have left nothing. That is asked at once: soon the number may be another
 * group's. */
static void reap_one(struct child *child, int status)
{
	count--;
	left++;
	child->reaped = true;
	child->gone = !has_group(child);
	shared_end();
	timer_stop(&child->timer);
	child->timer.expired = look_again;
	if (!child->gone)
		timer_start(&look, &child->timer);
	if (child->owner)
		child->exited(child->owner, status);
	else if (!child->kill_ms || child->gone)
		release(child);
}

void child_mind_strangers(void (*ended)(pid_t pid))
{
	stranger_ended = ended;
}

void child_reap(void)
{
	pid_t pid;
	int status;

	while ((count > 0 || stranger_ended) &&
	       (pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = find(pid);

		if (child)
			reap_one(child, status);
		else if (stranger_ended)
			stranger_ended(pid);
	}
}

void child_signal_all(int signal_number)
{
	struct child *child;
	int i;

	for (i = 0; i < BUCKETS; i++)
		for (child = table[i]; child; child = child->next)
			if (may_signal(child))
				tell(child, signal_number);
}

void child_terminate_all(void)
{
	struct child *child;
	int i;

	for (i = 0; i < BUCKETS; i++)
		for (child = table[i]; child; child = child->next)
			terminate(child);
}

long child_count(void)
{
	return count + left;
}
