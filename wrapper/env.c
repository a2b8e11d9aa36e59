/*
 * env: decodes FCGI_PARAMS straight into the block that execve is given.
 * A pair that a program must not see is dropped as soon as it is complete.
 */
#include "env.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "text.h"

#define ENV_FIRST 4096 /* a usual request fits */

/* What all environments together take beyond that. Whoever begins requests
 * and never ends their FCGI_PARAMS must not have all memory. */
#define ENV_ALL_MAX ((size_t)64 * ENV_MAX)

static size_t beyond;

static size_t beyond_first(size_t size)
{
	return size > ENV_FIRST ? size - ENV_FIRST : 0;
}

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/*
 * Variables that change how a program is loaded or where it looks for code,
 * before its own first line: those that the C libraries ignore for set-user-ID
 * programs. HTTP_PROXY is the header Proxy, not a proxy ("httpoxy").
 */
static bool is_forbidden(const char *pair)
{
	static const char prefixes[][26] = {
		"LD_",		"MALLOC_",
		"HTTP_PROXY=",	"GCONV_PATH=",
		"GETCONF_DIR=", "GLIBC_TUNABLES=",
		"HOSTALIASES=", "LOCALDOMAIN=",
		"LOCPATH=",	"NIS_PATH=",
		"NLSPATH=",	"RESOLV_HOST_CONF=",
		"RES_OPTIONS=", "RESOLV_ADD_TRIM_DOMAINS=",
		"TMPDIR=",	"TZDIR=",
	};
	size_t i;

	/* Every pair comes by here: most differ in their first letter. */
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (*pair == *prefixes[i] && has_prefix(pair, prefixes[i]))
			return true;
	return false;
}

static int grow(struct env *env, size_t more)
{
	size_t size = env->size ? env->size : ENV_FIRST;
	size_t wanted;
	char *text;

	while (size - env->used < more)
		size *= 2;
	if (size == env->size)
		return 0;
	wanted = beyond - beyond_first(env->size) + beyond_first(size);
	text = wanted > ENV_ALL_MAX ? NULL : realloc(env->text, size);
	if (!text) {
		env->no_memory = true;
		errno = ENOMEM;
		return -1;
	}
	beyond = wanted;
	env->text = text;
	env->size = size;
	return 0;
}

static void drop(struct env *env)
{
	beyond -= beyond_first(env->size);
	free(env->text);
	env->text = NULL;
	env->size = env->used = env->pair = 0;
}

static void append(struct env *env, const void *bytes, size_t length)
{
	if (env->skip)
		return;
	if (length > 0 && memchr(bytes, '\0', length)) {
		env->skip = true;
		return;
	}
	memcpy(env->text + env->used, bytes, length);
	env->used += length;
}

/* The lengths of a pair are known: make room for all of it. */
static void begin_pair(struct env *env)
{
	/* Where size_t has 32 bits the sum of two lengths does not fit. */
	uint64_t whole = (uint64_t)env->reader.name + env->reader.value + 2;

	env->pair = env->used;
	env->value = 0;
	env->skip = env->reader.name == 0;
	if (whole > ENV_MAX || env->used > ENV_MAX - whole)
		env->too_large = true;
	if (env->too_large || env->no_memory || grow(env, (size_t)whole) < 0)
		env->skip = true;
	/* It will not be run: what came is of no use. */
	if (env->too_large || env->no_memory)
		drop(env);
}

/* Ends the name with =; a name that holds one itself would set another
 * variable than it says. */
static void end_name(struct env *env)
{
	if (env->skip || env->value)
		return;
	if (memchr(env->text + env->pair, '=', env->used - env->pair)) {
		env->skip = true;
		return;
	}
	env->text[env->used++] = '=';
	env->value = env->used;
}

static void end_pair(struct env *env)
{
	end_name(env);
	if (!env->skip) {
		env->text[env->used++] = '\0';
		if (!is_forbidden(env->text + env->pair))
			return;
	}
	env->used = env->pair;
}

void env_params(struct env *env, const unsigned char *bytes, size_t length)
{
	const unsigned char *end = bytes + length;
	const unsigned char *part = NULL;
	size_t n = 0;

	for (;;) {
		switch (pair_next(&env->reader, &bytes, end, &part, &n)) {
		case PAIR_MORE:
			return;
		case PAIR_BEGIN:
			begin_pair(env);
			break;
		case PAIR_NAME:
			append(env, part, n);
			break;
		case PAIR_VALUE:
			end_name(env);
			append(env, part, n);
			break;
		case PAIR_END:
			end_pair(env);
			break;
		}
	}
}

