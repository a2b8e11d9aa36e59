/*
 * nonce: a CGI program whose every byte can be foretold: QUERY_STRING is
 * NONCE:BYTES:HOW. It prints BYTES bytes made of the nonce, then the number and
 * the sum of stdin's bytes. HOW: p plain, e the same with a line on stderr, k
 * kills itself half-way, s is silent half-way until it is ended.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void print(unsigned long nonce, unsigned long from, unsigned long to)
{
	for (; from < to; from++)
		putchar((int)('a' + (nonce + from * (nonce % 7 + 1)) % 26));
}

int main(void)
{
	const char *query = getenv("QUERY_STRING");
	unsigned long nonce = 0;
	unsigned long bytes = 0;
	unsigned long length = 0;
	unsigned long sum = 0;
	char how = 'p';
	int byte;

	if (!query || sscanf(query, "%lu:%lu:%c", &nonce, &bytes, &how) != 3)
		return 1;
	printf("Nonce: %lu\n\n", nonce);
	print(nonce, 0, bytes / 2);
	if (how == 'e')
		fprintf(stderr, "error %lu\n", nonce);
	if (how == 'k' || how == 's') {
		fflush(stdout);
		if (how == 'k')
			raise(SIGKILL);
		for (;;)
			pause();
	}
	while ((byte = getchar()) != EOF) {
		length++;
		sum = (sum * 31 + (unsigned long)byte) & 0xffffffff;
	}
	print(nonce, bytes / 2, bytes);
	printf("\n%lu %lu\n", length, sum);
	return (int)(nonce % 100);
}
