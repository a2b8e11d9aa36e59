/*
 * request: what is done about the facts of one request.
 * Whatever happens (a record, a pipe's event, a program's end, a timer) is
 * noted where it happens; request_turn decides what follows from all of it.
 */
#include "request.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "clock.h"
#include "launch.h"
#include "log.h"
#include "settings.h"
#include "shared.h"
#include "status.h"
#include "text.h"

#define TRIM_AT 32 /* requests at once that leave memory worth returning */
/* Most programs end sooner than it is worth to watch what they print: their
 * end tells of all of it. */
#define OUTPUT_MS 1
#define ERRORS_MS 10
#define LINGER_MS 1000 /* what is left of a program holds a reply so long */

#define NO_MEMORY_TO_FOLLOW "no memory to follow a program"

/* Since memory was last given back. */
static long most_at_once;

static struct timers idle_timers;
static struct timers wall_timers;
static struct timers linger_timers;
static struct timers output_timers;
static struct timers errors_timers;

static bool refusing;

void request_init(void)
{
	timers_init(&idle_timers, set.timeout_ms);
	timers_init(&wall_timers, set.max_time_ms);
	timers_init(&linger_timers, LINGER_MS);
	timers_init(&output_timers, OUTPUT_MS);
	timers_init(&errors_timers, ERRORS_MS);
}

/* Its program and pid, as log lines name it. Valid until the next call. */
static const char *who(const struct request *request)
{
	static char text[400];

	if (!request->name)
		return "a request";
	text_format(text, sizeof(text), "%.300s[%ld]", request->name,
		    (long)request->answer.pid);
	return text;
}

static void touch(struct request *request)
{
	if (set.timeout_ms > 0 && request->state == REQUEST_RUNNING)
		timer_start(&idle_timers, &request->idle);
}

/* Nothing happens to it by itself any more. */
static void stop_waiting(struct request *request)
{
	if (request->state == REQUEST_WAITING)
		queue_leave(&request->place);
	timer_stop(&request->idle);
	timer_stop(&request->wall);
	timer_stop(&request->linger);
	timer_stop(&request->watching);
}

/* From here on there is nothing to do but to say so. */
static void end(struct request *request, uint32_t app_status)
{
	stop_waiting(request);
	request->ending.app_status = app_status;
	request->state = REQUEST_ENDING;
	request->changed(request);
}

/* Ends it with a reason, and with a page if nothing was sent yet. */
static void end_with(struct request *request, int page, uint32_t app_status,
		     const char *why)
{
	ending_explain(&request->ending, why);
	if (request->answer.bytes == 0)
		request->ending.page = page;
	end(request, app_status);
}

static void fail(struct request *request, int page, uint32_t app_status,
		 enum shared_failure kind, const char *why)
{
	shared->failed[kind]++;
	end_with(request, page, app_status, why);
}

static void let_go_of_child(struct request *request,
			    void (*how)(struct child *))
{
	if (request->child)
		how(request->child);
	request->child = NULL;
}

/* Whether its program itself is still there to be ended. */
static bool is_running(const struct request *request)
{
	return request->child && !request->exited;
}

static uint32_t app_status_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + (uint32_t)WTERMSIG(wait_status);
	return (uint32_t)WEXITSTATUS(wait_status);
}

static void say_status(char *text, size_t size, int wait_status)
{
	int number = WTERMSIG(wait_status);

	if (WIFSIGNALED(wait_status))
		text_format(text, size, "was killed by signal %d (%s)", number,
			    strsignal(number));
	else
		text_format(text, size, "ended with exit status %d",
			    WEXITSTATUS(wait_status));
}

/* The program has died of a signal, or has printed nothing at all. */
static void fail_by_status(struct request *request)
{
	char why[REFUSAL_MAX];
	char status[80];
	bool silent = request->answer.bytes == 0;

	say_status(status, sizeof(status), request->wait_status);
	text_format(why, sizeof(why), "%.300s: %s%s", who(request), status,
		    silent ? " and printed nothing"
			   : " in the middle of its reply");
	fail(request, 500, app_status_of(request->wait_status),
	     WIFSIGNALED(request->wait_status) ? FAILED_SIGNAL : FAILED_REPLY,
	     why);
}

