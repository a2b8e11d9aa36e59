/*
 * client: a web server that asks tests/cgi/nonce.c, knows what must come, and
 * what may come where something was made to fail: an error page, a closed
 * connection, an end that says that it is none. Never a wrong reply.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "pair.h"
#include "record.h"

enum {
	TEXT_MAX = 1 << 20,
	PATIENCE_MS = 8000,
};

static unsigned long nonces = 1000;

struct session {
	const struct visit *plan;
	struct exchange *list;
	int fd;
	struct record_reader reader;
	unsigned char *out;
	size_t out_used;
	size_t out_sent;
	int asked;
	int open;
	bool closed;
	const char *wrong;
};

static void queue(struct session *session, uint8_t type, uint16_t id,
		  const void *content, size_t n)
{
	unsigned char *to;

	session->out =
		realloc(session->out, session->out_used + FCGI_HEADER_LEN + n);
	if (!session->out)
		give_up("no memory");
	to = session->out + session->out_used;
	record_header(to, type, id, (uint16_t)n, 0);
	if (n > 0)
		memcpy(to + FCGI_HEADER_LEN, content, n);
	session->out_used += FCGI_HEADER_LEN + n;
}

static size_t put_pair(unsigned char *to, const char *name, const char *value)
{
	size_t n = pair_lengths(to, (uint32_t)strlen(name),
				(uint32_t)strlen(value));

	memcpy(to + n, name, strlen(name));
	n += strlen(name);
	memcpy(to + n, value, strlen(value));
	return n + strlen(value);
}

static void queue_params(struct session *session, const struct exchange *one)
{
	unsigned char content[8000];
	const char *program = one->program ? one->program : "nonce";
	size_t n = put_pair(content, "DOCUMENT_ROOT", programs);

	if (!one->by_root)
		n += put_pair(content + n, "SCRIPT_FILENAME",
			      text("%s/%s", programs, program));
	n += put_pair(content + n, "SCRIPT_NAME", text("/%s", program));
	n += put_pair(content + n, "QUERY_STRING",
		      text("%lu:%u:%c", one->nonce, one->bytes,
			   one->how == 'a' ? 's' : one->how));
	if (one->nginx)
		n += put_pair(content + n, "SERVER_SOFTWARE", "nginx/1");
	if (one->data > 0)
		n += put_pair(content + n, "FCGI_DATA_LENGTH",
			      text("%u", one->data));
	if (!one->no_length)
		n += put_pair(content + n, "CONTENT_LENGTH",
			      text("%u", one->body));
	queue(session, FCGI_PARAMS, one->id, content, n);
	queue(session, FCGI_PARAMS, one->id, NULL, 0);
}

static unsigned char body_byte(unsigned long nonce, unsigned at)
{
	return (unsigned char)((nonce + at) * 7 + at / 251);
}

static void queue_stream(struct session *session, const struct exchange *one,
			 uint8_t type, unsigned from, unsigned to)
{
	unsigned char block[32768];

	while (from < to) {
		unsigned n = 0;

		for (; n < sizeof(block) && from < to; n++, from++)
			block[n] = body_byte(one->nonce, from);
		queue(session, type, one->id, block, n);
	}
	queue(session, type, one->id, NULL, 0);
}

/* What nonce will print; of one that ends itself, all up to its end. */
static void foretell(struct exchange *one)
{
	bool whole = one->how == 'p' || one->how == 'e';
	unsigned long bytes = whole ? one->bytes : one->bytes / 2;
	unsigned long sum = 0;
	unsigned long i;
	char *to = one->text = malloc(TEXT_MAX);

	one->out = malloc(TEXT_MAX);
	if (!one->text || !one->out)
		give_up("no memory");
	to += sprintf(to, "Nonce: %lu\n\n", one->nonce);
	for (i = 0; i < bytes; i++)
		*to++ = (char)('a' +
			       (one->nonce + i * (one->nonce % 7 + 1)) % 26);
	for (i = 0; i < one->body + one->data; i++)
		sum = (sum * 31 + body_byte(one->nonce, (unsigned)i)) &
		      0xffffffff;
	if (whole)
		to += sprintf(to, "\n%u %lu\n", one->body + one->data, sum);
	one->length = (size_t)(to - one->text);
	one->status = one->how == 'k'	? 128 + 9
		      : one->how == 'a' ? 128 + 15
					: (uint32_t)(one->nonce % 100);
}

