/*
 * pour: a CGI program that prints as many bytes as QUERY_STRING says, the same
 * pattern each time; then it ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static char block[65536];
	static const char head[] = "Content-Type: application/octet-stream\n\n";
	const char *query = getenv("QUERY_STRING");
	unsigned long long left = query ? strtoull(query, NULL, 10) : 0;
	size_t i;
	ssize_t n;

	if (write(1, head, strlen(head)) < 0)
		return 1;
	for (i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 31 + i / 251);
	/* From the pattern's place where the last write ended. */
	for (i = 0; left > 0; left -= (size_t)n) {
		size_t room = sizeof(block) - i;

		n = write(1, block + i, left < room ? (size_t)left : room);
		if (n < 0)
			return 1;
		i = (i + (size_t)n) % sizeof(block);
	}
	return 0;
}
