/*
 * argfile: words of a file. What they mean is the caller's business; whatever
 * the command line holds beside the file is not looked at, so that a query
 * string that a web server passes as arguments never becomes an option.
 */
#include "argfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "opt.h"

#define FILE_MAX (64 << 20)

/* The whole file, ended by NUL. */
static char *read_file(const char *path, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t room = 4096;
	/* Kept for as long as the process lives. */
	static char *text;
	ssize_t n = 0;

	text = malloc(room);
	if (fd < 0)
		opt_usage("-f %s: %s", path, strerror(errno));
	*length = 0;
	while (text && (n = read(fd, text + *length, room - *length - 1)) > 0) {
		*length += (size_t)n;
		if (*length > FILE_MAX)
			opt_usage("-f %s: too large", path);
		if (*length + 1 == room) {
			char *more = realloc(text, room * 2);

			if (!more)
				die(1, "no memory");
			text = more;
			room *= 2;
		}
	}
	if (!text)
		die(1, "no memory");
	if (n < 0)
		opt_usage("-f %s: %s", path, strerror(errno));
	close(fd);
	text[*length] = '\0';
	return text;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char *skip_blanks(char *p)
{
	while (is_blank(*p) || *p == '#') {
		if (*p == '#')
			p += strcspn(p, "\n");
		else
			p++;
	}
	return p;
}

/* Takes the quotes out of the word at *p, ends it by NUL and moves *p behind
 * it. False: a quote is not closed. */
static bool take_word(char **p)
{
	char *from = *p;
	char *to = *p;
	bool quoted = false;
	bool more;

	while (*from && (quoted || !is_blank(*from))) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
		from++;
	}
	more = *from != '\0';
	*to = '\0';
	*p = more ? from + 1 : from;
	return !quoted;
}

char **argfile_read(const char *path, char *name, int *count)
{
	/* Kept for as long as the process lives. */
	static char **words;
	size_t length;
	char *text = read_file(path, &length);
	char *p;

	/* Every word but the last has a blank behind it. */
	words = malloc((length / 2 + 3) * sizeof(*words));
	if (!words)
		die(1, "no memory");
	if (strlen(text) != length)
		opt_usage("-f %s: a NUL byte: not a text", path);
	words[0] = name;
	*count = 1;
	for (p = skip_blanks(text); *p; p = skip_blanks(p)) {
		words[(*count)++] = p;
		if (!take_word(&p))
			opt_usage("-f %s: a double quote is not closed", path);
	}
	words[*count] = NULL;
	return words;
}
