/*
 * ending: a request's last records, all of them at once.
 */
#include "ending.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "refusal.h"
#include "reply.h"
#include "settings.h"
#include "status.h"
#include "text.h"

/* Room for all but the text, whatever is said. */
#define SPACE (OUT_OVERHEAD + 4096)

void ending_explain(struct ending *ending, const char *why)
{
	note("%s", why);
	free(ending->why);
	ending->why = strdup(why);
}

static void say_why(const struct ending *ending, struct out *out, uint16_t id)
{
	static const char begin[] = "cgi-fcgi: ";
	char line[4 * REFUSAL_MAX + sizeof(begin)];
	size_t n = text_format(line, sizeof(line), "%s", begin);

	n += text_clean(line + n, sizeof(line) - n, ending->why);
	line[n++] = '\n';
	out_record(out, FCGI_STDERR, id, line, n);
}

/* Written where it is sent from: of pages that wait for a server that does not
 * read there may be thousands. */
static void say_status(const struct ending *ending, struct out *out,
		       uint16_t id)
{
	size_t room;
	unsigned char *page = out_content(out, &room);

	out_commit(out, FCGI_STDOUT, id,
		   status_page((char *)page, ending->asked));
}

bool ending_say(const struct ending *ending, struct out *out, uint16_t id,
		bool stderr_opened)
{
	char page[REPLY_PAGE_MAX];
	size_t length;

	if (out_space(out) < SPACE + (ending->asked ? STATUS_PAGE_MAX : 0))
		return false;
	if (ending->why && set.stderr_mode & STDERR_FCGI) {
		say_why(ending, out, id);
		stderr_opened = true;
	}
	if (ending->page) {
		length = reply_page(page, ending->page);
		out_record(out, FCGI_STDOUT, id, page, length);
	}
	if (ending->asked)
		say_status(ending, out, id);
	out_record(out, FCGI_STDOUT, id, NULL, 0);
	if (stderr_opened)
		out_record(out, FCGI_STDERR, id, NULL, 0);
	out_end_request(out, id, ending->app_status, FCGI_REQUEST_COMPLETE);
	return true;
}

void ending_free(struct ending *ending)
{
	free(ending->why);
}
