/*
 * fault: the one way in which the bridge gives up.
 */
#include "fault.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "log.h"
#include "text.h"

static bool answered;

void fault_answered(void)
{
	answered = true;
}

static const char *reason_of(int page)
{
	switch (page) {
	case 400:
		return "Bad Request";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	default:
		return "Bad Gateway";
	}
}

static void print_page(int page)
{
	char text[256];
	size_t length =
		text_format(text, sizeof(text),
			    "Status: %d %s\r\n"
			    "Content-Type: text/plain\r\n"
			    "\r\n"
			    "%d %s\n",
			    page, reason_of(page), page, reason_of(page));

	/* Whoever does not read it has left. */
	if (write(STDOUT_FILENO, text, length) < 0)
		return;
}

void fault_page(int status, int page, const char *what, const char *why)
{
	const char *where = wish.connect ? wish.connect : "cgi-fcgi";

	note("%s: %s%s%s", where, what, why ? ": " : "", why ? why : "");
	if (wish.in_cgi && !answered)
		print_page(page);
	exit(status);
}

void fault(int status, const char *what, const char *why)
{
	fault_page(status, status == EXIT_TIME ? 504 : 502, what, why);
}
