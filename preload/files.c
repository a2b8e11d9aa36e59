/*
 * files: opened anew by their place in /proc.
 */
#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "call.h"
#include "descriptors.h"

static int open_files[FIRST_FD];
static int open_count;

void files_note(void)
{
	struct stat st;
	int fd;

	for (fd = 3; fd < FIRST_FD; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
			open_files[open_count++] = fd;
}

static void own_file(int fd)
{
	char path[40];
	int flags = (int)CALL(fcntl, fd, F_GETFL);
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = flags < 0 ? -1
			: (int)CALL(openat, AT_FDCWD, path, flags | O_CLOEXEC);
	if (own < 0)
		return;
	CALL(lseek, own, CALL(lseek, fd, 0, SEEK_CUR), SEEK_SET);
	CALL(dup3, own, fd,
	     CALL(fcntl, fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
	CALL(close, own);
}

void files_own(void)
{
	int i;

	for (i = 0; i < open_count; i++)
		own_file(open_files[i]);
}
