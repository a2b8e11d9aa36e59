/*
 * words: a list that grows by one.
 */
#include "words.h"

#include <stdlib.h>

int words_add(struct words *words, const char *word)
{
	size_t size = ((size_t)words->count + 1) * sizeof(words->word[0]);
	const char **grown = realloc(words->word, size);

	if (!grown)
		return -1;
	words->word = grown;
	words->word[words->count++] = word;
	return 0;
}