bool env_complete(const struct env *env)
{
	return pair_complete(&env->reader);
}

/* Whether the variable at that place has the name. All are asked so, and often:
 * most have their = elsewhere. */
static bool is_named(const struct env *env, size_t at, const char *name,
		     size_t length)
{
	const char *pair = env->text + at;

	return length < env->used - at && pair[length] == '=' &&
	       memcmp(pair, name, length) == 0;
}

const char *env_get(const struct env *env, const char *name)
{
	size_t length = strlen(name);
	const char *found = NULL;
	size_t at;

	for (at = 0; at < env->used; at += strlen(env->text + at) + 1)
		if (is_named(env, at, name, length))
			found = env->text + at + length + 1;
	return found;
}

/* In one pass: it may have come as often as there is room for. */
static void unset(struct env *env, const char *name, size_t length)
{
	size_t kept = 0;
	size_t at = 0;

	while (at < env->used) {
		size_t whole = strlen(env->text + at) + 1;

		if (!is_named(env, at, name, length)) {
			if (kept < at)
				memmove(env->text + kept, env->text + at,
					whole);
			kept += whole;
		}
		at += whole;
	}
	env->used = kept;
}

void env_unset(struct env *env, const char *name)
{
	unset(env, name, strlen(name));
}

int env_put(struct env *env, const char *pair)
{
	size_t size = strlen(pair) + 1;

	if (grow(env, size) < 0)
		return -1;
	unset(env, pair, strcspn(pair, "="));
	memcpy(env->text + env->used, pair, size);
	env->used += size;
	return 0;
}

int env_set(struct env *env, const char *name, const char *value)
{
	/* value may point into the block that is about to move. */
	char *pair = text_join(name, "=", value);
	int result;

	if (!pair)
		return -1;
	result = env_put(env, pair);
	free(pair);
	return result;
}

/* Where hashes begin: nobody can choose names that all share one place. */
static uint32_t seed(void)
{
	static uint32_t begin;

	if (begin == 0 &&
	    getrandom(&begin, sizeof(begin), GRND_NONBLOCK) != sizeof(begin))
		begin = 2166136261u;
	return begin;
}

static uint32_t hash_name(const char *pair)
{
	uint32_t hash = seed();

	for (; *pair != '='; pair++)
		hash = (hash ^ (unsigned char)*pair) * 16777619u;
	return hash;
}

static bool same_name(const char *a, const char *b)
{
	size_t length = strcspn(a, "=") + 1;

	return strncmp(a, b, length) == 0;
}

/* Puts a pair into its place of the table, over an earlier one of its name.
 * The list keeps the first one's place and the last one's value. */
static size_t list_pair(char **list, size_t count, uint32_t *table,
			uint32_t mask, char *pair)
{
	uint32_t at = hash_name(pair) & mask;

	while (table[at]) {
		char **there = &list[table[at] - 1];

		if (same_name(*there, pair)) {
			*there = pair;
			return count;
		}
		at = (at + 1) & mask;
	}
	list[count] = pair;
	table[at] = (uint32_t)count + 1;
	return count + 1;
}

static size_t count_pairs(const struct env *env)
{
	size_t pairs = 0;
	size_t at;

	for (at = 0; at < env->used; at += strlen(env->text + at) + 1)
		pairs++;
	return pairs;
}

char **env_list(struct env *env)
{
	size_t pairs = count_pairs(env);
	size_t count = 0;
	size_t at;
	uint32_t slots = 64;
	uint32_t *table;

	while (slots < pairs * 2)
		slots *= 2;
	free(env->list);
	env->list = malloc((pairs + 1) * sizeof(*env->list));
	table = calloc(slots, sizeof(*table));
	if (!env->list || !table) {
		free(env->list);
		free(table);
		env->list = NULL;
		return NULL;
	}
	for (at = 0; at < env->used; at += strlen(env->text + at) + 1)
		count = list_pair(env->list, count, table, slots - 1,
				  env->text + at);
	env->list[count] = NULL;
	free(table);
	return env->list;
}

void env_free(struct env *env)
{
	drop(env);
	free(env->list);
	memset(env, 0, sizeof(*env));
}
