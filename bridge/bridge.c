/*
 * bridge: side 2's command line, and which of its parts do the work. The only
 * file of the side that speaks to the user and to the web server.
 */
#include "bridge.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "app.h"
#include "ask.h"
#include "connect.h"
#include "forward.h"
#include "log.h"
#include "query.h"
#include "start.h"
#include "text.h"
#include "wish.h"

#define CONNECT_TIMEOUT_MS 10000
#define URL_TIMEOUT_MS	   30000
#define COPIES_MAX	   10000
#define PAUSE_MS	   20
#define NOT_GIVEN	   (-1)

struct wish wish;

/* Not an initialiser: the file would hold it. */
static void set_defaults(void)
{
	wish.socket.mode = LISTEN_MODE;
	wish.socket.user = (uid_t)-1;
	wish.socket.group = (gid_t)-1;
	wish.backlog = LISTEN_BACKLOG;
	wish.copies = 1;
	wish.role = FCGI_RESPONDER;
	wish.timeout_ms = NOT_GIVEN;
	wish.connect_timeout_ms = NOT_GIVEN;
}

/* --- The command line */

static const char *set_connect(void *settings, const char *value)
{
	struct wish *w = settings;
	struct addr addr;

	w->connect = value;
	return addr_parse(&addr, value);
}

static const char *set_role(void *settings, const char *value)
{
	struct wish *w = settings;

	w->role = FCGI_RESPONDER;
	while (strcasecmp(value, record_role_name(w->role)) != 0)
		if (w->role++ == FCGI_FILTER)
			return "not responder, authorizer or filter";
	return NULL;
}

/* There is room for as many as the command line has words. */
static const char *set_env(void *settings, const char *value)
{
	struct wish *w = settings;

	if (value[0] == '\0' || value[0] == '=')
		return "a variable needs a name";
	w->env.list[w->env.count++] = value;
	return NULL;
}

static const char *set_header(void *settings, const char *value)
{
	struct wish *w = settings;

	if (strpbrk(value, "\r\n"))
		return "a header is one line";
	w->header.list[w->header.count++] = value;
	return NULL;
}

static const char *set_method(void *settings, const char *value)
{
	struct wish *w = settings;
	const char *p;

	for (p = value; *p > ' ' && *p < 0x7f; p++)
		;
	if (p == value || *p)
		return "not a method such as GET or POST";
	w->method = value;
	return NULL;
}

static const char *set_mode(void *settings, const char *value)
{
	struct wish *w = settings;

	return listen_mode(value, &w->socket.mode);
}

static const char *set_owner(void *settings, const char *value)
{
	struct wish *w = settings;

	return listen_owner(value, &w->socket.user, &w->socket.group);
}

static const char *show_content(void *settings, const char *value)
{
	(void)value;
	((struct wish *)settings)->show = SHOW_CONTENT;
	return NULL;
}

static const char *show_all(void *settings, const char *value)
{
	(void)value;
	((struct wish *)settings)->show = SHOW_ALL;
	return NULL;
}

static const char *show_head(void *settings, const char *value)
{
	(void)value;
	((struct wish *)settings)->show = SHOW_HEAD;
	return NULL;
}

#define AT(field) .at = offsetof(struct wish, field)

const struct opt bridge_options[] = {
	{"connect", "ADDR", NULL, OPT_CALL, .call = set_connect},
	{"bind", NULL, NULL, OPT_FLAG, AT(bind)},
	{"start", NULL, "start N copies of APP, ask nothing", OPT_FLAG,
	 AT(start)},
	{"supervise", NULL, "start them, stay, restart what ends", OPT_FLAG,
	 AT(supervise)},
	{"once", NULL, "start APP for this one request and end it", OPT_FLAG,
	 AT(once)},
	{"mode", "OCTAL", NULL, OPT_CALL, .call = set_mode},
	{"owner", "USER[:GROUP]", NULL, OPT_CALL, .call = set_owner},
	{"backlog", "N", NULL, OPT_NUMBER, AT(backlog), .min = 1, .max = 65535},
	{"url", "PATH[?QUERY]", "ask for this, not for the environment",
	 OPT_WORD, AT(url)},
	{"root", "DIR", "with -url: SCRIPT_FILENAME is DIR + PATH", OPT_WORD,
	 AT(root)},
	{"method", "M", NULL, OPT_CALL, .call = set_method},
	{"header", "'NAME: VALUE'", "with -url", OPT_CALL, .call = set_header},
	{"body", "FILE", "with -url; - is stdin", OPT_WORD, AT(body)},
	{"env", "NAME[=VALUE]", "a variable of the request", OPT_CALL,
	 .call = set_env},
	{"role", "ROLE", NULL, OPT_CALL, .call = set_role},
	{"data", "FILE", NULL, OPT_WORD, AT(data)},
	{"content", NULL, NULL, OPT_CALL, .call = show_content},
	{"include", NULL, "print the header too (default without -url)",
	 OPT_CALL, .call = show_all},
	{"head", NULL, NULL, OPT_CALL, .call = show_head},
	{"fail", NULL, "exit 22 at HTTP 400 and above, or no header", OPT_FLAG,
	 AT(fail)},
	{"timeout", "SEC", "no byte moved for so long (30 with -url)",
	 OPT_SECONDS, AT(timeout_ms)},
	{"max-time", "SEC", NULL, OPT_SECONDS, AT(max_time_ms)},
	{"connect-timeout", "SEC", NULL, OPT_SECONDS, AT(connect_timeout_ms)},
	{"retry", "SEC", "keep trying to connect for so long", OPT_SECONDS,
	 AT(retry_ms)},
	{"trace", NULL, "show every record on stderr", OPT_FLAG, AT(trace)},
	{"values", NULL, NULL, OPT_FLAG, AT(values)},
	{.name = NULL},
};

