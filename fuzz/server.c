#include "server.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BEGIN = 1,
	ABORT,
	END,
	PARAMS,
	STDIN,
	STDOUT,
	STDERR,
	DATA,
	VALUES,
	RESULT,
	UNKNOWN,
};

enum { RESPONDER = 1, AUTHORIZER, FILTER };

struct asked asked[ASKED_MAX];
int asked_count;

static uint32_t serials;

static struct asked *find(uint32_t serial)
{
	int i;

	for (i = 0; i < asked_count; i++)
		if (asked[i].serial == serial)
			return &asked[i];
	return NULL;
}

static struct asked *newest(struct server *server, unsigned id)
{
	int i;

	for (i = asked_count; i-- > 0;)
		if (asked[i].server == server && asked[i].id == id)
			return &asked[i];
	return NULL;
}

struct asked *asked_active(struct server *server, unsigned id)
{
	struct asked *one = newest(server, id);

	return one && !one->ended ? one : NULL;
}

bool asked_is_whole(const struct asked *one)
{
	return one->params_ended &&
	       (one->role == AUTHORIZER || one->stdin_ended) &&
	       (one->role != FILTER || one->data_ended);
}

/* --- What is sent */

static void note_begin(struct server *server)
{
	const unsigned char *head = server->sent.head;
	unsigned id = (unsigned)(head[2] << 8 | head[3]);
	struct asked *one;

	if (id == 0 || server->sent.body_have < 8 || asked_count == ASKED_MAX) {
		server->may_close = server->broken = true;
		return;
	}
	/* Whether it is one too many depends on what the wrapper did first. */
	if (asked_active(server, id))
		server->may_close = server->broken = true;
	one = &asked[asked_count++];
	memset(one, 0, sizeof(*one));
	one->server = server;
	one->serial = ++serials;
	one->id = (uint16_t)id;
	one->role =
		(unsigned)(server->sent.body[0] << 8 | server->sent.body[1]);
	one->too_late = server->last;
	if (!(server->sent.body[2] & 1))
		server->last = server->may_close = true;
}

/* A record's content is complete; or it is empty. */
static void note_sent(struct server *server)
{
	const unsigned char *head = server->sent.head;
	bool is_empty = head[4] == 0 && head[5] == 0;
	struct asked *one = newest(server, (unsigned)(head[2] << 8 | head[3]));

	if (head[1] == BEGIN)
		note_begin(server);
	else if (!one)
		return;
	else if (head[1] == ABORT)
		one->aborted = true;
	else if (head[1] == PARAMS && is_empty)
		one->params_ended = true;
	else if (head[1] == STDIN && is_empty)
		one->stdin_ended = one->stdin_ended || one->params_ended;
	else if (head[1] == DATA && is_empty)
		one->data_ended = one->data_ended || one->params_ended;
}

static void keep_body(struct bytewise *reader, const unsigned char *bytes,
		      size_t n)
{
	size_t room = sizeof(reader->body) - reader->body_have;

	n = n < room ? n : room;
	memcpy(reader->body + reader->body_have, bytes, n);
	reader->body_have += (unsigned)n;
}

static void note_content(struct server *server, const unsigned char *bytes,
			 size_t n)
{
	const unsigned char *head = server->sent.head;
	struct asked *one = newest(server, (unsigned)(head[2] << 8 | head[3]));

	if (!one || !one->params_ended || one->role == AUTHORIZER)
		return;
	if (head[1] == STDIN && !one->stdin_ended)
		told_add(&one->body, bytes, n);
	if (head[1] == DATA && one->role == FILTER && !one->data_ended)
		told_add(&one->data, bytes, n);
}

/* Takes bytes, no more than belong together; returns how many. content is
 * called for those of content, and *whole is set when a record is complete. */
