#ifndef REFUSAL_H
#define REFUSAL_H

/*
 * Why no program is run for a request: the line that says so in the log, and
 * the HTTP status of the page, which names no path.
 */

#define REFUSAL_MAX 512

/* Fills why with the path and the reason; returns the status. */
int refusal(char why[REFUSAL_MAX], int status, const char *path,
	    const char *reason);

/* The same by errno. */
int refusal_errno(char why[REFUSAL_MAX], const char *path);

/* The same, 403, where it is the wrapper's permission that is missing: the
 * reason names its user, who may not do what. */
int refusal_us(char why[REFUSAL_MAX], const char *path, const char *what);

/* The status of an errno: 503 for what is scarce, which may be there a moment
 * later, or 500. */
int refusal_status(int error);

#endif