static void fail_by_head(struct request *request)
{
	char why[REFUSAL_MAX];
	size_t shown =
		request->answer.head_have < 60 ? request->answer.head_have : 60;

	text_format(why, sizeof(why),
		    "%.300s: its output begins with no header field (such as "
		    "Content-Type: text/plain, with an empty line before the "
		    "body): \"%.*s\"",
		    who(request), (int)shown,
		    (const char *)request->answer.head);
	fail(request, 500,
	     request->exited ? app_status_of(request->wait_status) : 0,
	     FAILED_REPLY, why);
}

/* Nothing more has come for a second from what holds the other side of the
 * program's end or of its stdout. What comes on stderr is no reply, and holds
 * none back. Called while there is no stdout to read. */
static bool has_lingered(struct request *request)
{
	const struct answer *answer = &request->answer;
	uint64_t printed = answer->bytes + answer->head_have;

	if (request->orphaned)
		return true;
	if (printed != request->printed || !request->linger.next)
		timer_start(&linger_timers, &request->linger);
	request->printed = printed;
	return false;
}

/* The program has ended. What it left behind may hold its stdout open. */
static void settle_exited(struct request *request)
{
	const struct answer *answer = &request->answer;

	if (answer->out.pipe.fd >= 0 && !has_lingered(request))
		return;
	if (WIFSIGNALED(request->wait_status) || answer->bytes == 0)
		fail_by_status(request);
	else
		end(request, app_status_of(request->wait_status));
}

/* Its stdout has ended, and the program works on. */
static void settle_closed(struct request *request)
{
	char why[REFUSAL_MAX];

	if (!has_lingered(request))
		return;
	if (request->answer.bytes > 0) {
		end(request, 0);
		return;
	}
	text_format(why, sizeof(why),
		    "%.300s: closed its stdout and had printed "
		    "nothing",
		    who(request));
	fail(request, 500, 0, FAILED_REPLY, why);
}

static void settle(struct request *request)
{
	struct answer *answer = &request->answer;
	bool over = request->exited || answer->out.pipe.fd < 0;

	answer->moved = false;
	if (request->state != REQUEST_RUNNING || !over ||
	    stream_is_readable(&answer->out)) {
		timer_stop(&request->linger);
		return;
	}
	/* What it has said itself on stderr is told, however slowly the server
	 * takes it; but what it left behind may never be silent. */
	if (stream_is_readable(&answer->err) &&
	    (answer_owes_errors(answer) || !has_lingered(request)))
		return;
	if (request->exited)
		settle_exited(request);
	else
		settle_closed(request);
}

static void linger_is_over(struct timer *timer)
{
	struct request *request = LOOP_OWNER(timer, struct request, linger);

	/* Unread while the server takes nothing: then it is not silent. */
	request->orphaned = !stream_is_readable(&request->answer.out);
	if (request->orphaned && request->exited)
		answer_end_output(&request->answer);
	request->changed(request);
}

static void end_by_limit(struct request *request, enum shared_killed kind,
			 const char *limit, long ms)
{
	char why[REFUSAL_MAX];

	text_format(why, sizeof(why),
		    "%.300s: ended: %s of %ld.%03ld s is over", who(request),
		    limit, ms / 1000, ms % 1000);
	shared->killed[kind]++;
	let_go_of_child(request, child_end);
	end_with(request, 504, 128 + SIGTERM, why);
}

static void idle_is_over(struct timer *timer)
{
	struct request *request = LOOP_OWNER(timer, struct request, idle);

	if (request->taken(request))
		touch(request);
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
		note("%s: its stderr is not watched: %s", who(request),
		     strerror(errno));
}

static void output_is_due(struct timer *timer)
{
	struct request *request = LOOP_OWNER(timer, struct request, watching);

	timer->expired = errors_are_due;
	timer_start(&errors_timers, timer);
	if (stream_watch(&request->answer.out) == 0)
		return;
	let_go_of_child(request, child_end);
	fail(request, 503, 0, FAILED_RESOURCE, NO_MEMORY_TO_FOLLOW);
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
		touch(request);
	request->changed(request);
}

static void child_exited(void *owner, int status)
{
	struct request *request = owner;

	request->exited = true;
	request->wait_status = status;
	answer_ended(&request->answer);
	body_refuse(&request->body);
	request->changed(request);
}

