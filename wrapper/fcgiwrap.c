/*
 * fcgiwrap: the wrapper under fcgiwrap's name, with its options and habits, so
 * that a symbolic link takes its place and no configuration changes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "listen.h"
#include "opt.h"
#include "settings.h"
#include "wrapper.h"

static void print_help(void)
{
	printf("Usage: fcgiwrap [OPTION]\n"
	       "Runs CGI programs over FastCGI (cgi-fcgi in fcgiwrap's "
	       "place).\n\n"
	       "  -f       send programs' stderr over FastCGI\n"
	       "  -c N     accepted; requests are never limited to N at once\n"
	       "  -s URL   listen there: unix:PATH, tcp:IP:PORT or "
	       "tcp6:[IP]:PORT;\n"
	       "           without it: on the socket that is fd 0\n"
	       "  -p PATH  run only this program; may be repeated\n"
	       "  -h       this help\n");
}

static void add(struct words *words, const char *word)
{
	if (words->count == SETTINGS_LIST_MAX)
		opt_usage("too many options");
	words->word[words->count++] = word;
}

static void add_socket(const char *text)
{
	struct addr addr;
	const char *why = addr_parse(&addr, text);

	if (why)
		opt_usage("-s %s: %s", text, why);
	add(&set.listen, text);
}

int fcgiwrap_main(int argc, char **argv)
{
	mode_t mask = umask(0);
	int option;

	umask(mask);
	set.socket.mode = 0777 & ~mask;
	set.fcgiwrap = true;
	set.stderr_mode = STDERR_LOG;
	while ((option = getopt(argc, argv, "fc:s:p:h")) != -1) {
		switch (option) {
		case 'f':
			set.stderr_mode = STDERR_FCGI;
			break;
		case 'c':
			break;
		case 's':
			add_socket(optarg);
			break;
		case 'p':
			add(&set.allow, optarg);
			break;
		case 'h':
			print_help();
			return 0;
		default:
			return OPT_USAGE_STATUS;
		}
	}
	return wrapper_run();
}
