/*
 * argfile: a file in place of a command line.
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

#define FILE_MAX  65536
#define WORDS_MAX 1024

static char *read_file(const char *path)
{
	char *text = malloc(FILE_MAX + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t n = 0;

	if (!text || fd < 0)
		die(OPT_USAGE_STATUS, "-f %s: %s", path, strerror(errno));
	while (used < FILE_MAX &&
	       (n = read(fd, text + used, FILE_MAX - used)) > 0)
		used += (size_t)n;
	if (n < 0)
		die(OPT_USAGE_STATUS, "-f %s: %s", path, strerror(errno));
	if (used == FILE_MAX)
		die(OPT_USAGE_STATUS, "-f %s: longer than 64 KiB", path);
	close(fd);
	text[used] = '\0';
	if (memchr(text, '\0', used))
		die(OPT_USAGE_STATUS, "-f %s: holds a NUL byte", path);
	return text;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
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

/* Takes the quotes out of one word, in place; returns what follows it. */
static char *take_word(char *p, const char *path)
{
	char *to = p;
	bool quoted = false;

	for (; *p && (quoted || !is_blank(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*to++ = *p;
	}
	if (quoted)
		die(OPT_USAGE_STATUS, "-f %s: a double quote is not closed",
		    path);
	if (*p)
		p++;
	*to = '\0';
	return p;
}

char **argfile_read(const char *path, char *name, int *argc)
{
	char **words = calloc(WORDS_MAX + 1, sizeof(*words));
	char *p = read_file(path);
	int count = 1;

	if (!words)
		die(1, "no memory");
	words[0] = name;
	for (p = skip_blanks(p); *p; p = skip_blanks(p)) {
		if (count == WORDS_MAX)
			die(OPT_USAGE_STATUS, "-f %s: too many words", path);
		words[count++] = p;
		p = take_word(p, path);
	}
	*argc = count;
	return words;
}