void request_trim(void)
{
	if (mine->requests > 0 || most_at_once < TRIM_AT)
		return;
	most_at_once = 0;
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

struct request *request_begin(uint16_t id, uint16_t role, void *owner,
			      void (*changed)(struct request *),
			      bool (*taken)(struct request *))
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->id = id;
	request->role = role;
	request->owner = owner;
	request->changed = changed;
	request->taken = taken;
	request->begun_us = clock_us();
	body_init(&request->body, in_ready);
	answer_init(&request->answer, out_ready, err_ready);
	request->idle.expired = idle_is_over;
	request->wall.expired = wall_is_over;
	request->linger.expired = linger_is_over;
	request->watching.expired = output_is_due;
	shared->requests++;
	if (++mine->requests > most_at_once)
		most_at_once = mine->requests;
	return request;
}

void request_params(struct request *request, const unsigned char *bytes,
		    size_t n)
{
	if (request->state == REQUEST_PARAMS)
		env_params(&request->env, bytes, n);
}

bool request_is_read(const struct request *request)
{
	return request->stdin_ended &&
	       (request->role != FCGI_FILTER || request->data_ended);
}

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

/* Whether the program may find something on its stdin. */
static bool has_body(const struct request *request)
{
	const char *length = env_get(&request->env, "CONTENT_LENGTH");

	if (request_is_read(request) && request->body.size == 0)
		return false;
	return !length || strcmp(length, "0") != 0 ||
	       request->role == FCGI_FILTER;
}

static bool is_server(const struct request *request, const char *name)
{
	const char *server = env_get(&request->env, "SERVER_SOFTWARE");

	return server && strncmp(server, name, strlen(name)) == 0;
}

static void run(struct request *request)
{
	struct launch launched;
	struct child *child;

	/* Up to 2.6.13, Debian 12's among them, it ends with a failed assertion
	 * on a part of a header (its issue 2150). */
	if (is_server(request, "HAProxy"))
		answer_hold_head(&request->answer);
	if (launch(&launched, &request->env, request->role, has_body(request)) <
	    0) {
		shared_end();
		fail(request, launched.status, 0, kind_of(launched.status),
		     launched.why);
		return;
	}
	request->name = launched.name;
	request->state = REQUEST_RUNNING;
	request->answer.program = request->name;
	request->answer.pid = launched.pid;
	child = child_add(launched.pid, request, child_exited);
	request->child = child;
	body_start(&request->body, launched.in);
	answer_open(&request->answer, launched.out, launched.err);
	if (!child ||
	    (request->holds_reply && body_watch(&request->body) < 0)) {
		let_go_of_child(request, child_end);
		fail(request, 503, 0, FAILED_RESOURCE, NO_MEMORY_TO_FOLLOW);
		return;
	}
	if (request_is_read(request))
		body_end(&request->body);
	timer_start(&output_timers, &request->watching);
	if (set.max_time_ms > 0)
		timer_start(&wall_timers, &request->wall);
	touch(request);
	if (request->body.lost)
		request->changed(request);
}

/* The request that waits longest; NULL if none does. */
static struct request *first_waiting(void)
{
	struct place *place = queue_first();

	return place ? LOOP_OWNER(place, struct request, place) : NULL;
}

void request_start_waiting(void)
{
	struct request *request = first_waiting();

	while (request && shared_start(set.max)) {
		queue_leave(&request->place);
		/* No longer WAITING, should it fail before it is RUNNING. */
		request->state = REQUEST_BODY;
		run(request);
		request->changed(request);
		request = first_waiting();
	}
}

static void refuse_stopped(struct request *request)
{
	fail(request, 503, 0, FAILED_RESOURCE,
	     "refused: the wrapper is told to stop, and -grace is over");
}

void request_refuse_all(void)
{
	refusing = true;
	while (queue_first())
		refuse_stopped(first_waiting());
}

static void start(struct request *request)
{
	if (refusing) {
		refuse_stopped(request);
	} else if (!queue_first() && shared_start(set.max)) {
		run(request);
	} else if (atomic_load(&shared->waiting) < set.queue) {
		request->state = REQUEST_WAITING;
		queue_enter(&request->place);
		/* What has ended in another worker since the first look may
		 * have seen nobody wait. */
		request_start_waiting();
	} else {
		shared->refused++;
		fail(request, 503, 0, FAILED_RESOURCE,
		     "refused: -max programs run and -queue requests wait");
	}
}

