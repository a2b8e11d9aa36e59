#ifndef IMAGE_H
#define IMAGE_H

#include <stdbool.h>

/*
 * What would be executed for a file: the command line of a program that can be
 * made a template of (-preload), or why it cannot be.
 */

#define IMAGE_WORDS 16

struct image {
	char *words[IMAGE_WORDS]; /* #! lines resolved */
	bool later;		  /* with a prelude's among them */
	const char *why;	  /* it cannot be, in words */
};

/* Fills image for the file path as seen from the folder, which would be started
 * with argv. Returns 0, or -1 with why. The words, and why, are valid
 * until the next call. */
int image_of(struct image *image, int folder, const char *path,
	     char *const *argv);

#endif
