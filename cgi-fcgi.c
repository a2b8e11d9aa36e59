/*
 * cgi-fcgi: main() chooses the side. It knows the two sides' names and options
 * and nothing of what they do.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "argfile.h"
#include "bridge/bridge.h"
#include "listen.h"
#include "log.h"
#include "opt.h"
#include "record.h"
#include "text.h"
#include "wrapper/wrapper.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* A descriptor that is opened later must not become stdin or stdout. */
static void open_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		die(1, "/dev/null: %s", strerror(errno));
	close(fd);
}

#define HELP_MAX 8192

static int print(const char *text, size_t length)
{
	if (text_write(STDOUT_FILENO, text, length) < 0)
		die(1, "stdout: %s", strerror(errno));
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
		":PORT\nAll of it: man cgi-fcgi\n");
	return print(text, used);
}

static bool is_word(const char *word, const char *name)
{
	if (*word != '-')
		return false;
	word += word[1] == '-' ? 2 : 1;
	return strcmp(word, name) == 0;
}

/* The option that decides the side, among those before the first operand. */
static const struct opt *deciding_option(int argc, char **argv)
{
	static const char *const names[] = {"listen", "connect", "once"};
	int i = 1;

	while (i < argc && argv[i][0] == '-' && strcmp(argv[i], "--") != 0) {
		const struct opt *opt = opt_find(wrapper_options, argv[i]);
		size_t k;

		if (!opt)
			opt = opt_find(bridge_options, argv[i]);
		if (!opt)
			return NULL;
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (strcmp(opt->name, names[k]) == 0)
				return opt;
		i += opt->arg && !strchr(argv[i], '=') ? 2 : 1;
	}
	return NULL;
}

/* Whether a socket to listen on was passed (FastCGI 1.0 §2.2, systemd). */
static bool is_passed_a_socket(void)
{
	return getenv("LISTEN_FDS") || listen_is_socket(FCGI_LISTENSOCK_FILENO);
}

static int choose(int argc, char **argv)
{
	const struct opt *opt = deciding_option(argc, argv);

	if (opt)
		return strcmp(opt->name, "listen") == 0
			       ? wrapper_main(argc, argv)
			       : bridge_main(argc, argv);
	if (argc > 1 && argv[1][0] == '-' &&
	    !opt_find(wrapper_options, argv[1]) &&
	    !opt_find(bridge_options, argv[1]) && strcmp(argv[1], "--") != 0)
		opt_usage("%s: unknown option", argv[1]);
	if (!is_passed_a_socket())
		opt_usage("neither -listen nor -connect is given, and no "
			  "listening socket was passed");
	return wrapper_main(argc, argv);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int main(int argc, char **argv)
{
	static const char version[] = "cgi-fcgi " VERSION "\n";

	open_standard_files();
	if (argc > 0 && strcmp(base_name(argv[0]), "fcgiwrap") == 0) {
		log_open("fcgiwrap");
		return fcgiwrap_main(argc, argv);
	}
	if (argc > 1 && is_word(argv[1], "help"))
		return print_help();
	if (argc > 1 && is_word(argv[1], "version"))
		return print(version, sizeof(version) - 1);
	if (argc > 1 && is_word(argv[1], "f")) {
		if (argc < 3)
			opt_usage("-f needs FILE");
		argv = argfile_read(argv[2], argv[0], &argc);
	}
	return choose(argc, argv);
}
