/*
 * giveup: a line on stderr, and the end.
 */
#include "giveup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call.h"

_Noreturn void give_up(const char *why)
{
	const char *error = errno ? strerror(errno) : "";
	char line[512];

	snprintf(line, sizeof(line),
		 "cgi-fcgi: %s: cannot be preloaded: %s%s%s\n",
		 program_invocation_name, why, *error ? ": " : "", error);
	CALL(write, STDERR_FILENO, line, strlen(line));
	_exit(1);
}