static void ask(struct session *session, struct exchange *one)
{
	unsigned char begin[8] = {0, FCGI_RESPONDER};

	if (one->role)
		begin[1] = (unsigned char)one->role;
	begin[2] = session->plan->keep ? FCGI_KEEP_CONN : 0;
	one->nonce = ++nonces;
	if (!one->how)
		one->how = 'p';
	foretell(one);
	queue(session, FCGI_BEGIN_REQUEST, one->id, begin, 8);
	queue_params(session, one);
	if (one->early)
		queue_stream(session, one, FCGI_DATA, one->body,
			     one->body + one->data);
	queue_stream(session, one, FCGI_STDIN, 0, one->body);
	if (one->data > 0 && !one->early)
		queue_stream(session, one, FCGI_DATA, one->body,
			     one->body + one->data);
	if (one->how == 'a')
		queue(session, FCGI_ABORT_REQUEST, one->id, NULL, 0);
	session->open++;
}

static void ask_next(struct session *session)
{
	while (session->asked < session->plan->count &&
	       (session->open == 0 || !session->plan->one_by_one))
		ask(session, &session->list[session->asked++]);
}

static struct exchange *find(struct session *session, uint16_t id)
{
	int i;

	for (i = 0; i < session->asked; i++)
		if (session->list[i].id == id && !session->list[i].ended)
			return &session->list[i];
	return NULL;
}

static void take_record(struct session *session, const struct record *record)
{
	struct exchange *one = find(session, record->id);

	if (!one) {
		session->wrong = "a record for no request";
	} else if (record->type == FCGI_STDOUT) {
		if (record->length > TEXT_MAX - one->out_length)
			session->wrong = "a reply too long";
		else
			memcpy(one->out + one->out_length, record->bytes,
			       record->length);
		one->out_length += record->length;
	} else if (record->type == FCGI_STDERR) {
		if (record->length < sizeof(one->err) - one->err_length)
			memcpy(one->err + one->err_length, record->bytes,
			       record->length);
		one->err_length += record->length;
	} else if (record->type == FCGI_END_REQUEST) {
		one->ended = true;
		one->app_status = record_u32(record->bytes);
		one->protocol_status = record->bytes[4];
		session->open--;
		ask_next(session);
	} else {
		session->wrong = "a record of a strange type";
	}
}

static void receive(struct session *session)
{
	static unsigned char buffer[65536];
	const unsigned char *at = buffer;
	struct record record;
	ssize_t n = read(session->fd, buffer, sizeof(buffer));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		session->closed = true;
		return;
	}
	while (!session->wrong && record_next(&session->reader, &at, buffer + n,
					      &record) == RECORD_PIECE)
		take_record(session, &record);
}

static void transmit(struct session *session)
{
	ssize_t n = send(session->fd, session->out + session->out_sent,
			 session->out_used - session->out_sent, MSG_NOSIGNAL);

	if (n > 0)
		session->out_sent += (size_t)n;
	if (n < 0 && errno != EAGAIN)
		session->out_sent = session->out_used;
	if (session->out_sent == session->out_used)
		session->out_sent = session->out_used = 0;
}

