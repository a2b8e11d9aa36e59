/*
 * answer: what the bridge makes of an application's bytes. The header is found
 * the same in whatever pieces they come, nothing is lost or twice, and a trace
 * shows the same and moves no cursor.
 */
#include <stdlib.h>
#include <string.h>

#include "../bridge/head.h"
#include "../bridge/trace.h"
#include "../bridge/wish.h"

#include "fuzz.h"

/* Some inputs are repeated to be longer than the longest header; they are cut
 * into larger pieces, so that it takes no longer. */
#define LONG_SIZE (HEAD_MAX + 3000)
#define PIECE_MIN 8192

struct seen {
	struct told text;
	enum head_state state;
	int status;
};

void fuzz_init(void)
{
}

static size_t piece(uint32_t *seed, size_t left)
{
	size_t n;

	if (*seed == 0)
		return left;
	n = split_next(seed, left);
	if (left > PIECE_MIN && n < PIECE_MIN)
		n += PIECE_MIN;
	return n < left ? n : left;
}

static void tell(struct told *told, const struct slice *slices, int count)
{
	int i;

	CHECK(count >= 0 && count <= 2);
	for (i = 0; i < count; i++) {
		CHECK(slices[i].length > 0);
		told_add(told, slices[i].bytes, slices[i].length);
	}
}

static struct seen look(enum show show, const unsigned char *bytes, size_t n,
			uint32_t seed)
{
	static struct head head;
	static unsigned char hold[HEAD_MAX];
	struct seen seen = {.status = 0};
	struct slice slices[2];

	head_open(&head, show, hold);
	while (n > 0) {
		size_t size = piece(&seed, n);

		if (size == 0)
			continue;
		tell(&seen.text, slices, head_take(&head, bytes, size, slices));
		bytes += size;
		n -= size;
	}
	seen.state = head.state;
	tell(&seen.text, slices, head_end(&head, slices));
	seen.status = head.status;
	CHECK(seen.status >= 0 && seen.status <= 999);
	return seen;
}

static void free_all(struct seen seen[6])
{
	int i;

	for (i = 0; i < 6; i++)
		told_free(&seen[i].text);
}

static void check_head(const unsigned char *bytes, size_t n, uint32_t seed)
{
	struct seen seen[6];
	struct told whole = {.used = 0};
	int show;

	for (show = 0; show < 3; show++) {
		struct seen *once = &seen[2 * show];
		struct seen *split = once + 1;

		*once = look((enum show)show, bytes, n, 0);
		*split = look((enum show)show, bytes, n, seed);
		/* A header that is too long may be noticed in its middle. */
		if (n > HEAD_MAX)
			continue;
		CHECK(told_same(&once->text, &split->text));
		CHECK(once->state == split->state);
		CHECK(once->status == split->status);
	}
	told_add(&whole, bytes, n);
	CHECK(told_same(&seen[2 * SHOW_ALL].text, &whole));
	for (show = 0; show < 2; show++) {
		struct told parts = {.used = 0};
		const struct told *head = &seen[2 * SHOW_HEAD + show].text;
		const struct told *body = &seen[2 * SHOW_CONTENT + show].text;

		told_add(&parts, head->bytes, head->used);
		told_add(&parts, body->bytes, body->used);
		CHECK(told_same(&parts, &whole));
		told_free(&parts);
	}
	told_free(&whole);
	free_all(seen);
}

static void show(const unsigned char *bytes, size_t n, uint32_t seed)
{
	static const struct patience patience;
	static struct outcome outcome;
	static struct trace trace;
	size_t i;

	fuzz_said.used = 0;
	wish.trace = true;
	trace_open(&trace, '<', &patience, &outcome);
	/* So that write(2) is called, which is what fuzz_said stands in for. */
	trace.sink.kind = SINK_PLAIN;
	while (n > 0) {
		size_t size = piece(&seed, n);

		trace_bytes(&trace, bytes, size);
		bytes += size;
		n -= size;
	}
	for (i = 0; i < fuzz_said.used; i++)
		CHECK(fuzz_said.bytes[i] >= ' ' || fuzz_said.bytes[i] == '\n');
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	struct input input = {bytes, bytes + n};
	uint32_t seed = input_number(&input) + 1;
	bool is_long = input_byte(&input) == 'L';
	struct told text = {.used = 0};
	struct told traced = {.used = 0};

	n = input_bytes(&input, n, &bytes);
	told_add(&text, bytes, n);
	while (is_long && n > 0 && text.used < LONG_SIZE)
		told_add(&text, bytes, n);
	check_head(text.bytes, text.used, seed);
	show(text.bytes, text.used, 0);
	told_add(&traced, fuzz_said.bytes, fuzz_said.used);
	show(text.bytes, text.used, seed);
	CHECK(told_same(&traced, &fuzz_said));
	told_free(&traced);
	told_free(&text);
}
