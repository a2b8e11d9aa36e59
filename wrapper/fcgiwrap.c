/*
 * fcgiwrap: another command line, from getopt's words to the same settings.
 */
#include "fcgiwrap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "opt.h"
#include "options.h"
#include "settings.h"
#include "text.h"
#include "wrapper.h"

static const char help[] =
	"Usage: fcgiwrap [OPTION]\n"
	"Runs CGI programs over FastCGI (cgi-fcgi in fcgiwrap's place).\n\n"
	"  -f       send programs' stderr over FastCGI\n"
	"  -c N     accepted; requests are never limited to N at once\n"
	"  -s URL   listen there: unix:PATH, tcp:IP:PORT or tcp6:[IP]:PORT;\n"
	"           without it: on the socket that is fd 0\n"
	"  -p PATH  run only this program; may be repeated\n"
	"  -h       this help\n";

static void add(struct words *words, const char *word)
{
	if (words->count == SETTINGS_LIST_MAX || words_add(words, word) < 0)
		opt_usage("too many options");
}

static void add_socket(const char *text)
{
	struct addr addr;
	const char *why = addr_parse(&addr, text);

	if (why)
		opt_usage("-s %s: %s", text, why);
	add(&set.listen, text);
}

static void take_value(char option, const char *value)
{
	if (!value)
		opt_usage("-%c needs a value", option);
	if (option == 's')
		add_socket(value);
	else if (option == 'p')
		add(&set.allow, value);
}

/* One word of options in getopt's manner: -f, -fc 3, -c3. Returns how many
 * words it took. */
static int take_options(char **words)
{
	const char *p;

	for (p = words[0] + 1; *p; p++) {
		if (*p == 'f') {
			set.stderr_mode = STDERR_FCGI;
		} else if (*p == 'h') {
			exit(text_write(STDOUT_FILENO, help, sizeof(help) - 1) <
			     0);
		} else if (strchr("csp", *p)) {
			take_value(*p, p[1] ? p + 1 : words[1]);
			return p[1] ? 1 : 2;
		} else {
			opt_usage("-%c: unknown option", *p);
		}
	}
	return 1;
}

int fcgiwrap_main(int argc, char **argv)
{
	mode_t mask = umask(0);
	int i = 1;

	umask(mask);
	wrapper_defaults();
	set.socket.mode = 0777 & ~mask;
	set.fcgiwrap = true;
	set.stderr_mode = STDERR_LOG;
	while (i < argc && argv[i][0] == '-' && argv[i][1] &&
	       strcmp(argv[i], "--") != 0)
		i += take_options(argv + i);
	return wrapper_run();
}