static bool dial(struct session *session)
{
	const struct endpoint *to = session->plan->to;

	session->fd = socket(to->name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (session->fd < 0 ||
	    connect(session->fd, (const struct sockaddr *)&to->name,
		    to->length) < 0)
		return false;
	fcntl(session->fd, F_SETFL, O_NONBLOCK);
	return true;
}

static bool is_over(const struct session *session)
{
	/* Without FCGI_KEEP_CONN the other side closes. */
	return session->closed || session->wrong ||
	       (session->open == 0 && session->plan->keep) ||
	       (session->plan->cut && session->list[0].out_length > 0);
}

static void talk(struct session *session)
{
	int patience = session->plan->patience_ms;
	int64_t end = clock_ms() + (patience ? patience : PATIENCE_MS);

	if (session->plan->slow)
		transmit(session);
	if (session->plan->slow)
		sleep_ms(20);
	while (!is_over(session)) {
		struct pollfd one = {.fd = session->fd, .events = POLLIN};
		int64_t left = end - clock_ms();

		if (session->out_used > 0)
			one.events |= POLLOUT;
		if (left <= 0 || poll(&one, 1, (int)left) == 0) {
			session->wrong = "nothing comes any more";
			return;
		}
		if (one.revents & POLLOUT)
			transmit(session);
		if (one.revents & (POLLIN | POLLHUP | POLLERR))
			receive(session);
	}
}

static bool is_page(const struct exchange *one, const char *status)
{
	size_t n = strlen(status);

	return one->out_length > 20 && memcmp(one->out, "Status: ", 8) == 0 &&
	       memcmp(one->out + 8, status, n) == 0;
}

static bool is_part(const struct exchange *one)
{
	return one->out_length <= one->length &&
	       memcmp(one->out, one->text, one->out_length) == 0;
}

static bool is_whole(const struct exchange *one)
{
	if (one->how == 'a')
		return one->ended && is_part(one);
	return one->ended && one->protocol_status == FCGI_REQUEST_COMPLETE &&
	       is_part(one) && one->out_length == one->length &&
	       one->app_status == one->status &&
	       (one->how != 'e' ||
		strstr(one->err, text("error %lu\n", one->nonce)));
}

static bool is_good(struct exchange *one)
{
	one->err[one->err_length < sizeof(one->err) ? one->err_length
						    : sizeof(one->err) - 1] = 0;
	if (one->page)
		return one->ended && is_page(one, text("%d ", one->page));
	if (one->holds) {
		one->out[one->out_length] = '\0';
		return one->ended && strstr(one->out, one->holds);
	}
	return is_whole(one);
}

/* Nobody could take it for the reply. */
static bool is_harmless(const struct exchange *one)
{
	bool page = is_page(one, "4") || is_page(one, "5");

	if (page || is_whole(one))
		return true;
	if (one->page || one->holds)
		return one->out_length == 0 || !one->ended;
	if (!is_part(one))
		return false;
	return !one->ended || one->protocol_status != FCGI_REQUEST_COMPLETE ||
	       (one->app_status != one->status && one->app_status != 0 &&
		one->err_length > 0) ||
	       (one->how == 'e' && one->out_length == one->length &&
		one->app_status == one->status);
}

static const char *judge(const struct session *session, bool faulted)
{
	int i;

	for (i = 0; i < session->plan->count; i++) {
		struct exchange *one = &session->list[i];

		if (i >= session->asked)
			return faulted ? NULL : "closed too early";
		if (is_good(one) || (faulted && is_harmless(one)))
			continue;
		return text("request %d: a wrong reply: %zu of %zu bytes, %s "
			    "the end of it, appStatus %u, not %u, "
			    "protocolStatus %d; stderr \"%.300s\"",
			    one->id, one->out_length, one->length,
			    one->ended ? "with" : "without", one->app_status,
			    one->status, one->protocol_status, one->err);
	}
	return NULL;
}

const char *visit(const struct visit *plan, bool faulted)
{
	struct visit copy = *plan;
	struct session session = {.plan = plan, .list = copy.exchange};
	const char *wrong = NULL;
	int i;

	if (dial(&session)) {
		ask_next(&session);
		talk(&session);
		wrong = session.wrong;
		if (!wrong && !plan->cut)
			wrong = judge(&session, faulted);
	} else {
		wrong = text("cannot connect: %s", strerror(errno));
	}
	close(session.fd);
	free(session.out);
	for (i = 0; i < plan->count; i++) {
		free(copy.exchange[i].text);
		free(copy.exchange[i].out);
	}
	return wrong;
}
