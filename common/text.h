#ifndef TEXT_H
#define TEXT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Texts made, looked at and written. Those with numbers in them, for lines,
 * pages and paths, by what we need of printf(3): it is a tenth of its size,
 * which counts in a static binary.
 *
 *	%s %c %d %u %x %o %%	l and ll; a width, - and 0; .N and .* for %s
 */

/* Writes at most size - 1 bytes and a NUL to out, which holds size > 0, and
 * returns how many bytes were written before the NUL. */
size_t text_format(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

size_t text_vformat(char *out, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* The three of them, one behind the other, in memory of its own, which is the
 * caller's to free; NULL if there is none. */
char *text_join(const char *first, const char *second, const char *third);

/* How many bytes, of length > 0, the control character at the beginning of text
 * has: 2 if it is one of U+0080 to U+009F in UTF-8, which terminals obey, too;
 * 0 if there is none. */
size_t text_control(const char *text, size_t length);

/* Copies text as one line of printable bytes, control characters as \xHH, and
 * a NUL: as much as size > 5 has room for. Returns its length. */
size_t text_clean(char *out, size_t size, const char *text);

/* The byte that %XX at the beginning of text stands for; -1 if there is none.
 */
int text_percent(const char *text);

/* Writes text to a descriptor, all of it. Returns 0, or -1 and errno. */
int text_write(int fd, const char *text, size_t length);

#endif
