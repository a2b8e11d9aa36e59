#ifndef OUTCOME_H
#define OUTCOME_H

#include <stdbool.h>

#include "record.h"

/*
 * How it ended: the exit status, and what is to be said about it. Filled where
 * it happens, told once by bridge.c. It prints nothing itself.
 */

/* The command's own failures: curl's numbers. */
enum outcome_status {
	OUTCOME_USAGE = 2,
	OUTCOME_UNKNOWN_HOST = 6,
	OUTCOME_CANNOT_CONNECT = 7,
	OUTCOME_NOT_FASTCGI = 8,
	OUTCOME_CUT_SHORT = 18, /* ended before FCGI_END_REQUEST */
	OUTCOME_HTTP_ERROR = 22,
	OUTCOME_STDOUT = 23,
	OUTCOME_BODY = 26,
	OUTCOME_NO_MEMORY = 27,
	OUTCOME_TIME_OVER = 28,
	OUTCOME_NOTHING_CAME = 52,
	OUTCOME_SENDING = 55,
	OUTCOME_RECEIVING = 56,
	OUTCOME_REFUSED = 69,
};

#define OUTCOME_TEXT_MAX 600

struct outcome {
	int status;    /* the exit status */
	int http;      /* of a reply in CGI use; 0: what fits the status */
	bool answered; /* a byte of the answer has reached stdout */
	bool midline;  /* the application's last message has no line end */
	char text[OUTCOME_TEXT_MAX]; /* "what: why"; empty: nothing to say */
};

/* Notes a failure and returns -1. The first one counts: what follows from it
 * does not hide it. */
int outcome_fail(struct outcome *outcome, enum outcome_status status,
		 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What it looks like that the reader takes for no record. */
const char *outcome_stranger(const struct record_reader *reader);

/* The status line of a reply for a failure: "502 Bad Gateway". */
const char *outcome_reply(const struct outcome *outcome);

#endif
