/*
 * intake: from records to a request's environment and its program's stdin.
 * Where a body must wait, and until when, is decided here; where it waits is
 * body's business.
 */
#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admit.h"
#include "run.h"
#include "status.h"
#include "text.h"

void intake_params(struct request *request, const unsigned char *bytes,
		   size_t n)
{
	if (request->state == REQUEST_PARAMS)
		env_params(&request->env, bytes, n);
}

/* Whether the server says how long the body is (RFC 3875 §4.1.2). Caddy says
 * -1 for what it does not know. */
static bool has_length(const struct request *request)
{
	const char *length = env_get(&request->env, "CONTENT_LENGTH");

	return length && *length && !length[strspn(length, "0123456789")];
}

static void lack_memory(struct request *request)
{
	request_fail(request, 503, 0, FAILED_RESOURCE,
		     "no memory for a request's variables");
}

void intake_params_end(struct request *request)
{
	struct env *env = &request->env;

	if (request->state != REQUEST_PARAMS)
		return;
	request->state = REQUEST_BODY;
	request->stdin_ended = request->role == FCGI_AUTHORIZER;
	if (env->too_large)
		request_fail(request, 431, 0, FAILED_REQUEST,
			     "refused: more than 1 MiB of FCGI_PARAMS");
	else if (!env_complete(env))
		request_fail(
			request, 400, 0, FAILED_REQUEST,
			"refused: FCGI_PARAMS end within a name-value pair");
	else if (env->no_memory)
		lack_memory(request);
	if (request->state != REQUEST_BODY)
		return;
	if (status_is_asked(env)) {
		request->ending.asked = env;
		request->answer.status = 200;
		request_end(request, 0);
		return;
	}
	request->holds_reply = request_is_from(request, "nginx");
	if (request->stdin_ended || has_length(request))
		admit_request(request);
}

void intake_let_wait(struct request *request)
{
	if (request->state != REQUEST_ENDING &&
	    body_let_wait(&request->body) < 0)
		request_lose_body(request, errno);
}

/* Bytes of its body have come in. */
static void count_in(struct request *request, size_t n)
{
	if (n > 0)
		run_touch(request);
	shared->bytes_in += n;
}

static size_t take(struct request *request, const unsigned char *bytes,
		   size_t n)
{
	size_t taken;
	enum body_result result = body_take(&request->body, bytes, n, &taken);

	if (result == BODY_LOST) {
		request_lose_body(request, errno);
		return n;
	}
	count_in(request, taken);
	if (result == BODY_FULL &&
	    (request->holds_reply || request->state == REQUEST_BODY)) {
		/* nginx goes on sending only as long as the reply is held
		 * back, and it may be the reply that the program waits for. */
		intake_let_wait(request);
		if (request->state == REQUEST_ENDING)
			return n;
		return taken + take(request, bytes + taken, n - taken);
	}
	if (request->body.lost)
		request->changed(request);
	return taken;
}

size_t intake_stdin(struct request *request, const unsigned char *bytes,
		    size_t n)
{
	if (request->state == REQUEST_PARAMS ||
	    request->state == REQUEST_ENDING || request->stdin_ended)
		return n;
	return take(request, bytes, n);
}

ssize_t intake_pass_stdin(struct request *request, int socket, size_t n)
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
		lack_memory(request);
}

void intake_stdin_end(struct request *request)
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
		request_lose_body(request, errno);
	else if (waited)
		admit_request(request);
	else if (request_is_read(request))
		body_end(&request->body);
	request->changed(request);
}

size_t intake_data(struct request *request, const unsigned char *bytes,
		   size_t n)
{
	if (request->role != FCGI_FILTER || request->data_ended ||
	    request->state == REQUEST_PARAMS ||
	    request->state == REQUEST_ENDING)
		return n;
	if (request->stdin_ended)
		return take(request, bytes, n);
	if (body_take_early(&request->body, bytes, n) == BODY_LOST)
		request_lose_body(request, errno);
	else
		count_in(request, n);
	return n;
}

void intake_data_end(struct request *request)
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
