#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>

/*
 * What is in a file that is to be executed, as far as -preload must know it
 * beforehand: a program that cannot be made a template of would simply run. It
 * knows the forms of files (#! lines, ELF), not templates.
 */

#define IMAGE_WORDS 16

struct image {
	char *words[IMAGE_WORDS]; /* the command line, #! lines resolved */
	bool later;		  /* an interpreter that has a prelude */
	const char *why;	  /* it cannot be, in words */
};

/* Once: where template.so and the preludes are. Returns 0, or -1 and errno. */
int image_init(void);

/* The path of template.so. */
const char *image_template(void);

/* Fills image for the file path as seen from the folder, which would be started
 * with argv. Returns 0, or -1 with why. The words, and why, are valid
 * until the next call. */
int image_of(struct image *image, int folder, const char *path,
	     char *const *argv);

#endif
