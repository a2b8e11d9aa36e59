/*
 * image: #! lines, as the kernel reads them, and ELF headers. It follows one
 * file to what would be executed for it, and owns the words of that command
 * line until it is asked again.
 */
#include "image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "path.h"
#include "settings.h"
#include "template.h"
#include "text.h"

#define LINES_MAX 4   /* #! lines that lead to one another */
#define HEAD_SIZE 256 /* as the kernel reads them */

static char folder_of_own[PATH_MAX]; /* template.so and the preludes */
static char template_path[PATH_MAX + 16];
static char prelude[PATH_MAX + 16];
static char lines[LINES_MAX][HEAD_SIZE];
static char found[LINES_MAX][PATH_MAX];
static ElfW(Ehdr) own;
static bool own_of_musl;

/* The path of the dynamic loader that an ELF file names. Returns its length, 0
 * if it names none, -1 if its header is damaged. */
static ssize_t read_loader(int fd, const ElfW(Ehdr) * elf, char name[HEAD_SIZE])
{
	ElfW(Phdr) part;
	ssize_t size;
	int i;

	for (i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)elf->e_phoff + i * (off_t)sizeof(part);

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			break;
		if (part.p_type != PT_INTERP)
			continue;
		if (part.p_filesz == 0 || part.p_filesz > HEAD_SIZE)
			return -1;
		size = (ssize_t)part.p_filesz;
		if (pread(fd, name, part.p_filesz, (off_t)part.p_offset) !=
			    size ||
		    name[size - 1] != '\0')
			return -1;
		return size;
	}
	return 0;
}

/* Of musl, by the name of its dynamic loader. */
static bool is_of_musl(const char *loader)
{
	return strncmp(path_base(loader), TEMPLATE_MUSL,
		       strlen(TEMPLATE_MUSL)) == 0;
}

/* Of template.so: what it can be loaded into is like it. */
static int read_own(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char loader[HEAD_SIZE];
	int result = -1;

	if (fd < 0)
		return -1;
	if (read(fd, &own, sizeof(own)) == (ssize_t)sizeof(own) &&
	    read_loader(fd, &own, loader) > 0)
		result = 0;
	close(fd);
	own_of_musl = result == 0 && is_of_musl(loader);
	return result;
}

/* Beside the command where it is built, or where it is installed. */
int image_init(void)
{
	static const char places[][16] = {"preload", "../lib/cgi-fcgi"};
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t i;

	if (length < 0)
		return -1;
	self[length] = '\0';
	*strrchr(self, '/') = '\0';
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		text_format(folder_of_own, sizeof(folder_of_own), "%.3000s/%s",
			    self, places[i]);
		text_format(template_path, sizeof(template_path),
			    "%s/template.so", folder_of_own);
		/* A loader takes these for the end of a name. */
		if (!template_path[strcspn(template_path, " \t\n:$")] &&
		    read_own(template_path) == 0)
			return 0;
	}
	return -1;
}

const char *image_template(void)
{
	return template_path;
}

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
	char *words[3];
	int count = 0;
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
	words[count++] = line;
	if (*argument)
		words[count++] = argument;
	image->words[0] = (char *)(size_t)path;
	return insert(image, 0, words, count);
}

/* Whether the file of a program names what template.so waits in. One that
 * begins otherwise, as those of Go may, would simply run. */
static bool begins_as_c(int fd)
{
	static const char name[] = "\0" TEMPLATE_BEGIN;
	char block[4096];
	size_t matched = 0;
	off_t at = 0;
	ssize_t n, i;

	while ((n = pread(fd, block, sizeof(block), at)) > 0) {
		for (i = 0; i < n && matched < sizeof(name); i++)
			/* The NUL is at both ends alone. */
			if (block[i] == name[matched])
				matched++;
			else
				matched = block[i] == '\0';
		if (matched == sizeof(name))
			return true;
		at += n;
	}
	return false;
}

static int check_elf(struct image *image, int fd, const ElfW(Ehdr) * elf)
{
	char loader[HEAD_SIZE];
	struct stat st;
	ssize_t length;

	if (memcmp(elf->e_ident, own.e_ident, EI_VERSION) != 0 ||
	    elf->e_machine != own.e_machine)
		return refuse(image, "it is of another machine");
	if (fstat(fd, &st) < 0 || st.st_mode & (S_ISUID | S_ISGID) ||
	    fgetxattr(fd, "security.capability", NULL, 0) >= 0)
		return refuse(image, "it changes its rights when it is run");
	length = read_loader(fd, elf, loader);
	if (length < 0)
		return refuse(image, "its ELF header is damaged");
	if (length == 0)
		return refuse(image, "it is linked statically");
	if (strncmp(path_base(loader), TEMPLATE_GLIBC,
		    strlen(TEMPLATE_GLIBC)) != 0 ||
	    is_of_musl(loader) != own_of_musl)
		return refuse(image, "it has another C library");
	if (!begins_as_c(fd))
		return refuse(image, "it does not begin as C programs do");
	return 0;
}

/* Whether Python's own option names what is run: -m or -c, also behind others
 * in the same word. What follows -W or -X is no option. */
static bool names_module(const char *option)
{
	char first = option[strcspn(option, "mcWX")];

	return option[0] == '-' && (first == 'm' || first == 'c');
}

/* Interpreters that can be told to compile first and to wait then. Behind the
 * interpreter and its own option comes the script. */
static int add_prelude(struct image *image)
{
	const char *name = path_base(image->words[0]);
	char *words[] = {prelude, (char *)(size_t) "-MCgiFcgiTemplate"};
	int script = image->words[1] && image->words[1][0] == '-' ? 2 : 1;
	const char *option = "";
	const char *file = "";
	int count = 1;
	int at = 1;

	if (!image->words[1] || !image->words[script])
		return 0;
	if (strncmp(name, "perl", 4) == 0) {
		option = "-I";
		count = 2;
	} else if (strncmp(name, "ruby", 4) == 0) {
		option = "-r";
		file = "/template.rb";
	} else if (strncmp(name, "python3", 7) == 0 &&
		   !names_module(image->words[1])) {
		file = "/template.py";
		at = script;
	} else {
		return 0;
	}
	text_format(prelude, sizeof(prelude), "%s%s%s", option, folder_of_own,
		    file);
	image->later = true;
	return insert(image, at, words, count);
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
		result = check_elf(image, fd, &head.elf);
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
