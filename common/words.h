#ifndef WORDS_H
#define WORDS_H

/*
 * The words of an option that may be repeated, in their order. The words belong
 * to the command line, the list to whoever has it.
 */

struct words {
	const char **word; /* NULL: none */
	int count;
};

/* Puts a word behind the others. Returns 0, or -1 if there is no memory. */
int words_add(struct words *words, const char *word);

#endif
