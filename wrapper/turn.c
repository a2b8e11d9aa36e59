/*
 * turn: what follows from all that is noted of a request.
 */
#include "turn.h"

#include <string.h>
#include <sys/wait.h>

#include "ended.h"
#include "refusal.h"
#include "run.h"
#include "text.h"

#define LINGER_MS 1000 /* what is left of a program holds a reply so long */

static struct timers linger_timers;

void turn_init(void)
{
	timers_init(&linger_timers, LINGER_MS);
}

static uint32_t app_status_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + (uint32_t)WTERMSIG(wait_status);
	return (uint32_t)WEXITSTATUS(wait_status);
}

static void say_how(char *text, size_t size, int wait_status)
{
	size_t n = ended_how(text, size, wait_status);

	if (WIFSIGNALED(wait_status))
		text_format(text + n, size - n, " (%s)",
			    strsignal(WTERMSIG(wait_status)));
}

/* The program has died of a signal, or has printed nothing at all. */
static void fail_by_status(struct request *request)
{
	char why[REFUSAL_MAX];
	char how[80];
	bool silent = request->answer.bytes == 0;

	say_how(how, sizeof(how), request->wait_status);
	text_format(why, sizeof(why), "%.300s: %s%s", request_label(request),
		    how,
		    silent ? " and printed nothing"
			   : " in the middle of its reply");
	request_fail(request, 500, app_status_of(request->wait_status),
		     WIFSIGNALED(request->wait_status) ? FAILED_SIGNAL
						       : FAILED_REPLY,
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
		    request_label(request), (int)shown,
		    (const char *)request->answer.head);
	request_fail(request, 500,
		     request->exited ? app_status_of(request->wait_status) : 0,
		     FAILED_REPLY, why);
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

/* Nothing more has come for a second from what holds the other side of the
 * program's end or of its stdout. What comes on stderr is no reply, and holds
 * none back. Called while there is no stdout to read. */
static bool has_lingered(struct request *request)
{
	const struct answer *answer = &request->answer;
	uint64_t printed = answer->bytes + answer->head_have;

	if (request->orphaned)
		return true;
	request->linger.expired = linger_is_over;
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
		request_end(request, app_status_of(request->wait_status));
}

/* Its stdout has ended, and the program works on. */
static void settle_closed(struct request *request)
{
	char why[REFUSAL_MAX];

	if (!has_lingered(request))
		return;
	if (request->answer.bytes > 0) {
		request_end(request, 0);
		return;
	}
	text_format(why, sizeof(why),
		    "%.300s: closed its stdout and had printed "
		    "nothing",
		    request_label(request));
	request_fail(request, 500, 0, FAILED_REPLY, why);
}

/* Ends a running request if all of it is there. */
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

/* The reply waits until nginx has sent all of the body, or nobody takes it. */
static bool is_held(const struct request *request)
{
	return request->holds_reply && !request->stdin_ended &&
	       !request->body.refused;
}

enum turn_result turn_take(struct request *request, struct out *out)
{
	enum answer_result result = ANSWER_IDLE;

	if (out_space(out) < ANSWER_SPACE)
		return TURN_MORE;
	if (request->state == REQUEST_RUNNING && request->body.lost)
		request_lose_body(request, request->body.lost);
	if (request->state == REQUEST_RUNNING) {
		result = answer_move(&request->answer, out, request->id,
				     is_held(request));
		if (request->answer.moved)
			run_touch(request);
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
