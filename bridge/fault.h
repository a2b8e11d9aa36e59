#ifndef FAULT_H
#define FAULT_H

/*
 * How the bridge ends when it fails: exit statuses that are curl's, one line
 * that says what happened, and for a CGI program a page that names no path.
 */

enum exit_status {
	EXIT_HOST = 6,	   /* unknown host */
	EXIT_CONNECT = 7,  /* cannot connect */
	EXIT_PROTOCOL = 8, /* not FastCGI, or not as it should be */
	EXIT_PARTIAL = 18, /* ended before FCGI_END_REQUEST */
	EXIT_HTTP = 22,	   /* -fail */
	EXIT_STDOUT = 23,  /* stdout cannot be written */
	EXIT_BODY = 26,	   /* the body cannot be read, or is too short */
	EXIT_TIME = 28,	   /* time is over */
	EXIT_EMPTY = 52,   /* closed without a byte */
	EXIT_SEND = 55,	   /* sending failed */
	EXIT_RECEIVE = 56, /* receiving failed */
	EXIT_REFUSED = 69, /* the application refused the request */
};

/* From here on a byte of the answer has been printed: no page any more. */
void fault_answered(void);

/* Says "ADDR: what: why" (why may be NULL), prints a page if this is a CGI
 * program and nothing was printed yet, and ends the process. */
_Noreturn void fault(int status, const char *what, const char *why);

/* The same with the page's own HTTP status. */
_Noreturn void fault_page(int status, int page, const char *what,
			  const char *why);

#endif