static size_t
take(struct server *server, struct bytewise *reader, const unsigned char *bytes,
     size_t n, void (*content)(struct server *, const unsigned char *, size_t),
     bool *whole)
{
	*whole = false;
	if (reader->have == 8 && reader->left > 0) {
		n = n < reader->left ? n : reader->left;
		keep_body(reader, bytes, n);
		content(server, bytes, n);
		reader->left -= (unsigned)n;
		*whole = reader->left == 0;
		return n;
	}
	if (reader->have == 8 && reader->padding > 0) {
		n = n < reader->padding ? n : reader->padding;
		reader->padding -= (unsigned)n;
		return n;
	}
	if (reader->have == 8)
		reader->have = 0;
	reader->head[reader->have++] = *bytes;
	if (reader->have == 8) {
		const unsigned char *head = reader->head;

		reader->left = (unsigned)(head[4] << 8 | head[5]);
		reader->padding = head[6];
		reader->body_have = 0;
		*whole = reader->left == 0;
	}
	return 1;
}

static void note_all(struct server *server, const unsigned char *bytes,
		     size_t n)
{
	struct bytewise *sent = &server->sent;
	bool whole;

	while (n > 0 && !server->broken) {
		size_t taken =
			take(server, sent, bytes, n, note_content, &whole);

		if (whole)
			note_sent(server);
		if (sent->have > 0 && sent->head[0] != 1)
			server->broken = server->may_close = true;
		bytes += taken;
		n -= taken;
	}
}

void server_say(struct server *server, const void *bytes, size_t n)
{
	if (server->fd < 0 || server->half_closed)
		return;
	told_add(&server->queue, bytes, n);
	note_all(server, bytes, n);
}

void server_record(struct server *server, unsigned type, unsigned id,
		   const void *bytes, size_t n, unsigned padding)
{
	static const unsigned char zeros[256];
	unsigned char head[8] = {1,
				 (unsigned char)type,
				 (unsigned char)(id >> 8),
				 (unsigned char)id,
				 (unsigned char)(n >> 8),
				 (unsigned char)n,
				 (unsigned char)padding};

	server_say(server, head, sizeof(head));
	server_say(server, bytes, n);
	server_say(server, zeros, padding & 255);
}

bool server_send(struct server *server, size_t n)
{
	size_t left = server->queue.used - server->queue_at;
	ssize_t sent;

	if (server->fd < 0 || server->half_closed || left == 0)
		return false;
	sent = send(server->fd, server->queue.bytes + server->queue_at,
		    n < left ? n : left, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent > 0)
		server->queue_at += (size_t)sent;
	return sent > 0;
}

/* --- What comes back */

static const struct running *program_of(const struct asked *one)
{
	int i;

	for (i = 0; i < program_count; i++)
		if (programs[i].serial == one->serial)
			return &programs[i];
	return NULL;
}

/* What a program printed, as it should arrive. */
static void check_output(const struct asked *one)
{
	const struct running *program = program_of(one);
	const struct told *got = &one->got;
	struct told want = {.used = 0};
	bool is_page = got->used > 8 && memcmp(got->bytes, "Status: ", 8) == 0;
	bool same;

	if (!program || one->server->broken)
		return;
	if (program->said->used >= 9 &&
	    memcmp(program->said->bytes, "HTTP/1.", 7) == 0 &&
	    program->said->bytes[8] == ' ') {
		told_add(&want, "Status: ", 8);
		told_add(&want, program->said->bytes + 9,
			 program->said->used - 9);
	} else {
		told_add(&want, program->said->bytes, program->said->used);
	}
	same = got->used <= want.used &&
	       (got->used == 0 ||
		memcmp(got->bytes, want.bytes, got->used) == 0);
	CHECK(same || is_page);
	/* A program that ended by itself is heard to its end. */
	if (same && one->ended && program->reaped && !program->term &&
	    !program->was_left && WIFEXITED(program->status) &&
	    one->app_status == (uint32_t)WEXITSTATUS(program->status))
		CHECK(got->used == want.used);
	told_free(&want);
}

static struct asked *oldest(struct server *server, unsigned id)
{
	int i;

	for (i = 0; i < asked_count; i++)
		if (asked[i].server == server && asked[i].id == id &&
		    !asked[i].ended)
			return &asked[i];
	return NULL;
}

