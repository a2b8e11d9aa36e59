#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What all fuzz targets share. A target is one file with fuzz_one; it takes
 * the fuzzer's bytes for whatever it needs, runs the product's own code and
 * checks what must hold. Calls of the C library that must not happen for real
 * are replaced at the linker (fuzz/wraps); outside fuzz_one they are real.
 */

#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what))                                                   \
			fuzz_fail(#what, __FILE__, __LINE__);                  \
	} while (0)

/* Says what does not hold and aborts: the fuzzer keeps the input. */
_Noreturn void fuzz_fail(const char *what, const char *file, int line);

/* What a target defines. Once; and for each input: all that is allocated must
 * be freed again, every descriptor closed. */
void fuzz_init(void);
void fuzz_one(const unsigned char *bytes, size_t n);

/* The fuzzer's bytes, taken from the front; zeros when they are used up. */
struct input {
	const unsigned char *at;
	const unsigned char *end;
};

unsigned input_byte(struct input *input);
unsigned input_number(struct input *input); /* 16 bits */
/* The next bytes, at most n: returns how many there are. */
size_t input_bytes(struct input *input, size_t n, const unsigned char **bytes);

/* How many of left bytes come next: a split that the seed decides. */
size_t split_next(uint32_t *seed, size_t left);

/* Bytes that were written down. */
struct told {
	unsigned char *bytes;
	size_t used;
	size_t room;
};

void told_add(struct told *told, const void *bytes, size_t n);
void told_number(struct told *told, uint64_t number);
bool told_same(const struct told *a, const struct told *b);
void told_free(struct told *told);

/* What the product has written to stdout and stderr since fuzz_one began,
 * where nothing else takes it. */
extern struct told fuzz_said;

/* Runs it. False: it has ended the process instead, with fuzz_status; what it
 * had allocated is freed. */
bool fuzz_try(void (*run)(void *), void *argument);
extern int fuzz_status;

/* Within fuzz_one. */
extern bool fuzz_on;

#endif
