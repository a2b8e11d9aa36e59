/*
 * fuzz: between libFuzzer and a target.
 */
#include "fuzz.h"

#include <poll.h>
#include <sanitizer/allocator_interface.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRIED_MAX	4096
#define SAID_MAX	(1 << 20)
#define DESCRIPTORS_MAX 128

struct told fuzz_said;
int fuzz_status;
bool fuzz_on;

static jmp_buf exited;
static bool trying;
static const volatile void *tried[TRIED_MAX];
static int tried_count;
static long blocks;		   /* that are allocated */
static _Thread_local bool is_ours; /* the fuzzer has a thread of its own */

void fuzz_fail(const char *what, const char *file, int line)
{
	fuzz_on = false;
	fprintf(stderr, "fuzz: %s:%d: does not hold: %s\n", file, line, what);
	fprintf(stderr, "%.*s", (int)fuzz_said.used,
		fuzz_said.bytes ? (char *)fuzz_said.bytes : "");
	abort();
}

unsigned input_byte(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

unsigned input_number(struct input *input)
{
	unsigned high = input_byte(input);

	return high << 8 | input_byte(input);
}

size_t input_bytes(struct input *input, size_t n, const unsigned char **bytes)
{
	size_t left = (size_t)(input->end - input->at);

	n = n < left ? n : left;
	*bytes = input->at;
	input->at += n;
	return n;
}

size_t split_next(uint32_t *seed, size_t left)
{
	size_t n;

	*seed = *seed * 1664525u + 1013904223u;
	/* Mostly little pieces, some of any size. */
	n = *seed >> 28 ? *seed >> 24 & 15 : *seed >> 8 & 0xffff;
	return n < left ? n : left;
}

void told_add(struct told *told, const void *bytes, size_t n)
{
	if (told->room - told->used < n) {
		told->room = (told->used + n) * 2;
		told->bytes = realloc(told->bytes, told->room);
		CHECK(told->bytes != NULL);
	}
	if (n > 0)
		memcpy(told->bytes + told->used, bytes, n);
	told->used += n;
}

void told_number(struct told *told, uint64_t number)
{
	told_add(told, &number, sizeof(number));
}

bool told_same(const struct told *a, const struct told *b)
{
	return a->used == b->used &&
	       (a->used == 0 || memcmp(a->bytes, b->bytes, a->used) == 0);
}

void told_free(struct told *told)
{
	free(told->bytes);
	memset(told, 0, sizeof(*told));
}

static void allocated(const volatile void *block, size_t size)
{
	(void)size;
	if (!is_ours)
		return;
	blocks++;
	if (trying && tried_count < TRIED_MAX)
		tried[tried_count++] = block;
}

static void freed(const volatile void *block)
{
	int i;

	if (!is_ours)
		return;
	blocks--;
	for (i = tried_count; trying && i-- > 0;)
		if (tried[i] == block) {
			tried[i] = tried[--tried_count];
			return;
		}
}

bool fuzz_try(void (*run)(void *), void *argument)
{
	if (setjmp(exited) == 0) {
		tried_count = 0;
		trying = true;
		run(argument);
		trying = false;
		return true;
	}
	trying = false;
	while (tried_count > 0)
		free((void *)(uintptr_t)tried[--tried_count]);
	return false;
}

_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);

_Noreturn void __wrap_exit(int status)
{
	if (!fuzz_on)
		__real_exit(status);
	CHECK(trying);
	fuzz_status = status;
	longjmp(exited, 1);
}

static int open_descriptors(void)
{
	static struct pollfd fds[DESCRIPTORS_MAX];
	int count = 0;
	int i;

	for (i = 0; i < DESCRIPTORS_MAX; i++)
		fds[i].fd = i;
	CHECK(poll(fds, DESCRIPTORS_MAX, 0) >= 0);
	for (i = 0; i < DESCRIPTORS_MAX; i++)
		count += !(fds[i].revents & POLLNVAL);
	return count;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	is_ours = true;
	/* It never grows. */
	fuzz_said.room = SAID_MAX;
	fuzz_said.bytes = malloc(SAID_MAX);
	CHECK(fuzz_said.bytes != NULL);
	__sanitizer_install_malloc_and_free_hooks(allocated, freed);
	fuzz_init();
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	int descriptors = open_descriptors();
	long before;

	fuzz_said.used = 0;
	before = blocks;
	fuzz_on = true;
	fuzz_one(bytes, n);
	fuzz_on = false;
	CHECK(blocks == before);
	CHECK(open_descriptors() == descriptors);
	return 0;
}
