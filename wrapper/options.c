/*
 * options: each option of side 1 by itself, and where in the settings it goes.
 */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "listen.h"
#include "settings.h"
#include "text.h"

struct settings set;

/* Not an initialiser: that would be a page of zeros in the file. */
void wrapper_defaults(void)
{
	set.socket.mode = LISTEN_MODE;
	set.socket.user = (uid_t)-1;
	set.socket.group = (gid_t)-1;
	set.socket.backlog = LISTEN_BACKLOG;
	set.max = 128;
	set.queue = 1024;
	set.grace_ms = 5000;
	set.workers = 1;
	set.stderr_mode = STDERR_FCGI;
}

static const char *add_word(struct words *words, const char *value)
{
	if (words->count == SETTINGS_LIST_MAX)
		return "too many of these";
	return words_add(words, value) < 0 ? "no memory" : NULL;
}

static const char *set_listen(void *settings, const char *value)
{
	struct settings *s = settings;
	struct addr addr;
	const char *why = addr_parse(&addr, value);

	return why ? why : add_word(&s->listen, value);
}

static const char *set_mode(void *settings, const char *value)
{
	struct settings *s = settings;

	return listen_mode(value, &s->socket.mode);
}

static const char *set_owner(void *settings, const char *value)
{
	struct settings *s = settings;

	return listen_owner(value, &s->socket.user, &s->socket.group);
}

static const char *set_allow(void *settings, const char *value)
{
	struct settings *s = settings;

	return add_word(&s->allow, value);
}

static const char *set_preload(void *settings, const char *value)
{
	struct settings *s = settings;

	return add_word(&s->preload, value);
}

static const char *set_handler(void *settings, const char *value)
{
	struct settings *s = settings;
	const char *equals = strchr(value, '=');
	struct handler *handler = &s->handler[s->handlers];

	if (!equals || equals == value || equals[1] != '/')
		return "not SUFFIX=/PATH/OF/PROGRAM";
	if (s->handlers == SETTINGS_LIST_MAX)
		return "too many of these";
	handler->suffix = value;
	handler->suffix_length = (size_t)(equals - value);
	handler->program = equals + 1;
	s->handlers++;
	return NULL;
}

static const char *set_env(void *settings, const char *value)
{
	struct settings *s = settings;
	size_t length = strcspn(value, "=");
	const char *own;
	char *pair;

	if (length == 0)
		return "a variable needs a name";
	if (value[length])
		return add_word(&s->env, value);
	own = getenv(value);
	if (!own)
		return NULL;
	pair = text_join(value, "=", own);
	return pair ? add_word(&s->env, pair) : "no memory";
}

static const char *set_stderr(void *settings, const char *value)
{
	static const char names[][5] = {
		[STDERR_OFF] = "off",
		[STDERR_FCGI] = "fcgi",
		[STDERR_LOG] = "log",
		[STDERR_BOTH] = "both",
	};
	struct settings *s = settings;
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(value, names[i]) == 0) {
			s->stderr_mode = (enum stderr_mode)i;
			return NULL;
		}
	return "not fcgi, log, both or off";
}

static const char *set_limit(void *settings, const char *value)
{
	static const struct {
		char name[8];
		int resource;
		int unit;
	} known[] = {
		{"cpu=", RLIMIT_CPU, 1},
		{"as=", RLIMIT_AS, 1 << 20},
		{"nproc=", RLIMIT_NPROC, 1},
		{"nofile=", RLIMIT_NOFILE, 1},
		{"fsize=", RLIMIT_FSIZE, 1 << 20},
		{"core=", RLIMIT_CORE, 1 << 20},
	};
	struct settings *s = settings;
	size_t i;
	long number;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t length = strlen(known[i].name);

		if (strncmp(value, known[i].name, length) != 0)
			continue;
		if (opt_number(value + length, 0, 0x7fffffff, &number) < 0)
			return "the limit is not a whole number";
		if (s->limits == RLIM_NLIMITS)
			return "too many of these";
		s->limit[s->limits].word = value;
		s->limit[s->limits].resource = known[i].resource;
		s->limit[s->limits++].value =
			(rlim_t)number * (rlim_t)known[i].unit;
		return NULL;
	}
	return "not cpu=N, as=N, nproc=N, nofile=N, fsize=N or core=N";
}

