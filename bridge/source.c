/*
 * source: the bodies of a request. FastCGI applications want CONTENT_LENGTH
 * before the first byte (RFC 3875 §4.1.2): what has no length yet is taken in
 * first, into a file without a name, so that memory stays flat.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "temporary.h"
#include "text.h"
#include "wish.h"

#define NUMBER_MAX 24
#define BLOCK	   32768

static int open_temporary(void)
{
	const char *folder = getenv("TMPDIR");

	return temporary_open(folder && *folder ? folder : "/tmp");
}

/* Reads when there is something to read; -1 with ETIME when time is over, also
 * where there is always something. */
static ssize_t read_in_time(int fd, void *bytes, size_t n,
			    const struct patience *patience)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};
	ssize_t got = -1;

	while (got < 0) {
		int ready = poll(&one, 1, patience_left(patience));

		if (ready == 0 || patience_until(patience->end) == 0) {
			errno = ETIME;
			return -1;
		}
		/* A poll that failed tells of nothing to read. */
		if (ready > 0)
			got = read(fd, bytes, n);
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
	}
	return got;
}

/* Copies the n bytes in block, and from to its end, into to; returns the number
 * of bytes, or -1. */
static int64_t copy(int from, int to, char block[BLOCK], ssize_t n,
		    struct patience *patience)
{
	int64_t total = 0;

	while (n > 0) {
		if (text_write(to, block, (size_t)n) < 0)
			return -1;
		total += n;
		patience_moved(patience);
		n = read_in_time(from, block, BLOCK, patience);
	}
	return n < 0 ? -1 : total;
}

/* Takes all of the source in; from then on it is a file of a known length. What
 * is empty needs no file: there may be no folder for one. */
static int take_in(struct source *source, const struct patience *given,
		   struct outcome *outcome)
{
	struct patience patience = *given;
	char block[BLOCK];
	int file = -1;
	ssize_t n;

	/* What was taken in before may have lasted. */
	patience_moved(&patience);
	source->left = 0;
	n = read_in_time(source->fd, block, BLOCK, &patience);
	if (n == 0)
		return 0;
	if (n > 0 && (file = open_temporary()) < 0)
		return outcome_fail(outcome, OUTCOME_BODY,
				    "%s: a temporary file in $TMPDIR or /tmp: "
				    "%s",
				    source->name, strerror(errno));
	source->left = copy(source->fd, file, block, n, &patience);
	if (source->left < 0 && errno == ETIME)
		return outcome_fail(outcome, OUTCOME_TIME_OVER,
				    "%s: time is over: its end has not come",
				    source->name);
	if (source->left < 0 || lseek(file, 0, SEEK_SET) < 0)
		return outcome_fail(outcome, OUTCOME_BODY,
				    "%s: cannot be taken in: %s", source->name,
				    strerror(errno));
	if (source->fd != STDIN_FILENO)
		close(source->fd);
	source->fd = file;
	return 0;
}

/* Opens a file, or stdin for -, and finds out its length, unless that is given
 * and what comes need not be waited for. */
static int open_file(struct source *source, const char *path, bool given,
		     struct stat *st, const struct patience *patience,
		     struct outcome *outcome)
{
	off_t at = 0;

	source->name = path;
	source->fd = STDIN_FILENO;
	if (strcmp(path, "-") == 0)
		source->name = "stdin";
	else
		/* A pipe's name waits here for nobody who writes to it. */
		source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (source->fd < 0 || fstat(source->fd, st) < 0)
		return outcome_fail(outcome, OUTCOME_BODY, "%s: %s",
				    source->name, strerror(errno));
	if (S_ISDIR(st->st_mode))
		return outcome_fail(outcome, OUTCOME_BODY, "%s: is a folder",
				    source->name);
	if (given)
		return 0;
	/* Files of /proc have a size of 0 and bytes all the same. */
	if (!S_ISREG(st->st_mode) || st->st_size == 0)
		return take_in(source, patience, outcome);
	/* stdin may have been read in part. */
	if (source->fd == STDIN_FILENO)
		at = lseek(STDIN_FILENO, 0, SEEK_CUR);
	if (at < 0 || at > st->st_size)
		at = st->st_size;
	source->left = st->st_size - at;
	return 0;
}

static void set_number(struct params *params, const char *name,
		       char text[NUMBER_MAX], int64_t number)
{
	text_format(text, NUMBER_MAX, "%lld", (long long)number);
	params_set(params, name, text);
}

static int malformed(const char *text, struct outcome *outcome)
{
	return outcome_fail(outcome, OUTCOME_USAGE,
			    "CONTENT_LENGTH: not a number of bytes: %s", text);
}

