#ifndef LOG_H
#define LOG_H

/*
 * One line at a time to stderr (which a service manager keeps), each beginning
 * with the command's name. Bytes that are not printable, a newline in a file's
 * name for example, are written as \xNN: nobody else's bytes begin a line.
 */

#define LOG_LINE_MAX 1024 /* a longer line is cut there */

/* Whoever reads it is waited for so long in all of such a time; then lines are
 * lost until it takes some again. */
#define LOG_PATIENCE_MS 500
#define LOG_WINDOW_MS	10000

/* The name that begins each line; text lives as long as the process. */
void log_open(const char *name);

/* From now on lines go to a copy of stderr: fd 2 may be used for something
 * else. Returns 0, or -1 and errno. */
int log_keep(void);

/* Where lines go to; -1: nowhere. */
int log_descriptor(void);

/* From now on lines go to syslog(3): a daemon's stderr leads nowhere. */
void log_to_syslog(void);

/* Writes one line. Keeps errno, so that a caller may log first and act then. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on die calls this before the end; NULL: nothing. */
void log_before_end(void (*call)(void));

/* Writes one line and ends the process with the exit status. */
_Noreturn void die(int status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with exit status 1, and behind the text why, by errno. */
_Noreturn void die_errno(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

#endif
