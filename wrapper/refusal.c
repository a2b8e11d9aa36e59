/*
 * refusal: a line for the log, which names paths and users, and a status for
 * the page, which must not.
 */
#include "refusal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"
#include "text.h"

int refusal(char why[REFUSAL_MAX], int status, const char *path,
	    const char *reason)
{
	text_format(why, REFUSAL_MAX, "%.300s: %.200s", path, reason);
	return status;
}

int refusal_status(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
			       error == EAGAIN
		       ? 503
		       : 500;
}

int refusal_errno(char why[REFUSAL_MAX], const char *path)
{
	return refusal(why, refusal_status(errno), path, strerror(errno));
}

/* The user as -user names it, or a number, since a name would have to be asked
 * for. */
int refusal_us(char why[REFUSAL_MAX], const char *path, const char *what)
{
	char number[16];
	char reason[200];

	text_format(number, sizeof(number), "%u", geteuid());
	text_format(reason, sizeof(reason),
		    "the wrapper (user %.100s) may not %s",
		    set.user ? set.user : number, what);
	return refusal(why, 403, path, reason);
}