/* CONTENT_LENGTH into source->left; 0 bytes if there is none. */
static int parse_length(struct source *source, const char *text,
			struct outcome *outcome)
{
	const char *p;

	source->left = 0;
	if (!text)
		return 0;
	for (p = text; *p >= '0' && *p <= '9'; p++) {
		if (source->left > (INT64_MAX - (*p - '0')) / 10)
			return malformed(text, outcome);
		source->left = source->left * 10 + (*p - '0');
	}
	return *p ? malformed(text, outcome) : 0;
}

/* A request of our own without -body promises none. */
static int refuse_missing(struct source *source, const char *length,
			  struct outcome *outcome)
{
	if (parse_length(source, length, outcome) < 0)
		return -1;
	if (source->left > 0)
		return outcome_fail(outcome, OUTCOME_USAGE,
				    "CONTENT_LENGTH: %s bytes of a body, and "
				    "no -body",
				    length);
	return 0;
}

/* Apache's mod_cgi undoes the chunks and leaves the length out. Of several
 * codings the last one is the outermost. */
static bool is_chunked(const struct params *params)
{
	static const char name[] = "chunked";
	const char *last = params_get(params, "HTTP_TRANSFER_ENCODING");
	const char *comma = last ? strrchr(last, ',') : NULL;

	if (!last)
		return false;
	if (comma)
		last = comma + 1;
	last += strspn(last, " \t");
	if (strncasecmp(last, name, strlen(name)) != 0)
		return false;
	last += strlen(name);
	return last[strspn(last, " \t")] == '\0';
}

static int open_body(struct source *source, struct params *params,
		     const struct patience *patience, struct outcome *outcome)
{
	const char *length = params_get(params, "CONTENT_LENGTH");
	bool given = length && *length;
	struct stat st;

	source->type = FCGI_STDIN;
	source->fd = -1;
	source->left = 0;
	if (wish.url && !wish.body)
		return refuse_missing(source, length, outcome);
	source->fd = STDIN_FILENO;
	source->name = "stdin";
	if (wish.body) {
		if (open_file(source, wish.body, given, &st, patience,
			      outcome) < 0)
			return -1;
		if (!given)
			set_number(params, "CONTENT_LENGTH", source->length,
				   source->left);
	} else if (!given && is_chunked(params)) {
		if (take_in(source, patience, outcome) < 0)
			return -1;
		params_drop(params, "HTTP_TRANSFER_ENCODING");
		set_number(params, "CONTENT_LENGTH", source->length,
			   source->left);
		return 0;
	}
	/* What is said counts: a body may be tried too short or too long. */
	if (given || !wish.body)
		return parse_length(source, length, outcome);
	return 0;
}

static int open_data(struct source *source, struct params *params,
		     const struct patience *patience, struct outcome *outcome)
{
	struct stat st = {.st_mtime = 0};

	source->type = FCGI_DATA;
	source->fd = -1;
	source->left = 0;
	source->name = "-data";
	if (!wish.data)
		return 0;
	if (open_file(source, wish.data, false, &st, patience, outcome) < 0)
		return -1;
	set_number(params, "FCGI_DATA_LENGTH", source->length, source->left);
	set_number(params, "FCGI_DATA_LAST_MOD", source->date,
		   (int64_t)st.st_mtime);
	return 0;
}

static int open_all(struct source list[SOURCES_MAX], struct params *params,
		    const struct patience *patience, struct outcome *outcome)
{
	if (wish.role == FCGI_AUTHORIZER) {
		/* It decides on a request without its body. */
		list[0] = (struct source){.type = FCGI_STDIN, .fd = -1};
		return 1;
	}
	if (open_body(&list[0], params, patience, outcome) < 0)
		return -1;
	if (wish.role != FCGI_FILTER)
		return 1;
	if (wish.data && strcmp(wish.data, "-") == 0 &&
	    list[0].fd == STDIN_FILENO && list[0].left > 0)
		return outcome_fail(outcome, OUTCOME_USAGE,
				    "stdin is either the body or -data");
	return open_data(&list[1], params, patience, outcome) < 0 ? -1 : 2;
}

int source_open(struct source list[SOURCES_MAX], struct params *params,
		const struct patience *patience, struct outcome *outcome)
{
	int count = open_all(list, params, patience, outcome);

	/* A file of ours that cannot be read or written: the client has done
	 * nothing wrong. */
	if (count < 0 && outcome->status == OUTCOME_BODY)
		outcome->http = 500;
	return count;
}
