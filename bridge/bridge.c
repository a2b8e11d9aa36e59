/*
 * bridge: which parts of side 2 do the work that the command line asks for. It
 * alone tells the user, and the web server, how it ended.
 */
#include "bridge.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "ask.h"
#include "connect.h"
#include "ended.h"
#include "forward.h"
#include "log.h"
#include "options.h"
#include "query.h"
#include "start.h"
#include "text.h"
#include "wish.h"

#define PAUSE_MS     20
#define OPENING_ROOM 4096 /* most requests need no more */

/* Connects, and starts the application if nobody listens. Another one of us
 * may be starting it at this moment: then its copies answer. */
static int connect_or_start(const struct addr *addr, int64_t end,
			    struct outcome *outcome)
{
	int64_t until =
		patience_first(patience_in(wish.connect_timeout_ms), end);
	int started = START_TAKEN;

	for (;;) {
		int fd = connect_open(addr, wish.connect_timeout_ms, 0, end,
				      outcome);

		/* What was started and does not listen is not started again. */
		if (fd != CONNECT_NOBODY || started != START_TAKEN)
			return fd;
		*outcome = (struct outcome){.status = 0};
		started = start_copies(addr, outcome);
		if (started == START_FAILED ||
		    (started == START_TAKEN && patience_until(until) == 0))
			return -1;
		if (started == START_TAKEN)
			patience_pause(PAUSE_MS);
		*outcome = (struct outcome){.status = 0};
	}
}

static int reach(const struct addr *addr, const struct patience *patience,
		 pid_t *app, struct outcome *outcome)
{
	if (wish.once)
		return start_once(addr, app, outcome);
	if (wish.app && !wish.bind)
		return connect_or_start(addr, patience->end, outcome);
	return connect_open(addr, wish.connect_timeout_ms, wish.retry_ms,
			    patience->end, outcome);
}

static void ask(const struct addr *addr, struct params *params,
		struct patience *patience, pid_t *app, struct outcome *outcome)
{
	struct source sources[SOURCES_MAX];
	struct slice opening;
	unsigned char room[OPENING_ROOM];
	unsigned char *bytes;
	int count = source_open(sources, params, patience, outcome);
	int fd = -1;

	if (count >= 0)
		fd = reach(addr, patience, app, outcome);
	if (fd < 0)
		return;
	bytes = params_encode(params, (unsigned short)wish.role, room,
			      sizeof(room), &opening.length);
	opening.bytes = bytes;
	forward(fd, opening, sources, count, patience, outcome);
	close(fd);
	if (bytes != room)
		free(bytes);
}

static void request(const struct addr *addr, struct patience *patience,
		    pid_t *app, struct outcome *outcome)
{
	struct params params;

	/* Somebody at a terminal, who will see little or nothing. */
	if (!wish.url && !wish.cgi && !wish.env.count &&
	    !getenv("REQUEST_METHOD") && isatty(STDOUT_FILENO))
		note("%s: no request in the environment: -url PATH makes one",
		     wish.name);
	params_open(&params);
	ask_fill(&params);
	ask(addr, &params, patience, app, outcome);
	params_free(&params);
}

static void values(const struct addr *addr, struct patience *patience,
		   pid_t *app, struct outcome *outcome)
{
	int fd = reach(addr, patience, app, outcome);

	if (fd < 0)
		return;
	query_values(fd, patience, outcome);
	close(fd);
}

/* A web server that runs us gets a reply in any case (RFC 3875 §6). It names
 * no path: stderr does. */
static void reply(const struct outcome *outcome)
{
	const char *status = outcome_reply(outcome);
	struct pollfd one = {.fd = STDOUT_FILENO, .events = POLLOUT};
	char text[160];
	ssize_t ignored;
	size_t length = text_format(text, sizeof(text),
				    "Status: %s\r\n"
				    "Content-Type: text/plain\r\n\r\n"
				    "%s\n",
				    status, status);

	poll(&one, 1, 0);
	ignored = write(STDOUT_FILENO, text, length);
	(void)ignored;
}

void bridge_last_words(void)
{
	if (!bridge_is_for_shell())
		reply(&(struct outcome){.http = 500});
}

static int tell(const struct outcome *outcome)
{
	struct pollfd one = {.fd = STDERR_FILENO, .events = POLLOUT};

	if (!outcome->text[0])
		return outcome->status;
	/* A stderr that nobody reads must not keep us. */
	if (poll(&one, 1, 0) > 0) {
		/* php-fpm ends its messages without a line end. */
		if (outcome->midline)
			text_write(STDERR_FILENO, "\n", 1);
		note("%s: %s", wish.name, outcome->text);
	}
	if (wish.cgi && !outcome->answered)
		reply(outcome);
	return outcome->status;
}

static bool is_closed(const struct outcome *outcome)
{
	return outcome->text[0] && (outcome->status == OUTCOME_CUT_SHORT ||
				    (outcome->status >= OUTCOME_NOTHING_CAME &&
				     outcome->status <= OUTCOME_RECEIVING));
}

/* With -once: a connection that was closed too early may be explained by how
 * its process ended. */
static void end_app(pid_t app, struct outcome *outcome)
{
	bool closed = is_closed(outcome);
	int ended = app_end(app, closed);
	size_t used = strlen(outcome->text);
	char *end = outcome->text + used;
	size_t room = sizeof(outcome->text) - used;
	char how[40];

	if (closed && ended) {
		ended_how(how, sizeof(how), ended);
		text_format(end, room, ": it %s", how);
	} else if (closed && outcome->status != OUTCOME_CUT_SHORT) {
		text_format(end, room,
			    ": is it a FastCGI application? A CGI program is "
			    "none");
	}
}

int bridge_main(int argc, char **argv)
{
	struct outcome outcome = {.status = 0};
	struct patience patience = {.idle_ms = 0};
	struct addr addr;
	pid_t app = 0;

	bridge_read_words(argc, argv);
	/* stdout whose reader has gone is a failure like any other. */
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	connect_mind_late(tell);
	if (wish.connect)
		addr_parse(&addr, wish.connect);
	patience.idle_ms = wish.timeout_ms;
	patience_moved(&patience);
	patience.end = patience_in(wish.max_time_ms);
	if (wish.supervise)
		start_supervise(&addr, &outcome);
	else if (wish.start)
		start_copies(&addr, &outcome);
	else if (wish.values)
		values(wish.connect ? &addr : NULL, &patience, &app, &outcome);
	else
		request(wish.connect ? &addr : NULL, &patience, &app, &outcome);
	if (app > 0)
		end_app(app, &outcome);
	return tell(&outcome);
}
