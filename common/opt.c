/*
 * opt: walks the command line by a table of options. What an option means, and
 * which may stand together, it does not know.
 */
#include "opt.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "log.h"
#include "text.h"

/* As milliseconds they fit, also where a long has 32 bits. */
#define SECONDS_MAX                                                            \
	(LONG_MAX / 1000 < 1000000000 ? LONG_MAX / 1000 : 1000000000L)
#define HELP_COLUMNS 79

void opt_usage(const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	va_start(args, format);
	text_vformat(text, sizeof(text), format, args);
	va_end(args);
	note("%s", text);
	die(OPT_USAGE_STATUS, "try 'cgi-fcgi -help'");
}

int opt_number(const char *text, long min, long max, long *number)
{
	long value = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9'; p++) {
		if (value > (max - (*p - '0')) / 10)
			return -1;
		value = value * 10 + (*p - '0');
	}
	if (p == text || *p || value < min)
		return -1;
	*number = value;
	return 0;
}

/* Seconds into milliseconds, decimals behind the third dropped, but of no more
 * than 0 at least 1; returns 0, or -1. */
static int read_seconds(const char *text, long *ms)
{
	const char *first = text + (*text == '.');
	long value = 0;
	long unit = 100;
	bool some = false;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && value < SECONDS_MAX; p++)
		value = value * 10 + (*p - '0');
	if (*first < '0' || *first > '9' || value >= SECONDS_MAX)
		return -1;
	value *= 1000;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			value += unit * (*p - '0');
			unit /= 10;
			some |= *p != '0';
		}
	}
	if (*p)
		return -1;
	/* 0 means never. */
	*ms = value == 0 && some ? 1 : value;
	return 0;
}

static size_t name_length(const struct opt *opt)
{
	return strcspn(opt->word, " ");
}

/* The name in a word and its length, up to =; NULL if it is no option. */
static const char *name_in(const char *word, size_t *length)
{
	if (*word != '-')
		return NULL;
	word += word[1] == '-' ? 2 : 1;
	*length = strcspn(word, "=");
	return *length ? word : NULL;
}

const struct opt *opt_find(const struct opt *table, const char *word)
{
	size_t length;
	const char *name = name_in(word, &length);

	if (!name)
		return NULL;
	for (; table->word; table++)
		if (name_length(table) == length &&
		    memcmp(table->word, name, length) == 0)
			return table;
	return NULL;
}

static const char *help_of(const struct opt *opt)
{
	return opt->word + strlen(opt->word) + 1;
}

bool opt_is(const struct opt *opt, const char *name)
{
	return strlen(name) == name_length(opt) &&
	       memcmp(opt->word, name, strlen(name)) == 0;
}

bool opt_takes_value(const struct opt *opt)
{
	return opt->word[name_length(opt)] != '\0';
}

/* value is empty for an option without one. Returns NULL, or why it is
 * refused. */
static const char *store(const struct opt *opt, void *settings,
			 const char *value)
{
	char *field = (char *)settings + opt->at;
	static char why[80];

	switch (opt->kind) {
	case OPT_FLAG:
		*(bool *)(void *)field = true;
		return NULL;
	case OPT_WORD:
		*(const char **)(void *)field = value;
		return NULL;
	case OPT_NUMBER:
		if (opt_number(value, opt->min, opt->max,
			       (long *)(void *)field) == 0)
			return NULL;
		text_format(why, sizeof(why),
			    "not a whole number from %d to %d", opt->min,
			    opt->max);
		return why;
	case OPT_SECONDS:
		if (read_seconds(value, (long *)(void *)field) == 0)
			return NULL;
		return "not a number of seconds";
	case OPT_CALL:
		break;
	}
	return opt->call(settings, value);
}

/* One option; returns how many words it took. */
static int take(const struct opt *table, void *settings, char **words)
{
	const struct opt *opt = opt_find(table, words[0]);
	const char *value;
	const char *why;
	int length;
	int taken = 1;

	if (!opt)
		opt_usage("%s: unknown option", words[0]);
	length = (int)name_length(opt);
	value = strchr(words[0], '=');
	if (value)
		value++;
	if (!opt_takes_value(opt) && value)
		opt_usage("-%s takes no value", opt->word);
	if (opt_takes_value(opt) && !value) {
		value = words[1];
		taken = 2;
		if (!value)
			opt_usage("-%.*s needs %s", length, opt->word,
				  opt->word + length + 1);
	}
	if (!value)
		value = "";
	why = store(opt, settings, value);
	if (why)
		opt_usage("-%.*s %s: %s", length, opt->word, value, why);
	return taken;
}

int opt_parse(const struct opt *table, void *settings, int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-' && argv[i][1]) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1;
		i += take(table, settings, argv + i);
	}
	return i;
}

static size_t put_name(const struct opt *opt, char *text, size_t size)
{
	return text_format(text, size, "  -%s", opt->word);
}

/* Those that say nothing of themselves, as many in a line as fit. */
static size_t put_bare(const struct opt *table, char *text, size_t size)
{
	size_t line = 0;
	size_t used = 0;
	size_t length;

	for (; table->word; table++) {
		if (*help_of(table))
			continue;
		length = put_name(table, text + used, size - used);
		if (used - line + length > HELP_COLUMNS) {
			text[used++] = '\n';
			line = used;
			length = put_name(table, text + used, size - used);
		}
		used += length;
	}
	text[used++] = '\n';
	return used;
}

size_t opt_help(const struct opt *table, char *text, size_t size)
{
	const struct opt *opt;
	size_t used = 0;
	char left[64];

	for (opt = table; opt->word; opt++) {
		if (!*help_of(opt))
			continue;
		put_name(opt, left, sizeof(left));
		used += text_format(text + used, size - used, "%-25s %s\n",
				    left, help_of(opt));
	}
	return used + put_bare(table, text + used, size - used);
}