static void check_url(void)
{
	if (wish.data && wish.role != FCGI_FILTER)
		opt_usage("-data goes with -role filter");
	if (wish.url)
		return;
	if (wish.root || wish.method || wish.body || wish.header.count)
		opt_usage("-root, -method, -body and -header go with -url");
}

static void check_start(void)
{
	if (wish.supervise)
		wish.start = true;
	if ((wish.start || wish.once) && !wish.app)
		opt_usage("%s needs APP", wish.supervise ? "-supervise"
					  : wish.once	 ? "-once"
							 : "-start");
	if (wish.once && (wish.start || wish.bind))
		opt_usage("-once starts APP itself: no -bind, -start or "
			  "-supervise");
	/* Both are what neither is. */
	if (wish.start && wish.bind && !wish.supervise)
		wish.start = wish.bind = false;
	if (!wish.connect && !wish.once)
		opt_usage("the bridge needs -connect ADDR");
}

static bool is_for_shell(void)
{
	return wish.url || wish.values || wish.start || wish.supervise;
}

static void settle_defaults(void)
{
	if (wish.timeout_ms == NOT_GIVEN)
		wish.timeout_ms = wish.url ? URL_TIMEOUT_MS : 0;
	if (wish.connect_timeout_ms == NOT_GIVEN)
		wish.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	wish.socket.backlog = (int)wish.backlog;
	wish.cgi = getenv("GATEWAY_INTERFACE") && !is_for_shell();
	wish.name = wish.connect ? wish.connect : wish.app;
}

static void read_words(int argc, char **argv)
{
	int i;

	wish.env.list = calloc((size_t)argc, sizeof(*wish.env.list));
	wish.header.list = calloc((size_t)argc, sizeof(*wish.header.list));
	if (!wish.env.list || !wish.header.list)
		die(OUTCOME_NO_MEMORY, "no memory");
	wish.show = SHOW_ALL;
	for (i = 1; i < argc; i++) {
		const struct opt *opt = opt_find(bridge_options, argv[i]);

		if (!opt || strcmp(opt->name, "url") != 0)
			continue;
		wish.show = SHOW_CONTENT;
		log_before_end(NULL);
	}
	i = opt_parse(bridge_options, &wish, argc, argv);
	if (i < argc)
		wish.app = argv[i++];
	if (i < argc && opt_number(argv[i++], 1, COPIES_MAX, &wish.copies) < 0)
		opt_usage("%s: not a number of copies from 1 to %d",
			  argv[i - 1], COPIES_MAX);
	if (i < argc)
		opt_usage("%s: one word too many: APP takes no arguments here",
			  argv[i]);
	check_url();
	check_start();
	settle_defaults();
}

/* --- The work */

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
	struct opening opening;
	unsigned char *bytes;
	int count = source_open(sources, params, patience, outcome);
	int fd = -1;

	if (count >= 0)
		fd = reach(addr, patience, app, outcome);
	if (fd < 0)
		return;
	bytes = params_encode(params, (unsigned short)wish.role,
			      &opening.length);
	opening.bytes = bytes;
	forward(fd, opening, sources, count, patience, outcome);
	close(fd);
	free(bytes);
}

static void request(const struct addr *addr, struct patience *patience,
		    pid_t *app, struct outcome *outcome)
{
	struct params params = {.list = NULL};

	/* Somebody at a terminal, who will see little or nothing. */
	if (!wish.url && !wish.cgi && !wish.env.count &&
	    !getenv("REQUEST_METHOD") && isatty(STDOUT_FILENO))
		note("%s: no request in the environment: -url PATH makes one",
		     wish.name);
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
	if (!is_for_shell())
		reply(&(struct outcome){.http = 500});
}

static int tell(const struct outcome *outcome)
{
	struct pollfd one = {.fd = STDERR_FILENO, .events = POLLOUT};
	const char *hint = "";

	if (!outcome->text[0])
		return outcome->status;
	if (wish.once && outcome->status >= OUTCOME_NOTHING_CAME &&
	    outcome->status <= OUTCOME_RECEIVING)
		hint = ": is it a FastCGI application? A CGI program is none";
	/* A stderr that nobody reads must not keep us. */
	if (poll(&one, 1, 0) > 0) {
		/* php-fpm ends its messages without a line end. */
		if (outcome->midline)
			text_write(STDERR_FILENO, "\n", 1);
		note("%s: %s%s", wish.name, outcome->text, hint);
	}
	if (wish.cgi && !outcome->answered)
		reply(outcome);
	return outcome->status;
}

int bridge_main(int argc, char **argv)
{
	struct outcome outcome = {.status = 0};
	struct patience patience = {.idle_ms = 0};
	struct addr addr;
	pid_t app = 0;

	set_defaults();
	read_words(argc, argv);
	/* stdout whose reader has gone is a failure like any other. */
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	connect_mind_late(tell);
	if (wish.connect)
		addr_parse(&addr, wish.connect);
	patience.idle_ms = wish.timeout_ms;
	patience.moved = patience_now();
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
		app_end(app);
	return tell(&outcome);
}