/* Whether the server says how long the body is (RFC 3875 §4.1.2). Caddy says
 * -1 for what it does not know. */
static bool has_length(const struct request *request)
{
	const char *length = env_get(&request->env, "CONTENT_LENGTH");

	return length && *length && !length[strspn(length, "0123456789")];
}

static void say_status_page(struct request *request)
{
	struct ending *ending = &request->ending;

	ending->text = malloc(STATUS_PAGE_MAX);
	if (ending->text)
		ending->text_length = status_page(ending->text, &request->env);
	else
		ending->page = 503;
	end(request, 0);
}

void request_params_end(struct request *request)
{
	struct env *env = &request->env;

	if (request->state != REQUEST_PARAMS)
		return;
	request->state = REQUEST_BODY;
	request->stdin_ended = request->role == FCGI_AUTHORIZER;
	if (env->too_large)
		fail(request, 431, 0, FAILED_REQUEST,
		     "refused: more than 1 MiB of FCGI_PARAMS");
	else if (!env_complete(env))
		fail(request, 400, 0, FAILED_REQUEST,
		     "refused: FCGI_PARAMS end within a name-value pair");
	else if (env->no_memory)
		fail(request, 503, 0, FAILED_RESOURCE,
		     "no memory for a request's variables");
	if (request->state != REQUEST_BODY)
		return;
	if (status_is_asked(env)) {
		say_status_page(request);
		return;
	}
	request->holds_reply = is_server(request, "nginx");
	if (request->stdin_ended || has_length(request))
		start(request);
}

static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

static void lose_body(struct request *request)
{
	char why[REFUSAL_MAX];
	int error = errno;

	if (request->body.lost)
		text_format(why, sizeof(why),
			    "%.300s: the request's body cannot be passed on: "
			    "%s",
			    who(request), strerror(error));
	else
		text_format(why, sizeof(why),
			    "%.300s: the request's body cannot be kept in "
			    "%.100s: %s",
			    who(request), set.spool, strerror(error));
	let_go_of_child(request, child_end);
	fail(request, is_full(error) ? 507 : 500, 128 + SIGTERM, FAILED_BODY,
	     why);
}

void request_let_wait(struct request *request)
{
	if (request->state != REQUEST_ENDING &&
	    body_let_wait(&request->body) < 0)
		lose_body(request);
}

/* Bytes of its body have come in. */
static void count_in(struct request *request, size_t n)
{
	if (n > 0)
		touch(request);
	shared->bytes_in += n;
}

static size_t take(struct request *request, const unsigned char *bytes,
		   size_t n)
{
	size_t taken;
	enum body_result result = body_take(&request->body, bytes, n, &taken);

	if (result == BODY_LOST) {
		lose_body(request);
		return n;
	}
	count_in(request, taken);
	if (result == BODY_FULL &&
	    (request->holds_reply || request->state == REQUEST_BODY)) {
		/* nginx goes on sending only as long as the reply is held
		 * back, and it may be the reply that the program waits for. */
		request_let_wait(request);
		if (request->state == REQUEST_ENDING)
			return n;
		return taken + take(request, bytes + taken, n - taken);
	}
	if (request->body.lost)
		request->changed(request);
	return taken;
}

size_t request_stdin(struct request *request, const unsigned char *bytes,
		     size_t n)
{
	if (request->state == REQUEST_PARAMS ||
	    request->state == REQUEST_ENDING || request->stdin_ended)
		return n;
	return take(request, bytes, n);
}

ssize_t request_pass_stdin(struct request *request, int socket, size_t n)
{
	size_t passed;

	if (request->state != REQUEST_RUNNING || request->stdin_ended)
		return 0;
	if (body_pass(&request->body, socket, n, &passed) == BODY_FULL)
		return request->holds_reply ? 0 : -1;
	count_in(request, passed);
	return (ssize_t)passed;
}

/* A body without CONTENT_LENGTH is in: now there is a length to tell. */
static void measure(struct request *request)
{
	char length[24];

	env_unset(&request->env, "CONTENT_LENGTH");
	if (request->body.size == 0)
		return;
	text_format(length, sizeof(length), "%llu",
		    (unsigned long long)request->body.size);
	env_unset(&request->env, "HTTP_TRANSFER_ENCODING");
	if (env_set(&request->env, "CONTENT_LENGTH", length) < 0)
		fail(request, 503, 0, FAILED_RESOURCE,
		     "no memory for a request's variables");
}

