/*
 * errors: programs' stderr in the wrapper's log. A line that has not ended is
 * all that is kept.
 */
#include "errors.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

static void write_line(struct errors *errors, const char *program, pid_t pid)
{
	if (errors->used > 0)
		note("%s[%ld]: %.*s", program, (long)pid, (int)errors->used,
		     errors->line);
	errors->used = 0;
}

void errors_take(struct errors *errors, const char *program, pid_t pid,
		 const unsigned char *bytes, size_t n)
{
	size_t i;

	if (!errors->line)
		errors->line = malloc(ERRORS_LINE_MAX);
	if (!errors->line) {
		note("%s[%ld]: a line is lost: no memory", program, (long)pid);
		return;
	}
	for (i = 0; i < n; i++) {
		if (bytes[i] != '\n' && bytes[i] != '\0')
			errors->line[errors->used++] = (char)bytes[i];
		if (bytes[i] == '\n' || errors->used == ERRORS_LINE_MAX)
			write_line(errors, program, pid);
	}
}

void errors_close(struct errors *errors, const char *program, pid_t pid)
{
	if (errors->line)
		write_line(errors, program, pid);
	free(errors->line);
	errors->line = NULL;
}
