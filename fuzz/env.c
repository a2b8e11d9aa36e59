/*
 * env: FCGI_PARAMS in any pieces against a plain decoder that has all bytes at
 * once, and what is set and unset afterwards.
 */
#include "../wrapper/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define PAIRS_MAX 4096

struct pair {
	const unsigned char *name;
	size_t name_length;
	const unsigned char *value;
	size_t value_length;
};

struct plain {
	struct pair pair[PAIRS_MAX];
	size_t count;
	size_t used;
	bool complete;
	bool too_large;
};

void fuzz_init(void)
{
}

static bool begins(const struct pair *pair, const char *prefix)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "%.*s=", (int)pair->name_length,
			 (const char *)pair->name);

	return n > 0 && strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_seen(const struct pair *pair)
{
	return pair->name_length > 0 &&
	       !memchr(pair->name, '\0', pair->name_length) &&
	       !memchr(pair->name, '=', pair->name_length) &&
	       (pair->value_length == 0 ||
		!memchr(pair->value, '\0', pair->value_length)) &&
	       !begins(pair, "LD_") && !begins(pair, "MALLOC_") &&
	       !begins(pair, "HTTP_PROXY=") && !begins(pair, "GCONV_PATH=") &&
	       !begins(pair, "GETCONF_DIR=") &&
	       !begins(pair, "GLIBC_TUNABLES=") &&
	       !begins(pair, "HOSTALIASES=") && !begins(pair, "LOCALDOMAIN=") &&
	       !begins(pair, "LOCPATH=") && !begins(pair, "NIS_PATH=") &&
	       !begins(pair, "NLSPATH=") &&
	       !begins(pair, "RESOLV_HOST_CONF=") &&
	       !begins(pair, "RES_OPTIONS=") &&
	       !begins(pair, "RESOLV_ADD_TRIM_DOMAINS=") &&
	       !begins(pair, "TMPDIR=") && !begins(pair, "TZDIR=");
}

/* One length; false: it is not all there. */
static bool length_at(const unsigned char **at, const unsigned char *end,
		      size_t *length)
{
	if (*at == end || (**at & 0x80 && end - *at < 4))
		return false;
	if (**at & 0x80) {
		*length = (size_t)((*at)[0] & 0x7f) << 24 |
			  (size_t)(*at)[1] << 16 | (size_t)(*at)[2] << 8 |
			  (*at)[3];
		*at += 4;
	} else {
		*length = *(*at)++;
	}
	return true;
}

static void keep(struct plain *plain, const struct pair *pair)
{
	size_t i;

	plain->used += pair->name_length + pair->value_length + 2;
	for (i = 0; i < plain->count; i++) {
		if (plain->pair[i].name_length != pair->name_length ||
		    memcmp(plain->pair[i].name, pair->name,
			   pair->name_length) != 0)
			continue;
		plain->pair[i] = *pair;
		return;
	}
	CHECK(plain->count < PAIRS_MAX);
	plain->pair[plain->count++] = *pair;
}

static void decode(struct plain *plain, const unsigned char *at,
		   const unsigned char *end)
{
	plain->count = plain->used = 0;
	plain->too_large = false;
	plain->complete = true;
	while (at < end) {
		struct pair pair;
		size_t whole;

		plain->complete = false;
		if (!length_at(&at, end, &pair.name_length) ||
		    !length_at(&at, end, &pair.value_length))
			return;
		whole = pair.name_length + pair.value_length;
		if (whole + 2 > ENV_MAX || plain->used + whole + 2 > ENV_MAX)
			plain->too_large = true;
		if ((size_t)(end - at) < whole)
			return;
		pair.name = at;
		pair.value = at + pair.name_length;
		at += whole;
		plain->complete = true;
		if (!plain->too_large && is_seen(&pair))
			keep(plain, &pair);
	}
}

static bool is_pair(const char *text, const struct pair *pair)
{
	return strlen(text) == pair->name_length + 1 + pair->value_length &&
	       memcmp(text, pair->name, pair->name_length) == 0 &&
	       text[pair->name_length] == '=' &&
	       memcmp(text + pair->name_length + 1, pair->value,
		      pair->value_length) == 0;
}

static void compare(struct env *env, const struct plain *plain)
{
	char **list;
	size_t i;

	CHECK(env_complete(env) == plain->complete);
	CHECK(env->too_large == plain->too_large);
	if (!plain->complete)
		return;
	list = env_list(env);
	CHECK(list != NULL);
	for (i = 0; i < plain->count; i++)
		CHECK(list[i] && is_pair(list[i], &plain->pair[i]));
	CHECK(list[i] == NULL);
}

/* Sets one of the names anew, takes another one out. */
static void change(struct env *env, const char *name, const char *other)
{
	char *before = NULL;

	if (env_get(env, other))
		before = strdup(env_get(env, other));
	CHECK(env_set(env, name, "/a/new value") == 0);
	CHECK(strcmp(env_get(env, name), "/a/new value") == 0);
	if (strcmp(name, other) != 0 && before)
		CHECK(strcmp(env_get(env, other), before) == 0);
	free(before);
	/* Its own text as the new value. */
	CHECK(env_set(env, other, env_get(env, name)) == 0);
	CHECK(strcmp(env_get(env, other), "/a/new value") == 0);
	env_unset(env, name);
	CHECK(env_get(env, name) == NULL);
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	static struct plain plain;
	struct input input = {bytes, bytes + n};
	uint32_t seed = input_number(&input);
	const unsigned char *at = input.at;
	struct env env = {.text = NULL};

	decode(&plain, input.at, input.end);
	while (at < input.end) {
		size_t size = split_next(&seed, (size_t)(input.end - at));
		unsigned char *bare = malloc(size);

		CHECK(bare != NULL);
		memcpy(bare, at, size);
		env_params(&env, bare, size);
		free(bare);
		at += size;
	}
	compare(&env, &plain);
	if (plain.complete)
		change(&env, "SCRIPT_NAME", "A");
	env_free(&env);
	env_free(&env);
}
