/*
 * request: the facts of one request, and the ways in which it ends.
 */
#include "request.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "refusal.h"
#include "settings.h"
#include "text.h"

#define TRIM_AT 32 /* requests at once that leave memory worth returning */

/* Since memory was last given back. */
static long most_at_once;

const char *request_label(const struct request *request)
{
	static char text[400];

	if (!request->name)
		return "a request";
	text_format(text, sizeof(text), "%.300s[%ld]", request->name,
		    (long)request->answer.pid);
	return text;
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

void request_end(struct request *request, uint32_t app_status)
{
	stop_waiting(request);
	request->ending.app_status = app_status;
	request->state = REQUEST_ENDING;
	request->changed(request);
}

void request_end_with(struct request *request, int page, uint32_t app_status,
		      const char *why)
{
	ending_explain(&request->ending, why);
	if (request->answer.bytes == 0)
		request->ending.page = page;
	request_end(request, app_status);
}

void request_fail(struct request *request, int page, uint32_t app_status,
		  enum shared_failure kind, const char *why)
{
	shared->failed[kind]++;
	request_end_with(request, page, app_status, why);
}

static void let_go_of_child(struct request *request,
			    void (*how)(struct child *))
{
	if (request->child)
		how(request->child);
	request->child = NULL;
}

bool request_is_read(const struct request *request)
{
	return request->stdin_ended &&
	       (request->role != FCGI_FILTER || request->data_ended);
}

bool request_is_from(const struct request *request, const char *server)
{
	const char *name = env_get(&request->env, "SERVER_SOFTWARE");

	return name && strncmp(name, server, strlen(server)) == 0;
}

void request_end_program(struct request *request)
{
	let_go_of_child(request, child_end);
}

/* Whether its program itself is still there to be ended. */
static bool is_running(const struct request *request)
{
	return request->child && !request->exited;
}

static bool is_out_of_space(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

void request_lose_body(struct request *request, int error)
{
	char why[REFUSAL_MAX];

	if (request->body.lost)
		text_format(why, sizeof(why),
			    "%.300s: the request's body cannot be passed on: "
			    "%s",
			    request_label(request), strerror(error));
	else
		text_format(why, sizeof(why),
			    "%.300s: the request's body cannot be kept in "
			    "%.100s: %s",
			    request_label(request), set.spool, strerror(error));
	request_end_program(request);
	request_fail(request,
		     is_out_of_space(error) ? 507 : refusal_status(error),
		     128 + SIGTERM, FAILED_BODY, why);
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
	body_init(&request->body);
	answer_init(&request->answer);
	shared->requests++;
	if (++mine->requests > most_at_once)
		most_at_once = mine->requests;
	return request;
}

void request_abort(struct request *request)
{
	bool ran = is_running(request);

	if (request->state == REQUEST_ENDING)
		return;
	if (ran)
		shared->killed[KILLED_ABORTED]++;
	request_end_program(request);
	request_end(request, ran ? 128 + SIGTERM : 0);
}

/* -verbose */
static void log_request(const struct request *request)
{
	int status = request->ending.page ? request->ending.page
					  : request->answer.status;
	int64_t us = clock_us() - request->begun_us;

	note("%s: status %d, %llu bytes in, %llu out, %lld.%03lld s, "
	     "appStatus %u%s",
	     request_label(request), status,
	     (unsigned long long)request->body.size,
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
		request_end_program(request);
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
