/*
 * loadable: headers, and the names in a file, of what is to be loaded and of
 * what it is to be loaded into: the two must be alike.
 */
#include "loadable.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "path.h"
#include "template.h"

#define NAME_SIZE 256 /* of a loader */

/* Of a file so much is looked through: it may have holes of any size. */
#define NAMES_MAX (16 << 20)

static ElfW(Ehdr) own;
static bool own_of_musl;

/* The path of the dynamic loader that an ELF file names. Returns its length, 0
 * if it names none, -1 if its header is damaged. */
static ssize_t read_loader(int fd, const ElfW(Ehdr) * elf, char name[NAME_SIZE])
{
	ElfW(Phdr) part;
	ssize_t size;
	int i;

	for (i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)(elf->e_phoff + (size_t)i * sizeof(part));

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			break;
		if (part.p_type != PT_INTERP)
			continue;
		if (part.p_filesz == 0 || part.p_filesz > NAME_SIZE)
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

int loadable_init(const char *library)
{
	int fd = open(library, O_RDONLY | O_CLOEXEC);
	char loader[NAME_SIZE];
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

/* Whether the file of a program names what template.so waits in. One that
 * begins otherwise, as those of Go may, would simply run. */
static bool begins_as_c(int fd)
{
	static const char name[] = "\0" TEMPLATE_BEGIN;
	char block[4096];
	size_t matched = 0;
	off_t at = 0;
	ssize_t n, i;

	while (at < NAMES_MAX &&
	       (n = pread(fd, block, sizeof(block), at)) > 0) {
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

const char *loadable_refuses(int fd, const ElfW(Ehdr) * elf)
{
	char loader[NAME_SIZE];
	struct stat st;
	ssize_t length;

	if (memcmp(elf->e_ident, own.e_ident, EI_VERSION) != 0 ||
	    elf->e_machine != own.e_machine)
		return "it is of another machine";
	if (fstat(fd, &st) < 0 || st.st_mode & (S_ISUID | S_ISGID) ||
	    fgetxattr(fd, "security.capability", NULL, 0) >= 0)
		return "it changes its rights when it is run";
	length = read_loader(fd, elf, loader);
	if (length < 0)
		return "its ELF header is damaged";
	if (length == 0)
		return "it is linked statically";
	if (strncmp(path_base(loader), TEMPLATE_GLIBC,
		    strlen(TEMPLATE_GLIBC)) != 0 ||
	    is_of_musl(loader) != own_of_musl)
		return "it has another C library";
	if (!begins_as_c(fd))
		return "it does not begin as C programs do";
	return NULL;
}
