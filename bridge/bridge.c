/*
 * bridge: side 2's command line, and which of its jobs is done.
 */
#include "bridge.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "clock.h"
#include "connect.h"
#include "fault.h"
#include "forward.h"
#include "record.h"
#include "start.h"
#include "values.h"

#define URL_TIMEOUT_MS	   30000
#define CONNECT_TIMEOUT_MS 10000

struct wishes wish;

/* Not an initialiser: that would be a page of zeros in the file. */
static void set_defaults(void)
{
	wish.role = FCGI_RESPONDER;
	wish.timeout_ms = -1;
	wish.connect_timeout_ms = CONNECT_TIMEOUT_MS;
	wish.socket.mode = LISTEN_MODE;
	wish.socket.user = (uid_t)-1;
	wish.socket.group = (gid_t)-1;
	wish.backlog = LISTEN_BACKLOG;
	wish.copies = 1;
}

static const char *add(struct wish_list *list, const char *value)
{
	if (list->count == WISHES_MAX)
		return "too many of these";
	list->word[list->count++] = value;
	return NULL;
}

static const char *set_connect(void *settings, const char *value)
{
	struct wishes *w = settings;
	struct addr addr;

	w->connect = value;
	return addr_parse(&addr, value);
}

static const char *set_role(void *settings, const char *value)
{
	static const char *const names[] = {"responder", "authorizer",
					    "filter"};
	struct wishes *w = settings;
	long i;

	for (i = 0; i < 3; i++)
		if (strcmp(value, names[i]) == 0) {
			w->role = i + 1;
			return NULL;
		}
	return "not responder, authorizer or filter";
}

static const char *set_env(void *settings, const char *value)
{
	struct wishes *w = settings;

	if (!*value || *value == '=')
		return "a variable needs a name";
	return add(&w->env, value);
}

static const char *set_url(void *settings, const char *value)
{
	struct wishes *w = settings;

	w->url = value;
	return value[0] == '/' ? NULL : "a path begins with /";
}

static const char *set_header(void *settings, const char *value)
{
	struct wishes *w = settings;

	return strchr(value, ':') ? add(&w->header, value)
				  : "not 'Name: value'";
}

static const char *set_content(void *settings, const char *value)
{
	struct wishes *w = settings;

	(void)value;
	w->part = PART_CONTENT;
	return NULL;
}

static const char *set_include(void *settings, const char *value)
{
	struct wishes *w = settings;

	(void)value;
	w->part = PART_ALL;
	return NULL;
}

static const char *set_head(void *settings, const char *value)
{
	struct wishes *w = settings;

	(void)value;
	w->part = PART_HEAD;
	return NULL;
}

static const char *set_mode(void *settings, const char *value)
{
	struct wishes *w = settings;

	return listen_mode(value, &w->socket.mode);
}

static const char *set_owner(void *settings, const char *value)
{
	struct wishes *w = settings;

	return listen_owner(value, &w->socket.user, &w->socket.group);
}

#define AT(field) .at = offsetof(struct wishes, field)

