#ifndef OPT_H
#define OPT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Options are long words: -word and --word are the same, and so are
 * -word VALUE, -word=VALUE and --word=VALUE. A table describes them; the
 * table's texts are also what -help prints.
 */

enum opt_kind {
	OPT_FLAG,    /* a bool: present or not; takes no value */
	OPT_WORD,    /* a const char *: the value as it is */
	OPT_NUMBER,  /* a long: decimal digits, from min to max */
	OPT_SECONDS, /* a long: milliseconds, given as seconds with decimals */
	OPT_CALL,    /* call() takes the value */
};

/* WORD: without its dash, and, if it takes a value, a blank and what -help
 * calls that. HELP: one short line; if it is empty, -help shows the word alone.
 * One text, since each pointer in a table costs a relocation at each start. */
#define OPT_TEXT(WORD, HELP) WORD "\0" HELP

struct opt {
	const char *word; /* OPT_TEXT; NULL ends a table */
	enum opt_kind kind;
	unsigned at; /* offset of the field in the settings */
	union {
		struct {
			int min, max;
		};
		/* Returns NULL, or why the value, which is empty if the
		 * option takes none, is refused. */
		const char *(*call)(void *settings, const char *value);
	};
};

/* The exit status of a usage error. */
#define OPT_USAGE_STATUS 2

/* Finds the option that a word of the command line names, with or without
 * =VALUE; NULL if the table has none. */
const struct opt *opt_find(const struct opt *table, const char *word);

/* Whether that is its name. */
bool opt_is(const struct opt *opt, const char *name);

/* Whether a value belongs to it. */
bool opt_takes_value(const struct opt *opt);

/*
 * Fills settings from argv[1] on and returns the index of the first word that
 * is no option (-- is passed over). A word that the table does not have, a
 * value that is missing or refused: says which and why and ends the process
 * with OPT_USAGE_STATUS.
 */
int opt_parse(const struct opt *table, void *settings, int argc, char **argv);

/* Writes the table to text, a line an option, and those without help together
 * behind them; returns how many bytes. */
size_t opt_help(const struct opt *table, char *text, size_t size);

/* Says what is wrong with the command line, points to -help and ends the
 * process with OPT_USAGE_STATUS. */
_Noreturn void opt_usage(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* Digits alone, from min to max, into *number; returns 0, or -1. */
int opt_number(const char *text, long min, long max, long *number);

#endif
