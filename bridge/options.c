/*
 * options: side 2's command line, from its words to a wish.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "listen.h"
#include "log.h"
#include "outcome.h"
#include "record.h"
#include "wish.h"

#define CONNECT_TIMEOUT_MS 10000
#define URL_TIMEOUT_MS	   30000
#define COPIES_MAX	   10000
#define NOT_GIVEN	   (-1)

struct wish wish;

/* Not an initialiser: the file would hold it. */
static void set_defaults(void)
{
	wish.socket.mode = LISTEN_MODE;
	wish.socket.user = (uid_t)-1;
	wish.socket.group = (gid_t)-1;
	wish.socket.backlog = LISTEN_BACKLOG;
	wish.copies = 1;
	wish.role = FCGI_RESPONDER;
	wish.timeout_ms = NOT_GIVEN;
	wish.connect_timeout_ms = NOT_GIVEN;
}

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
	while (strncasecmp(value, record_role_name(w->role),
			   strlen(value) + 1) != 0)
		if (w->role++ == FCGI_FILTER)
			return "not responder, authorizer or filter";
	return NULL;
}

static void add_word(struct words *words, const char *word)
{
	if (words_add(words, word) < 0)
		die(OUTCOME_NO_MEMORY, "no memory");
}

static const char *set_env(void *settings, const char *value)
{
	struct wish *w = settings;

	if (value[0] == '\0' || value[0] == '=')
		return "a variable needs a name";
	add_word(&w->env, value);
	return NULL;
}

static const char *set_header(void *settings, const char *value)
{
	struct wish *w = settings;

	if (value[strcspn(value, "\r\n")])
		return "a header is one line";
	add_word(&w->header, value);
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
	{OPT_TEXT("connect ADDR", ""), OPT_CALL, .call = set_connect},
	{OPT_TEXT("bind", ""), OPT_FLAG, AT(bind)},
	{OPT_TEXT("start", "start N copies of APP, ask nothing"), OPT_FLAG,
	 AT(start)},
	{OPT_TEXT("supervise", "start them, stay, restart what ends"), OPT_FLAG,
	 AT(supervise)},
	{OPT_TEXT("once", "start APP for this one request and end it"),
	 OPT_FLAG, AT(once)},
	{OPT_TEXT("mode OCTAL", ""), OPT_CALL, .call = set_mode},
	{OPT_TEXT("owner USER[:GROUP]", ""), OPT_CALL, .call = set_owner},
	{OPT_TEXT("backlog N", ""), OPT_NUMBER, AT(socket.backlog), .min = 1,
	 .max = 65535},
	{OPT_TEXT("url PATH[?QUERY]", "ask for this, not for the environment"),
	 OPT_WORD, AT(url)},
	{OPT_TEXT("root DIR", "with -url: SCRIPT_FILENAME is DIR + PATH"),
	 OPT_WORD, AT(root)},
	{OPT_TEXT("method M", ""), OPT_CALL, .call = set_method},
	{OPT_TEXT("header 'NAME: VALUE'", "with -url"), OPT_CALL,
	 .call = set_header},
	{OPT_TEXT("body FILE", "with -url; - is stdin"), OPT_WORD, AT(body)},
	{OPT_TEXT("env NAME[=VALUE]", "a variable of the request"), OPT_CALL,
	 .call = set_env},
	{OPT_TEXT("role ROLE", ""), OPT_CALL, .call = set_role},
	{OPT_TEXT("data FILE", ""), OPT_WORD, AT(data)},
	{OPT_TEXT("content", ""), OPT_CALL, .call = show_content},
	{OPT_TEXT("include", "print the header too (default without -url)"),
	 OPT_CALL, .call = show_all},
	{OPT_TEXT("head", ""), OPT_CALL, .call = show_head},
	{OPT_TEXT("fail", "exit 22 at HTTP 400 and above, or no header"),
	 OPT_FLAG, AT(fail)},
	{OPT_TEXT("timeout SEC", "no byte moved for so long (30 with -url)"),
	 OPT_SECONDS, AT(timeout_ms)},
	{OPT_TEXT("max-time SEC", ""), OPT_SECONDS, AT(max_time_ms)},
	{OPT_TEXT("connect-timeout SEC", ""), OPT_SECONDS,
	 AT(connect_timeout_ms)},
	{OPT_TEXT("retry SEC", "keep trying to connect for so long"),
	 OPT_SECONDS, AT(retry_ms)},
	{OPT_TEXT("trace", "show every record on stderr"), OPT_FLAG, AT(trace)},
	{OPT_TEXT("values", ""), OPT_FLAG, AT(values)},
	{.word = NULL},
};