void request_stdin_end(struct request *request)
{
	bool waited = request->state == REQUEST_BODY;

	if (request->state == REQUEST_PARAMS || request->stdin_ended)
		return;
	request->stdin_ended = true;
	if (waited)
		measure(request);
	if (request->state == REQUEST_ENDING)
		return;
	/* FCGI_DATA may have come before. */
	if (request->role == FCGI_FILTER &&
	    body_take_data(&request->body) == BODY_LOST)
		lose_body(request);
	else if (waited)
		start(request);
	else if (request_is_read(request))
		body_end(&request->body);
	request->changed(request);
}

size_t request_data(struct request *request, const unsigned char *bytes,
		    size_t n)
{
	if (request->role != FCGI_FILTER || request->data_ended ||
	    request->state == REQUEST_PARAMS ||
	    request->state == REQUEST_ENDING)
		return n;
	if (request->stdin_ended)
		return take(request, bytes, n);
	if (body_take_early(&request->body, bytes, n) == BODY_LOST)
		lose_body(request);
	else
		count_in(request, n);
	return n;
}

void request_data_end(struct request *request)
{
	if (request->role != FCGI_FILTER || request->state == REQUEST_PARAMS)
		return;
	request->data_ended = true;
	if (request->state == REQUEST_ENDING)
		return;
	if (request_is_read(request))
		body_end(&request->body);
	request->changed(request);
}

void request_abort(struct request *request)
{
	bool ran = is_running(request);

	if (request->state == REQUEST_ENDING)
		return;
	if (ran)
		shared->killed[KILLED_ABORTED]++;
	let_go_of_child(request, child_end);
	end(request, ran ? 128 + SIGTERM : 0);
}

/* The reply waits until nginx has sent all of the body, or nobody takes it. */
static bool is_held(const struct request *request)
{
	return request->holds_reply && !request->stdin_ended &&
	       !request->body.refused;
}

enum request_turn request_turn(struct request *request, struct out *out)
{
	enum answer_result result = ANSWER_IDLE;

	if (out_space(out) < ANSWER_SPACE)
		return TURN_MORE;
	if (request->state == REQUEST_RUNNING && request->body.lost) {
		errno = request->body.lost;
		lose_body(request);
	}
	if (request->state == REQUEST_RUNNING) {
		result = answer_move(&request->answer, out, request->id,
				     is_held(request));
		if (request->answer.moved)
			touch(request);
		if (result == ANSWER_BAD)
			fail_by_head(request);
		settle(request);
	}
	if (request->state != REQUEST_ENDING)
		return result == ANSWER_MORE ? TURN_MORE : TURN_IDLE;
	return ending_say(&request->ending, out, request->id,
			  request->answer.err_opened)
		       ? TURN_OVER
		       : TURN_MORE;
}

/* -verbose */
static void log_request(const struct request *request)
{
	int status = request->ending.page ? request->ending.page
					  : request->answer.status;
	int64_t us = clock_us() - request->begun_us;

	note("%s: status %d, %llu bytes in, %llu out, %lld.%03lld s, "
	     "appStatus %u%s",
	     who(request), status, (unsigned long long)request->body.size,
	     (unsigned long long)request->answer.bytes, (long long)us / 1000000,
	     (long long)us / 1000 % 1000, request->ending.app_status,
	     request->state == REQUEST_ENDING ? ""
					      : ", the connection was closed");
}

void request_close(struct request *request)
{
	bool over = request->state == REQUEST_ENDING;

	if (set.verbose)
		log_request(request);
	if (!over && is_running(request))
		shared->killed[KILLED_ABORTED]++;
	stop_waiting(request);
	/* It must not take the part of its body that came for the whole. */
	if (over && !body_abandon(&request->body))
		let_go_of_child(request, child_end);
	let_go_of_child(request, over ? child_forget : child_end);
	body_close(&request->body);
	if (over)
		answer_abandon(&request->answer);
	else
		answer_close(&request->answer);
	env_free(&request->env);
	histogram_add(&shared->request_time, clock_us() - request->begun_us);
	shared->bytes_out += request->answer.bytes;
	mine->requests--;
	free(request->name);
	ending_free(&request->ending);
	loop_free(request);
}
