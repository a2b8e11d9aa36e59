/*
 * cgi-fcgi: main() chooses the side. It knows the two sides' names and options
 * and nothing of what they do.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "argfile.h"
#include "bridge/bridge.h"
#include "bridge/options.h"
#include "fds.h"
#include "listen.h"
#include "log.h"
#include "opt.h"
#include "path.h"
#include "record.h"
#include "text.h"
#include "wrapper/fcgiwrap.h"
#include "wrapper/options.h"
#include "wrapper/wrapper.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define HELP_MAX 8192

static int print(const char *text, size_t length)
{
	if (text_write(STDOUT_FILENO, text, length) < 0)
		die_errno("stdout");
	return 0;
}

static int print_help(void)
{
	char text[HELP_MAX];
	size_t used = text_format(
		text, sizeof(text),
		"cgi-fcgi -listen ADDR [option]... [--] [PROGRAM [ARG]...]\n"
		"    run CGI programs for a web server that speaks FastCGI\n");

	used += opt_help(wrapper_options, text + used, sizeof(text) - used);
	used += text_format(
		text + used, sizeof(text) - used,
		"\ncgi-fcgi [-bind | -start] -connect ADDR [option]... "
		"[APP [N]]\n"
		"    ask a FastCGI application, as a CGI program or a "
		"command\n");
	used += opt_help(bridge_options, text + used, sizeof(text) - used);
	used += text_format(
		text + used, sizeof(text) - used,
		"\ncgi-fcgi -f FILE    the words of FILE are the arguments\n"
		"cgi-fcgi -help | -version\n\n"
		"ADDR: /PATH, unix:PATH, @NAME, HOST:PORT, [V6]:PORT or "
		":PORT\nWhat each option does: man cgi-fcgi\n");
	return print(text, used);
}

static bool is_word(const char *word, const char *name)
{
	if (*word != '-')
		return false;
	word += word[1] == '-' ? 2 : 1;
	return strcmp(word, name) == 0;
}

static bool is_help(const char *word)
{
	return is_word(word, "help") || is_word(word, "h");
}

struct sides {
	bool help; /* or version: one of them is all that is wanted */
	bool version;
	bool wrapper;
	bool bridge;
	const char *unknown;	  /* the first option that no side has */
	const char *wrapper_only; /* the last one that the other has not */
	const char *bridge_only;
};

/* Which sides are meant by the options before the first operand. Their values
 * are passed over: one may look like an option. */
static struct sides find_sides(int argc, char **argv)
{
	struct sides found = {.unknown = NULL};
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		const struct opt *bridge = opt_find(bridge_options, argv[i]);
		const struct opt *wrapper = opt_find(wrapper_options, argv[i]);
		const struct opt *opt = bridge ? bridge : wrapper;

		if (strcmp(argv[i], "--") == 0)
			break;
		found.help |= !opt && is_help(argv[i]);
		found.version |= !opt && is_word(argv[i], "version");
		if (!opt && !found.unknown)
			found.unknown = argv[i];
		if (!opt)
			continue;
		if (!bridge)
			found.wrapper_only = argv[i];
		if (!wrapper)
			found.bridge_only = argv[i];
		found.wrapper |= opt_is(opt, "listen");
		found.bridge |= opt_is(opt, "connect") || opt_is(opt, "once");
		i += opt_takes_value(opt) && !strchr(argv[i], '=');
	}
	return found;
}

/* Whether a socket to listen on was passed (FastCGI 1.0 §2.2, systemd). */
static bool is_passed_a_socket(void)
{
	return getenv("LISTEN_FDS") || listen_is_socket(FCGI_LISTENSOCK_FILENO);
}

/* file is what -f named, or NULL. */
static int choose(int argc, char **argv, const char *file)
{
	static const char version[] = "cgi-fcgi " VERSION "\n";
	struct sides sides = find_sides(argc, argv);
	const char *foreign;

	if (sides.help)
		return print_help();
	if (sides.version)
		return print(version, sizeof(version) - 1);
	if (sides.wrapper && sides.bridge)
		opt_usage("-listen and -connect are two sides: choose one");
	if (!sides.bridge)
		sides.wrapper |= is_passed_a_socket();
	foreign = sides.bridge	  ? sides.wrapper_only
		  : sides.wrapper ? sides.bridge_only
				  : NULL;
	if (foreign)
		opt_usage("%s belongs to the %s", foreign,
			  sides.bridge ? "wrapper (-listen)"
				       : "bridge (-connect)");
	if (sides.bridge)
		return bridge_main(argc, argv);
	if (sides.wrapper) {
		log_before_end(NULL);
		return wrapper_main(argc, argv);
	}
	if (sides.unknown)
		opt_usage("%s: unknown option", sides.unknown);
	opt_usage("%s%sneither %s", file ? file : "", file ? ": " : "",
		  sides.bridge_only
			  ? "-connect nor -once is given"
			  : "-listen nor -connect is given, and no listening "
			    "socket was passed");
}

int main(int argc, char **argv)
{
	const char *file = NULL;

	fds_open_standard();
	if (argc > 0 && strcmp(path_base(argv[0]), "fcgiwrap") == 0) {
		log_open("fcgiwrap");
		return fcgiwrap_main(argc, argv);
	}
	/* From its first word on a CGI program owes a reply, also where nobody
	 * reads its stderr. */
	if (getenv("GATEWAY_INTERFACE")) {
		sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN},
			  NULL);
		log_before_end(bridge_last_words);
	}
	if (argc > 1 && is_word(argv[1], "f")) {
		if (argc < 3)
			opt_usage("-f needs FILE");
		file = argv[2];
		argv = argfile_read(file, argv[0], &argc);
	}
	return choose(argc, argv, file);
}