const struct opt bridge_options[] = {
	{"connect", "ADDR", "where the application listens", OPT_CALL,
	 .call = set_connect},
	{"bind", NULL, "only connect", OPT_FLAG, AT(bind)},
	{"start", NULL, "only start APP, N copies", OPT_FLAG, AT(start)},
	{"supervise", NULL, "stay, and start again what ends", OPT_FLAG,
	 AT(supervise)},
	{"role", "ROLE", "responder, authorizer or filter", OPT_CALL,
	 .call = set_role},
	{"data", "FILE", "FCGI_DATA of the filter role", OPT_WORD, AT(data)},
	{"env", "NAME[=VALUE]", "a variable; may be repeated", OPT_CALL,
	 .call = set_env},
	{"url", "PATH[?QUERY]", "a request made here, not in the environment",
	 OPT_CALL, .call = set_url},
	{"root", "DIR", "-url: DOCUMENT_ROOT", OPT_WORD, AT(root)},
	{"method", "M", "-url: the method (GET; POST with -body)", OPT_WORD,
	 AT(method)},
	{"header", "'NAME: VALUE'", "-url: a header; may be repeated", OPT_CALL,
	 .call = set_header},
	{"body", "FILE", "-url: the body; - is stdin", OPT_WORD, AT(body)},
	{"content", NULL, "print the body alone", OPT_CALL,
	 .call = set_content},
	{"include", NULL, "print header and body", OPT_CALL,
	 .call = set_include},
	{"head", NULL, "print the header alone", OPT_CALL, .call = set_head},
	{"timeout", "SEC", "no byte moved so long (30 with -url)", OPT_SECONDS,
	 AT(timeout_ms)},
	{"max-time", "SEC", "all in all", OPT_SECONDS, AT(max_time_ms)},
	{"connect-timeout", "SEC", "to connect (10)", OPT_SECONDS,
	 AT(connect_timeout_ms)},
	{"retry", "SEC", "go on trying to connect so long", OPT_SECONDS,
	 AT(retry_ms)},
	{"fail", NULL, "an HTTP status of 400 or above is exit status 22",
	 OPT_FLAG, AT(fail)},
	{"trace", NULL, "show every record on stderr", OPT_FLAG, AT(trace)},
	{"values", NULL, "ask FCGI_GET_VALUES, print the answers", OPT_FLAG,
	 AT(values)},
	{"once", NULL, "start APP, ask it this -url, end it", OPT_FLAG,
	 AT(once)},
	{"mode", "OCTAL", "mode of the socket that is made (0660)", OPT_CALL,
	 .call = set_mode},
	{"owner", "USER[:GROUP]", "its owner", OPT_CALL, .call = set_owner},
	{"backlog", "N", "connections that may wait (511)", OPT_NUMBER,
	 AT(backlog), .min = 1, .max = 65535},
	{.name = NULL},
};

static void settle_defaults(void)
{
	if (wish.timeout_ms < 0)
		wish.timeout_ms = wish.url ? URL_TIMEOUT_MS : 0;
	if (wish.part == PART_UNSAID)
		wish.part = wish.url ? PART_CONTENT : PART_ALL;
	if (wish.supervise)
		wish.start = true;
	wish.in_cgi = !wish.url && !wish.start && !wish.values &&
		      getenv("GATEWAY_INTERFACE");
}

static void take_app(int count, char **words)
{
	static char *app[2];

	if (count == 0)
		return;
	app[0] = words[0];
	wish.app = app;
	if (count > 2)
		opt_usage("%s: APP and its number of copies is all that may "
			  "follow",
			  words[2]);
	if (count == 2 && opt_number(words[1], 1, 1024, &wish.copies) < 0)
		opt_usage("%s: the number of copies is not from 1 to 1024",
			  words[1]);
}

static void check_wishes(void)
{
	if (!wish.connect && !wish.once)
		opt_usage("-connect ADDR is missing");
	if (wish.once && (!wish.url || !wish.app || wish.connect))
		opt_usage("-once needs -url and APP, and makes its own socket");
	if (wish.start && !wish.app)
		opt_usage("-start needs APP");
	if (wish.bind && (wish.start || wish.app))
		opt_usage("-bind only connects: -start and APP do not go "
			  "with it");
	if (!wish.url &&
	    (wish.root || wish.method || wish.body || wish.header.count))
		opt_usage("-root, -method, -header and -body need -url");
	if (wish.data && wish.role != FCGI_FILTER)
		opt_usage("-data needs -role filter");
}

static int start_copies(void)
{
	int result =
		wish.supervise ? start_and_supervise() : start_application();

	if (result < 0)
		fault(EXIT_CONNECT, "cannot listen",
		      "someone is already listening there");
	return 0;
}

/* Connects; if nobody listens, APP is started first. Whoever else starts it
 * at the same moment is as good. */
static int connect_or_start(void)
{
	int fd;

	if (!wish.app || wish.once)
		return connect_application();
	fd = connect_once();
	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ECONNREFUSED)
		start_application();
	return connect_application();
}

/* A reader of our answer that has gone is an error of its own. */
static void ignore_sigpipe(void)
{
	struct sigaction action = {.sa_handler = SIG_IGN};

	sigaction(SIGPIPE, &action, NULL);
}

int bridge_main(int argc, char **argv)
{
	struct ask ask;
	int first;
	int fd;

	set_defaults();
	first = opt_parse(bridge_options, &wish, argc, argv);
	take_app(argc - first, argv + first);
	settle_defaults();
	check_wishes();
	ignore_sigpipe();
	clock_start();
	if (wish.start)
		return start_copies();
	if (wish.once)
		start_once();
	if (!wish.values)
		ask_prepare(&ask);
	fd = connect_or_start();
	return wish.values ? values_ask(fd) : forward(fd, &ask);
}
