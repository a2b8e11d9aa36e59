/*
 * outcome: notes how it ended. A failure goes up as a value, so that bridge.c
 * alone tells the user, and knows whether a CGI reply is owed.
 */
#include "outcome.h"

#include <stdarg.h>

#include "text.h"

int outcome_fail(struct outcome *outcome, enum outcome_status status,
		 const char *format, ...)
{
	va_list args;

	if (outcome->text[0])
		return -1;
	outcome->status = (int)status;
	va_start(args, format);
	text_vformat(outcome->text, sizeof(outcome->text), format, args);
	va_end(args);
	return -1;
}

const char *outcome_stranger(const struct record_reader *reader)
{
	return reader->header[0] == 'H'
		       ? "this looks like an HTTP server"
		       : "the answer is no record of version 1";
}

const char *outcome_reply(const struct outcome *outcome)
{
	switch (outcome->http ? outcome->http : outcome->status) {
	case 500:
		return "500 Internal Server Error";
	case 503:
		return "503 Service Unavailable";
	case OUTCOME_USAGE:
	case OUTCOME_BODY:
		/* The client's request is at fault. */
		return "400 Bad Request";
	case OUTCOME_TIME_OVER:
		return "504 Gateway Timeout";
	default:
		return "502 Bad Gateway";
	}
}