static void take_end(struct server *server, struct asked *one)
{
	const unsigned char *body = server->got.body;

	CHECK(server->got.body_have == 8);
	CHECK(body[5] == 0 && body[6] == 0 && body[7] == 0);
	one->ended = true;
	one->app_status = (uint32_t)body[0] << 24 | (uint32_t)body[1] << 16 |
			  (uint32_t)body[2] << 8 | body[3];
	if (one->role < RESPONDER || one->role > FILTER) {
		CHECK(body[4] == 3 && !one->out_ended && !one->err_opened);
		return;
	}
	CHECK(body[4] == 0);
	CHECK(one->out_ended);
	CHECK(one->err_opened == one->err_ended);
	check_output(one);
}

static void take_record(struct server *server)
{
	const unsigned char *head = server->got.head;
	unsigned id = (unsigned)(head[2] << 8 | head[3]);
	unsigned n = (unsigned)(head[4] << 8 | head[5]);
	struct asked *one = oldest(server, id);

	CHECK(head[0] == 1 && head[7] == 0);
	CHECK(n + head[6] <= 65535);
	if (head[1] == RESULT || head[1] == UNKNOWN) {
		CHECK(id == 0);
		return;
	}
	if (server->broken)
		return;
	CHECK(id != 0 && one != NULL);
	if (head[1] == END) {
		take_end(server, one);
		return;
	}
	CHECK(head[1] == STDOUT || head[1] == STDERR);
	if (head[1] == STDOUT) {
		CHECK(!one->out_ended);
		one->out_ended = n == 0;
	} else {
		CHECK(!one->err_ended);
		one->err_opened = true;
		one->err_ended = n == 0;
	}
}

static void take_content(struct server *server, const unsigned char *bytes,
			 size_t n)
{
	const unsigned char *head = server->got.head;
	struct asked *one = oldest(server, (unsigned)(head[2] << 8 | head[3]));

	if (head[1] == STDOUT && one && !server->broken)
		told_add(&one->got, bytes, n);
}

static void take_all(struct server *server, const unsigned char *bytes,
		     size_t n)
{
	bool whole;

	while (n > 0) {
		size_t taken = take(server, &server->got, bytes, n,
				    take_content, &whole);

		if (whole)
			take_record(server);
		bytes += taken;
		n -= taken;
	}
}

bool server_receive(struct server *server, size_t n)
{
	static unsigned char block[65536];
	ssize_t came;

	if (server->fd < 0 || server->at_end || n == 0)
		return false;
	came = recv(server->fd, block, n < sizeof(block) ? n : sizeof(block),
		    MSG_DONTWAIT);
	if (came < 0 && errno == EAGAIN)
		return false;
	if (came <= 0) {
		/* Between two records, unless it was we who broke it off. */
		CHECK(server->may_close || server->half_closed);
		CHECK(server->may_close || server->got.have == 0 ||
		      (server->got.have == 8 && server->got.left == 0 &&
		       server->got.padding == 0));
		server->at_end = true;
		return false;
	}
	take_all(server, block, (size_t)came);
	return true;
}

void server_half_close(struct server *server)
{
	if (server->fd < 0 || server->half_closed)
		return;
	shutdown(server->fd, SHUT_WR);
	server->half_closed = true;
	if (server->queue_at < server->queue.used)
		server->broken = server->may_close = true;
	/* On TCP that is a close. */
	if (!server->is_unix)
		server->may_close = true;
}

void server_close(struct server *server)
{
	if (server->fd >= 0)
		close(server->fd);
	server->fd = -1;
}

/* --- What programs read */

void asked_check_body(const struct running *program, const unsigned char *bytes,
		      size_t n)
{
	const struct asked *one = find(program->serial);
	size_t at = (size_t)program->got;
	size_t part;

	if (!one || one->server->broken)
		return;
	CHECK(at + n <= one->body.used + one->data.used);
	part = at < one->body.used ? one->body.used - at : 0;
	part = part < n ? part : n;
	CHECK(part == 0 || memcmp(bytes, one->body.bytes + at, part) == 0);
	if (part == n)
		return;
	CHECK(one->stdin_ended);
	CHECK(memcmp(bytes + part,
		     one->data.bytes + (at + part - one->body.used),
		     n - part) == 0);
}

void asked_check_end(const struct running *program)
{
	const struct asked *one = find(program->serial);

	if (!one || one->server->broken || program->term || program->no_body)
		return;
	CHECK(asked_is_whole(one));
	CHECK(program->got == one->body.used + one->data.used);
}
