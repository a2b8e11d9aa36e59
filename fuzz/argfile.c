/*
 * argfile: any file as -f FILE, against words that are found a plain way.
 */
#include "argfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

/* The file's first word, so that the first one tells where the text is. */
#define FIRST "first "

static int file = -1;
static char path[40];

struct result {
	char **words;
	int count;
};

void fuzz_init(void)
{
	file = memfd_create("argfile", MFD_CLOEXEC);
	CHECK(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
}

static void read_words(void *argument)
{
	struct result *result = argument;
	static char name[] = "name";

	result->words = argfile_read(path, name, &result->count);
}

/* Every word followed by NUL; false: it is an error. */
static bool find_plainly(const unsigned char *bytes, size_t n,
			 struct told *told)
{
	enum { BETWEEN, COMMENT, WORD, QUOTE } at = BETWEEN;
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = bytes[i];
		bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';

		if (c == '\0')
			return false;
		if (at == COMMENT) {
			at = c == '\n' ? BETWEEN : COMMENT;
		} else if (at == QUOTE) {
			if (c == '"')
				at = WORD;
			else
				told_add(told, &c, 1);
		} else if (blank) {
			if (at == WORD)
				told_add(told, "", 1);
			at = BETWEEN;
		} else if (at == BETWEEN && c == '#') {
			at = COMMENT;
		} else if (c == '"') {
			at = QUOTE;
		} else {
			at = WORD;
			told_add(told, &c, 1);
		}
	}
	if (at == WORD)
		told_add(told, "", 1);
	return at != QUOTE;
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	struct result result = {.count = 0};
	struct told plain = {.used = 0};
	struct told real = {.used = 0};
	bool good;
	int i;

	CHECK(ftruncate(file, 0) == 0);
	CHECK(pwrite(file, FIRST, strlen(FIRST), 0) == (ssize_t)strlen(FIRST));
	CHECK(pwrite(file, bytes, n, (off_t)strlen(FIRST)) == (ssize_t)n);
	told_add(&plain, "first", 6);
	good = find_plainly(bytes, n, &plain);
	CHECK(fuzz_try(read_words, &result) == good);
	if (good) {
		CHECK(strcmp(result.words[0], "name") == 0);
		for (i = 1; i < result.count; i++)
			told_add(&real, result.words[i],
				 strlen(result.words[i]) + 1);
		CHECK(result.words[i] == NULL);
		CHECK(told_same(&plain, &real));
		free(result.words[1]);
		free(result.words);
	} else {
		CHECK(fuzz_status == 2);
	}
	told_free(&plain);
	told_free(&real);
}