static void check_request(void)
{
	if (wish.data && wish.role != FCGI_FILTER)
		opt_usage("-data goes with -role filter");
	if (wish.data && wish.body && strcmp(wish.data, "-") == 0 &&
	    strcmp(wish.body, "-") == 0)
		opt_usage("stdin is either -body or -data");
	if (wish.url)
		return;
	if (wish.root || wish.method || wish.body || wish.header.count)
		opt_usage("-root, -method, -body and -header go with -url");
}

/* Port 0 asks the system to choose one. */
static void check_port(void)
{
	struct addr addr;

	addr_parse(&addr, wish.connect);
	if ((addr.kind == ADDR_TCP || addr.kind == ADDR_TCP6) && addr.port == 0)
		opt_usage("-connect %s: a port from 1 to 65535: only -once can "
			  "find a chosen one",
			  wish.connect);
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
	if (wish.start && (wish.url || wish.values))
		opt_usage("-start and -supervise ask nothing: no -url or "
			  "-values");
	if (!wish.connect && !wish.once)
		opt_usage("the bridge needs -connect ADDR");
	if (wish.connect && !wish.once)
		check_port();
}

bool bridge_is_for_shell(void)
{
	return wish.url || wish.values || wish.start || wish.supervise;
}

static void settle_defaults(void)
{
	if (wish.timeout_ms == NOT_GIVEN)
		wish.timeout_ms = wish.url ? URL_TIMEOUT_MS : 0;
	if (wish.connect_timeout_ms == NOT_GIVEN) {
		wish.connect_timeout_ms = CONNECT_TIMEOUT_MS;
		/* Who connects moves no byte, either. */
		if (wish.timeout_ms > 0 && wish.timeout_ms < CONNECT_TIMEOUT_MS)
			wish.connect_timeout_ms = wish.timeout_ms;
	}
	wish.cgi = getenv("GATEWAY_INTERFACE") && !bridge_is_for_shell();
	wish.name = wish.connect ? wish.connect : wish.app;
}

/* APP and how many of it: what is behind the options. */
static void read_app(char **words)
{
	int i;

	wish.app = words[0];
	for (i = 1; words[0] && words[i]; i++)
		if (words[i][0] == '-')
			opt_usage("%s: options go before APP", words[i]);
	if (!words[0] || !words[1])
		return;
	if (opt_number(words[1], 1, COPIES_MAX, &wish.copies) < 0)
		opt_usage("%s: not a number of copies from 1 to %d", words[1],
			  COPIES_MAX);
	if (words[2])
		opt_usage("%s: one word too many: APP takes no arguments here",
			  words[2]);
}

void bridge_read_words(int argc, char **argv)
{
	int i;

	set_defaults();
	wish.show = SHOW_ALL;
	for (i = 1; i < argc; i++) {
		const struct opt *opt = opt_find(bridge_options, argv[i]);

		if (!opt || !opt_is(opt, "url"))
			continue;
		wish.show = SHOW_CONTENT;
		log_before_end(NULL);
	}
	i = opt_parse(bridge_options, &wish, argc, argv);
	read_app(argv + i);
	check_request();
	check_start();
	settle_defaults();
}