#define AT(field) .at = offsetof(struct settings, field)

const struct opt wrapper_options[] = {
	{OPT_TEXT("listen ADDR", ""), OPT_CALL, .call = set_listen},
	{OPT_TEXT("mode OCTAL", ""), OPT_CALL, .call = set_mode},
	{OPT_TEXT("owner USER[:GROUP]",
		  "whose the socket is: the web server's"),
	 OPT_CALL, .call = set_owner},
	{OPT_TEXT("backlog N", ""), OPT_NUMBER, AT(socket.backlog), .min = 1,
	 .max = 65535},
	{OPT_TEXT("root DIR", "run only programs below DIR"), OPT_WORD,
	 AT(root)},
	{OPT_TEXT("allow PATH", "run only this program"), OPT_CALL,
	 .call = set_allow},
	{OPT_TEXT("handler SUFFIX=PROGRAM",
		  "run PROGRAM for names that end so"),
	 OPT_CALL, .call = set_handler},
	{OPT_TEXT("max N", "programs at once (128)"), OPT_NUMBER, AT(max),
	 .min = 1, .max = 1000000},
	{OPT_TEXT("queue N", ""), OPT_NUMBER, AT(queue), .min = 0,
	 .max = 1000000},
	{OPT_TEXT("timeout SEC", "end a program when no byte moved so long"),
	 OPT_SECONDS, AT(timeout_ms)},
	{OPT_TEXT("max-time SEC", ""), OPT_SECONDS, AT(max_time_ms)},
	{OPT_TEXT("grace SEC", ""), OPT_SECONDS, AT(grace_ms)},
	{OPT_TEXT("env NAME[=VALUE]", "a variable for programs"), OPT_CALL,
	 .call = set_env},
	{OPT_TEXT("preload PROGRAM", "keep PROGRAM loaded (or all)"), OPT_CALL,
	 .call = set_preload},
	{OPT_TEXT("preload-max N", ""), OPT_NUMBER, AT(preload_max), .min = 0,
	 .max = 1000000000},
	{OPT_TEXT("preload-time SEC", ""), OPT_SECONDS, AT(preload_ms)},
	{OPT_TEXT("stderr WHERE", "programs' stderr: fcgi, log, both or off"),
	 OPT_CALL, .call = set_stderr},
	{OPT_TEXT("limit NAME=N", ""), OPT_CALL, .call = set_limit},
	{OPT_TEXT("idle SEC", ""), OPT_SECONDS, AT(idle_ms)},
	{OPT_TEXT("workers N", ""), OPT_NUMBER, AT(workers), .min = 1,
	 .max = 1024},
	{OPT_TEXT("user USER[:GROUP]", "become USER after listening"), OPT_WORD,
	 AT(user)},
	{OPT_TEXT("chroot DIR", ""), OPT_WORD, AT(chroot)},
	{OPT_TEXT("as-owner MINUID", ""), OPT_NUMBER, AT(as_owner), .min = 1,
	 .max = 0x7fffffff},
	{OPT_TEXT("spool DIR", ""), OPT_WORD, AT(spool)},
	{OPT_TEXT("status PATH", "SCRIPT_NAME of the status page"), OPT_WORD,
	 AT(status)},
	{OPT_TEXT("daemon", ""), OPT_FLAG, AT(daemon)},
	{OPT_TEXT("pidfile FILE", ""), OPT_WORD, AT(pidfile)},
	{OPT_TEXT("verbose", "a line a request"), OPT_FLAG, AT(verbose)},
	{.word = NULL},
};
