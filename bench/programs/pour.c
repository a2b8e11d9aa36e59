/* pour: prints POUR bytes of the pattern, written in blocks of BLOCK bytes,
 * 65536 at most. */
#include <unistd.h>

#include "pattern.h"

static unsigned long long number(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
	static const char head[] =
		"Content-Type: application/octet-stream\r\n\r\n";
	unsigned long long left = number("POUR", 1 << 20);
	size_t block = (size_t)number("BLOCK", PATTERN_PERIOD);
	unsigned char *pattern = pattern_make();
	size_t at = 0;
	ssize_t n;

	if (!pattern || block < 1 || block > PATTERN_PERIOD ||
	    write(1, head, sizeof(head) - 1) != (ssize_t)sizeof(head) - 1)
		return 1;
	for (; left > 0; left -= (size_t)n) {
		n = write(1, pattern + at, left < block ? (size_t)left : block);
		if (n <= 0)
			return 1;
		at = (at + (size_t)n) % PATTERN_PERIOD;
	}
	return 0;
}
