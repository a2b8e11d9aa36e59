/*
 * watch: inotify on all that is mapped, and on all that a prelude has listed.
 */
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "call.h"
#include "giveup.h"
#include "template.h"

#define WATCHED                                                                \
	(IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_DELETE_SELF)

/* For the preludes: see template.h. */
EXPORTED int cgi_fcgi_files = -1;

static struct timespec begun;

void watch_begin(void)
{
	clock_gettime(CLOCK_REALTIME, &begun);
}

void watch_open_list(void)
{
	cgi_fcgi_files = (int)CALL(memfd_create, "cgi_fcgi_files", MFD_CLOEXEC);
}

bool watch_is_listed(void)
{
	struct stat st;

	return cgi_fcgi_files >= 0 && fstat(cgi_fcgi_files, &st) == 0 &&
	       st.st_size > 0;
}

static void watch_file(int changes, const char *path)
{
	struct stat st;

	if (CALL(inotify_add_watch, changes, path, WATCHED) < 0)
		return;
	/* Between its loading and this it may have changed already. */
	if (stat(path, &st) == 0 && (st.st_ctim.tv_sec > begun.tv_sec ||
				     (st.st_ctim.tv_sec == begun.tv_sec &&
				      st.st_ctim.tv_nsec > begun.tv_nsec))) {
		errno = 0;
		give_up("it changes just now");
	}
}

static void watch_maps(int changes)
{
	char line[PATH_MAX + 128];
	char last[sizeof(line)] = "";
	FILE *maps = fopen("/proc/self/maps", "re");

	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		char *path = strchr(line, '/');

		if (!path)
			continue;
		path[strcspn(path, "\n")] = '\0';
		if (strcmp(path, last) != 0)
			watch_file(changes, path);
		memcpy(last, path, strlen(path) + 1);
	}
	fclose(maps);
}

/* What a prelude has listed: paths, each on a line. It is used once. */
static void watch_list(int changes)
{
	char line[PATH_MAX + 1];
	int fd = cgi_fcgi_files;
	FILE *list;

	cgi_fcgi_files = -1;
	if (fd < 0 || CALL(lseek, fd, 0, SEEK_SET) < 0)
		return;
	list = fdopen(fd, "r");
	if (!list)
		return;
	while (fgets(line, sizeof(line), list)) {
		line[strcspn(line, "\n")] = '\0';
		watch_file(changes, line);
	}
	fclose(list);
}

int watch_files(void)
{
	int changes = (int)CALL(inotify_init1, IN_CLOEXEC | IN_NONBLOCK);

	if (changes < 0)
		give_up("inotify");
	watch_maps(changes);
	watch_list(changes);
	return changes;
}
