/*
 * privilege: from whoever starts us to whom requests are served as, in the
 * order of privilege.h. It owns the pidfile: opened, and so judged, first;
 * written when the process is the one that stays.
 */
#include "privilege.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "settings.h"
#include "spawn.h"
#include "text.h"

static int pidfile = -1;

/* Opened before anything is listened on: a folder that is not there is a
 * mistake of the command line. What stands in it may be of another wrapper
 * that runs, until this one has its sockets. */
static void open_pidfile(void)
{
	if (!set.pidfile)
		return;
	pidfile = open(set.pidfile, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		       0644);
	if (pidfile < 0)
		die_errno("-pidfile %s", set.pidfile);
}

static int write_pidfile(pid_t pid)
{
	char text[24];
	size_t length = text_format(text, sizeof(text), "%ld\n", (long)pid);

	if (pidfile < 0)
		return 0;
	if (ftruncate(pidfile, 0) < 0 || text_write(pidfile, text, length) < 0)
		return -1;
	close(pidfile);
	pidfile = -1;
	return 0;
}

void privilege_check(void)
{
	const char *why;

	open_pidfile();
	if (set.chroot && faccessat(AT_FDCWD, set.chroot, X_OK, 0) < 0)
		die_errno("-chroot %s", set.chroot);
	if (set.as_owner && geteuid() != 0)
		die(1, "-as-owner: only root can run programs as others");
	if (!set.user)
		return;
	why = listen_owner(set.user, &set.uid, &set.gid);
	if (why)
		die(1, "-user %s: %s", set.user, why);
	if (geteuid() != 0)
		die(1, "-user %s: only root can become another user", set.user);
}

static void go_to_background(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;

	if (null < 0)
		die_errno("/dev/null");
	pid = fork();
	if (pid < 0)
		die_errno("-daemon: cannot start a process");
	if (pid > 0) {
		/* Whoever waits for us finds it written. */
		if (write_pidfile(pid) == 0)
			_exit(0);
		kill(pid, SIGKILL);
		die_errno("-pidfile %s", set.pidfile);
	}
	/* It stays where it is: names that are relative are removed at its
	 * end. */
	if (setsid() < 0)
		die_errno("-daemon");
	if (pidfile >= 0)
		close(pidfile);
	log_to_syslog();
	if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		die_errno("-daemon");
	close(null);
}

void privilege_background(void)
{
	if (set.daemon)
		go_to_background();
	else if (write_pidfile(getpid()) < 0)
		die_errno("-pidfile %s", set.pidfile);
}

/* What runs as somebody else must not type into the terminal where we were
 * started (TIOCSTI). Its Ctrl-C comes all the same. Whoever leads a session
 * would end it so. */
static void leave_terminal(void)
{
	int tty;

	if ((!set.user && !set.as_owner) || getsid(0) == getpid())
		return;
	tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty < 0)
		return;
	ioctl(tty, TIOCNOTTY);
	close(tty);
}

void privilege_drop(void)
{
	leave_terminal();
	if (set.chroot && (chroot(set.chroot) < 0 || chdir("/") < 0))
		die_errno("-chroot %s", set.chroot);
	if (!set.user)
		return;
	if (spawn_become(set.uid, set.gid) < 0)
		die_errno("-user %s", set.user);
}

void privilege_forget_pidfile(void)
{
	char text[24];
	ssize_t n;
	int fd;

	if (!set.pidfile)
		return;
	fd = open(set.pidfile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (n == 0 || strtol(text, NULL, 10) == (long)getpid())
		unlink(set.pidfile);
}
