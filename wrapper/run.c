/*
 * run: a request's program, started and followed. Its pipes' events and its end
 * are noted and nothing else, so that their order does not matter.
 */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "launch.h"
#include "log.h"
#include "settings.h"
#include "text.h"

/* Most programs end sooner than it is worth to watch what they print: their
 * end tells of all of it. */
#define OUTPUT_MS 1
#define ERRORS_MS 10

#define NO_MEMORY_TO_FOLLOW "no memory to follow a program"

static struct timers idle_timers;
static struct timers wall_timers;
static struct timers output_timers;
static struct timers errors_timers;

static enum shared_failure kind_of(int status)
{
	switch (status) {
	case 403:
		return FAILED_FORBIDDEN;
	case 404:
		return FAILED_NOT_FOUND;
	case 503:
		return FAILED_RESOURCE;
	default:
		return FAILED_EXEC;
	}
}

static void start_failed(void *owner, int status, const char *why)
{
	request_fail(owner, status, 0, kind_of(status), why);
}

void run_init(void)
{
	launch_follow(start_failed);
	timers_init(&idle_timers, set.timeout_ms);
	timers_init(&wall_timers, set.max_time_ms);
	timers_init(&output_timers, OUTPUT_MS);
	timers_init(&errors_timers, ERRORS_MS);
}

void run_touch(struct request *request)
{
	if (set.timeout_ms > 0 && request->state == REQUEST_RUNNING)
		timer_start(&idle_timers, &request->idle);
}

static void end_by_limit(struct request *request, enum shared_killed kind,
			 const char *limit, long ms)
{
	char why[REFUSAL_MAX];

	text_format(why, sizeof(why),
		    "%.300s: ended: %s of %ld.%03ld s is over",
		    request_label(request), limit, ms / 1000, ms % 1000);
	shared->killed[kind]++;
	request_end_program(request);
	request_end_with(request, 504, 128 + SIGTERM, why);
}

static void idle_is_over(struct timer *timer)
{
	struct request *request = LOOP_OWNER(timer, struct request, idle);

	if (request->taken(request))
		run_touch(request);
	else
		end_by_limit(request, KILLED_TIMEOUT,
			     "no byte moved, and the -timeout", set.timeout_ms);
}

static void wall_is_over(struct timer *timer)
{
	end_by_limit(LOOP_OWNER(timer, struct request, wall), KILLED_MAX_TIME,
		     "the -max-time", set.max_time_ms);
}

static void errors_are_due(struct timer *timer)
{
	struct request *request = LOOP_OWNER(timer, struct request, watching);

	if (stream_watch(&request->answer.err) < 0)
		note("%s: its stderr is not watched: %s",
		     request_label(request), strerror(errno));
}

static void output_is_due(struct timer *timer)
{
	struct request *request = LOOP_OWNER(timer, struct request, watching);

	timer->expired = errors_are_due;
	timer_start(&errors_timers, timer);
	if (stream_watch(&request->answer.out) == 0)
		return;
	request_end_program(request);
	request_fail(request, 503, 0, FAILED_RESOURCE, NO_MEMORY_TO_FOLLOW);
}

static void out_ready(struct watch *watch, unsigned events)
{
	struct request *request =
		LOOP_OWNER(watch, struct request, answer.out.pipe);

	stream_ready(&request->answer.out, events);
	request->changed(request);
}

static void err_ready(struct watch *watch, unsigned events)
{
	struct request *request =
		LOOP_OWNER(watch, struct request, answer.err.pipe);

	stream_ready(&request->answer.err, events);
	request->changed(request);
}

static void in_ready(struct watch *watch, unsigned events)
{
	struct request *request = LOOP_OWNER(watch, struct request, body.pipe);

	if (events & LOOP_GONE)
		body_refuse(&request->body);
	else if (body_feed(&request->body) > 0)
		run_touch(request);
	request->changed(request);
}

static void child_exited(void *owner, int status)
{
	struct request *request = owner;

	/* It may never have been the program. */
	launch_settle();
	request->exited = true;
	request->wait_status = status;
	answer_ended(&request->answer);
	body_refuse(&request->body);
	request->changed(request);
}

/* Whether the program may find something on its stdin. */
static bool has_body(const struct request *request)
{
	const char *length = env_get(&request->env, "CONTENT_LENGTH");

	if (request_is_read(request) && request->body.size == 0)
		return false;
	return !length || strcmp(length, "0") != 0 ||
	       request->role == FCGI_FILTER;
}

void run_program(struct request *request)
{
	char why[REFUSAL_MAX];
	struct launch launched = {.why = why};
	struct child *child;

	/* Up to 2.6.13, Debian 12's among them, it ends with a failed assertion
	 * on a part of a header (its issue 2150). */
	if (request_is_from(request, "HAProxy"))
		answer_hold_head(&request->answer);
	if (launch(&launched, &request->env, request->role, has_body(request)) <
	    0) {
		shared_end();
		request_fail(request, launched.status, 0,
			     kind_of(launched.status), why);
		return;
	}
	request->name = launched.name;
	request->state = REQUEST_RUNNING;
	request->answer.program = request->name;
	request->answer.pid = launched.pid;
	child = child_add(launched.pid, request, child_exited);
	request->child = child;
	body_start(&request->body, launched.in, in_ready);
	answer_open(&request->answer, launched.out, launched.err, out_ready,
		    err_ready);
	if (!child ||
	    (request->holds_reply && body_watch(&request->body) < 0)) {
		request_end_program(request);
		request_fail(request, 503, 0, FAILED_RESOURCE,
			     NO_MEMORY_TO_FOLLOW);
		return;
	}
	if (request_is_read(request))
		body_end(&request->body);
	request->idle.expired = idle_is_over;
	request->wall.expired = wall_is_over;
	request->watching.expired = output_is_due;
	timer_start(&output_timers, &request->watching);
	if (set.max_time_ms > 0)
		timer_start(&wall_timers, &request->wall);
	run_touch(request);
	if (request->body.lost)
		request->changed(request);
}
