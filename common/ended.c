/*
 * ended: the words for the two ways in which a process can end.
 */
#include "ended.h"

#include <stdbool.h>
#include <sys/wait.h>

#include "text.h"

size_t ended_with(char *text, size_t size, int wait_status)
{
	bool killed = WIFSIGNALED(wait_status);

	return text_format(
		text, size, "%s %d", killed ? "signal" : "exit status",
		killed ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status));
}

size_t ended_how(char *text, size_t size, int wait_status)
{
	size_t n = text_format(text, size, "%s ",
			       WIFSIGNALED(wait_status) ? "was killed by"
							: "ended with");

	return n + ended_with(text + n, size - n, wait_status);
}
