/*
 * image: #! lines, as the kernel reads them. It follows one file to what would
 * be executed for it, and owns the words of that command line until it is asked
 * again.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loadable.h"
#include "path.h"
#include "prelude.h"
#include "settings.h"
#include "text.h"

#define LINES_MAX 4   /* #! lines that lead to one another */
#define HEAD_SIZE 256 /* as the kernel reads them */

static char lines[LINES_MAX][HEAD_SIZE];
static char found[LINES_MAX][PATH_MAX];

static int refuse(struct image *image, const char *why)
{
	image->why = why;
	return -1;
}

/* Puts words among those that there are. */
static int insert(struct image *image, int at, char *const *words, int count)
{
	int have = 0;

	while (image->words[have])
		have++;
	if (have + count >= IMAGE_WORDS)
		return refuse(image, "too many words in its #! lines");
	memmove(image->words + at + count, image->words + at,
		(size_t)(have + 1 - at) * sizeof(*image->words));
	memcpy(image->words + at, words, (size_t)count * sizeof(*words));
	return 0;
}

/* words[0] is a script: its place is taken by the interpreter, its argument and
 * the script's path. */
static int resolve_line(struct image *image, int folder, const char *path,
			char *line, char *where)
{
	char *words[2];
	char *argument;

	line[strcspn(line, "\n")] = '\0';
	line += 2 + strspn(line + 2, " \t");
	argument = line + strcspn(line, " \t");
	if (*argument)
		*argument++ = '\0';
	argument += strspn(argument, " \t");
	while (*argument && strchr(" \t", argument[strlen(argument) - 1]))
		argument[strlen(argument) - 1] = '\0';
	/* What env(1) would find in the program's folder. */
	if (strcmp(path_base(line), "env") == 0 && *argument != '-' &&
	    !strchr(argument, '=') &&
	    path_search(set.path, folder, argument, where)) {
		line = where;
		argument = line + strlen(line);
	}
	if (*line != '/')
		return refuse(image, "its interpreter has no absolute path");
	words[0] = line;
	words[1] = argument;
	image->words[0] = (char *)(size_t)path;
	return insert(image, 0, words, *argument ? 2 : 1);
}

/* What an interpreter that can wait later is told stands among its words. */
static int add_prelude(struct image *image)
{
	struct prelude prelude;

	image->later = prelude_of(&prelude, image->words);
	return image->later
		       ? insert(image, prelude.at, prelude.words, prelude.count)
		       : 0;
}

/* Opens a file to be read. A #! line may name anything, a device too, and to
 * open that may do something. */
static int open_file(struct image *image, int folder, const char *path)
{
	int place = openat(folder, path, O_PATH | O_CLOEXEC);
	char name[40];
	struct stat st;
	int fd = -1;

	text_format(name, sizeof(name), "/proc/self/fd/%d", place);
	if (place < 0 || fstat(place, &st) < 0)
		refuse(image, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		refuse(image, "it is no file");
	else if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0)
		refuse(image, strerror(errno));
	if (place >= 0)
		close(place);
	return fd;
}

/* Looks into one file; returns 1 if it is a script, with its line in line. */
static int look_into(struct image *image, int folder, const char *path,
		     char line[HEAD_SIZE])
{
	int fd = open_file(image, folder, path);
	union {
		char text[HEAD_SIZE];
		ElfW(Ehdr) elf;
	} head;
	ssize_t n;
	int result;

	if (fd < 0)
		return -1;
	memset(&head, 0, sizeof(head));
	n = pread(fd, &head, sizeof(head) - 1, 0);
	if (n > 2 && memcmp(head.text, "#!", 2) == 0) {
		memcpy(line, head.text, HEAD_SIZE);
		result = 1;
	} else if (n >= (ssize_t)sizeof(head.elf) &&
		   memcmp(head.text, ELFMAG, SELFMAG) == 0) {
		image->why = loadable_refuses(fd, &head.elf);
		result = image->why ? -1 : 0;
	} else {
		result = refuse(image, "it is no program");
	}
	close(fd);
	return result;
}

int image_of(struct image *image, int folder, const char *path,
	     char *const *argv)
{
	int result;
	int i;

	memset(image, 0, sizeof(*image));
	for (i = 0; argv[i]; i++)
		if (insert(image, i, &argv[i], 1) < 0)
			return -1;
	for (i = 0; i < LINES_MAX; i++) {
		result = look_into(image, folder, path, lines[i]);
		if (result < 0)
			return -1;
		if (result == 0)
			return add_prelude(image);
		if (resolve_line(image, folder, path, lines[i], found[i]) < 0)
			return -1;
		path = image->words[0];
	}
	return refuse(image, "too many #! lines lead to one another");
}
