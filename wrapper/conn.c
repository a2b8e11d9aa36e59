/*
 * conn: what comes from a web server is read, split into records and handed to
 * requests; what requests have to say is sent, a block each in turns.
 * Events are noted where they happen; conn_run decides what follows.
 */
#include "conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "active.h"
#include "bulk.h"
#include "intake.h"
#include "log.h"
#include "loop.h"
#include "out.h"
#include "peek.h"
#include "record.h"
#include "request.h"
#include "settings.h"
#include "shared.h"
#include "turn.h"
#include "values.h"

#define READ_SIZE   65536 /* of one read */
#define READ_ROUNDS 8	  /* reads a turn: other connections wait too */
#define SEND_ROUNDS 8	  /* full buffers sent a turn, or silent turns */
#define SEND_AT	    16384 /* bytes gathered before they are sent */
#define UNSAID_MAX  1024  /* requests while the server does not read */

/* A program that reads nothing so long must not hold up the others. */
#define STALL_MS 100

/* What the server still sends after the last reply is read so long; and so
 * long may a new connection be without a request when the wrapper stops. */
#define LINGER_MS 2000

struct conn {
	struct conn *next;
	struct conn *prev;
	struct watch socket;
	struct task task;
	struct timer timer; /* STALL_MS or LINGER_MS */
	struct active active;
	bool is_unix;
	bool used;	  /* has had a request */
	bool keep;	  /* FCGI_KEEP_CONN */
	bool multiplexed; /* has had two requests at once */

	/* What comes. */
	bool watched;  /* the socket is in the event loop */
	bool readable; /* there is, or may be, something to read */
	bool bulk;     /* what the server sends fills the reads */
	bool unsaid;   /* an answer to the server itself does not fit */
	struct record_reader reader;
	struct values values;
	struct request *stuck; /* its program does not take its body */
	unsigned char *input;  /* read, but not yet taken; owned */
	uint32_t input_used;   /* at most READ_SIZE, as is the next */
	uint32_t input_size;

	/* What goes. */
	struct out out;
	int64_t taken_ms; /* when the server was last seen to take bytes */
	int untaken;	  /* how many were in the socket then (-timeout) */
	bool watches_out; /* for LOOP_OUT, too: once the socket was full */
	bool busy;	  /* in conn_run, which takes the turns that it gives */

	/* Its end. */
	bool last_reply; /* it is closed after the requests that there are */
	bool hung_up;	 /* the server has ended its side */
	bool at_end;	 /* and all it sent has been read */
	bool unread;	 /* records of requests that are over may come */
	bool lingers;	 /* all is said; what still comes is dropped */
	bool gone;	 /* nobody is there any more, or it broke the rules */
};

static struct conn *all;
static long count;
static bool draining;
static struct timers stall_timers;
static struct timers linger_timers;
static unsigned char scratch[READ_SIZE];

void conn_init(void)
{
	timers_init(&stall_timers, STALL_MS);
	timers_init(&linger_timers, LINGER_MS);
}

long conn_count(void)
{
	return count;
}

static void request_changed(struct request *request)
{
	struct conn *conn = request->owner;

	/* It is tried again; what it prints does not give it more time. */
	if (conn->stuck == request)
		conn->stuck = NULL;
	active_give_turn(&conn->active, request);
	/* conn_run itself takes the turns that it gives. */
	if (!conn->busy)
		loop_soon(&conn->task);
}

/* How many bytes that were sent the server has not taken yet. */
static int count_untaken(const struct conn *conn)
{
	int n;

	return ioctl(conn->socket.fd, TIOCOUTQ, &n) < 0 ? 0 : n;
}

/* Whether the server is slow, not silent: it has taken bytes within -timeout.
 * The socket tells that there is room again when most of it is empty; whoever
 * reads slowly takes bytes for a long time before that. */
static bool request_taken(struct request *request)
{
	struct conn *conn = request->owner;
	int before = conn->untaken;

	/* What waits may be another request's, and this one silent. */
	if (!conn->out.blocked || (conn->active.count > 1 && !request->turn_at))
		return false;
	conn->untaken = count_untaken(conn);
	if (conn->untaken < before)
		conn->taken_ms = loop_now();
	return loop_now() - conn->taken_ms < set.timeout_ms;
}

static void forget(struct conn *conn, struct request *request)
{
	out_fetch(&conn->out);
	active_remove(&conn->active, request);
	if (conn->stuck == request) {
		conn->stuck = NULL;
		timer_stop(&conn->timer);
	}
	request_close(request);
}

static void conn_close(struct conn *conn)
{
	while (conn->active.first)
		forget(conn, conn->active.first);
	*(conn->prev ? &conn->prev->next : &all) = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	loop_cancel(&conn->task);
	timer_stop(&conn->timer);
	loop_shut(&conn->socket);
	out_close(&conn->out);
	free(conn->input);
	mine->connections--;
	count--;
	loop_free(conn);
}

/* The peer broke the protocol: no byte that follows can be trusted. */
static void break_off(struct conn *conn, const char *why, unsigned number)
{
	struct endpoint peer = {.length = sizeof(peer.name)};
	char text[ADDR_TEXT_MAX] = "a web server";

	if (!conn->is_unix &&
	    getpeername(conn->socket.fd, (struct sockaddr *)&peer.name,
			&peer.length) == 0)
		addr_format(&peer, text);
	note("%s: protocol error: %s %u; the connection is closed", text, why,
	     number);
	shared->protocol_errors++;
	conn->gone = true;
}

static void begin(struct conn *conn, const struct record *record)
{
	uint16_t role;
	struct request *request;

	if (record->id == FCGI_NULL_REQUEST_ID || record->length < 8) {
		break_off(conn,
			  "FCGI_BEGIN_REQUEST with id 0 or a short body, id",
			  record->id);
		return;
	}
	if (active_find(&conn->active, record->id)) {
		break_off(conn, "FCGI_BEGIN_REQUEST for an active request, id",
			  record->id);
		return;
	}
	role = record_u16(record->bytes);
	conn->keep = record->bytes[2] & FCGI_KEEP_CONN;
	if (!conn->keep)
		conn->last_reply = true;
	if (role < FCGI_RESPONDER || role > FCGI_FILTER) {
		out_end_request(&conn->out, record->id, 0, FCGI_UNKNOWN_ROLE);
		conn->unread = true;
		return;
	}
	request = request_begin(record->id, role, conn, request_changed,
				request_taken);
	if (!request) {
		out_end_request(&conn->out, record->id, 0, FCGI_OVERLOADED);
		conn->unread = true;
		return;
	}
	active_add(&conn->active, request);
	conn->used = true;
	if (request->next)
		conn->multiplexed = true;
}

/* A record for the application itself, not for a request (§4). */
static void manage(struct conn *conn, const struct record *record)
{
	unsigned char body[8] = {record->type};

	if (record->type == FCGI_GET_VALUES)
		values_take(&conn->values, record->bytes, record->length);
	if (!record->last)
		return;
	if (record->type == FCGI_GET_VALUES)
		values_answer(&conn->values, &conn->out);
	else
		out_record(&conn->out, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID,
			   body, sizeof(body));
}

/*
 * The program does not take its body now. If other requests may come on the
 * connection they must not wait for long; and if the server takes no reply
 * either, it waits for us to take the body first, while the program waits for
 * it to take the reply: somebody must give way. Nor may what has come already
 * wait, an abort above all; but a body alone may, and costs no disk.
 */
static void mind_stuck(struct conn *conn)
{
	if (conn->stuck && !conn->timer.next)
		timer_start(&stall_timers, &conn->timer);
}

static void get_stuck(struct conn *conn, struct request *request)
{
	conn->stuck = request;
	mind_stuck(conn);
}

/* Whether other requests would wait for this one. */
static bool has_others(const struct conn *conn)
{
	return conn->multiplexed && conn->active.count > 1;
}

/* Hands a piece of a body on; returns how much of it is taken. */
static size_t give_body(struct conn *conn, struct request *request,
			const struct record *record)
{
	size_t (*take)(struct request *, const unsigned char *, size_t) =
		record->type == FCGI_STDIN ? intake_stdin : intake_data;
	size_t taken = take(request, record->bytes, record->length);

	if (taken < record->length && has_others(conn)) {
		intake_let_wait(request);
		taken += take(request, record->bytes + taken,
			      record->length - taken);
	}
	if (taken > 0)
		timer_stop(&conn->timer);
	if (taken < record->length)
		get_stuck(conn, request);
	return taken;
}

/* A record of an active request; returns how much of it is taken. */
static size_t give(struct conn *conn, struct request *request,
		   const struct record *record)
{
	bool is_end = record->content_length == 0;

	switch (record->type) {
	case FCGI_ABORT_REQUEST:
		if (record->last)
			request_abort(request);
		break;
	case FCGI_PARAMS:
		if (is_end)
			intake_params_end(request);
		else
			intake_params(request, record->bytes, record->length);
		break;
	case FCGI_STDIN:
		if (!is_end)
			return give_body(conn, request, record);
		intake_stdin_end(request);
		break;
	case FCGI_DATA:
		if (!is_end)
			return give_body(conn, request, record);
		intake_data_end(request);
		break;
	default:
		break;
	}
	return record->length;
}

/* Whether the answer to this record may not fit now. */
static bool must_wait(struct conn *conn, const struct record *record)
{
	if (record->id != FCGI_NULL_REQUEST_ID &&
	    record->type != FCGI_BEGIN_REQUEST)
		return false;
	if (out_open(&conn->out) < 0) {
		conn->gone = true;
		return true;
	}
	return out_space(&conn->out) < VALUES_SPACE ||
	       (conn->out.blocked && conn->active.count >= UNSAID_MAX);
}

/* Returns how much of the record is taken. */
static size_t take_record(struct conn *conn, const struct record *record)
{
	struct request *request;

	if (record->type == FCGI_BEGIN_REQUEST) {
		begin(conn, record);
	} else if (record->id == FCGI_NULL_REQUEST_ID) {
		manage(conn, record);
	} else {
		request = active_find(&conn->active, record->id);
		if (request)
			return give(conn, request, record);
	}
	return record->length;
}

/* What a web server sends that was told to pass on HTTP begins with a method,
 * that is with a capital letter. */
static const char *name_stranger(const struct record_reader *reader)
{
	return reader->header[0] >= 'A' && reader->header[0] <= 'Z'
		       ? "this looks like HTTP, not FastCGI (nginx: "
			 "fastcgi_pass, not proxy_pass), version"
		       : "not a FastCGI 1.0 record, version";
}

/* Takes records out of the bytes; returns how many bytes are used. */
static size_t parse(struct conn *conn, const unsigned char *bytes, size_t n)
{
	const unsigned char *at = bytes;
	const unsigned char *end = bytes + n;
	struct record record;

	while (!conn->stuck && !conn->unsaid && !conn->gone) {
		size_t taken;

		switch (record_next(&conn->reader, &at, end, &record)) {
		case RECORD_MORE:
			return n;
		case RECORD_BAD:
			break_off(conn, name_stranger(&conn->reader),
				  conn->reader.header[0]);
			return n;
		case RECORD_PIECE:
			break;
		}
		if (must_wait(conn, &record)) {
			conn->unsaid = true;
			taken = 0;
		} else {
			taken = take_record(conn, &record);
		}
		if (conn->unsaid || taken < record.length)
			record_unread(&conn->reader, &at, &record,
				      record.length - taken);
	}
	return (size_t)(at - bytes);
}

/* Keeps what could not be taken yet: at most what one read has brought. */
static void keep_input(struct conn *conn, const unsigned char *bytes, size_t n)
{
	if (n == 0)
		return;
	conn->input = malloc(n);
	if (!conn->input) {
		note("no memory for a connection's input; it is closed");
		conn->gone = true;
		return;
	}
	memcpy(conn->input, bytes, n);
	conn->input_used = 0;
	conn->input_size = (uint32_t)n;
}

/* Takes what was kept; returns whether all of it is gone. A record that was
 * given back may be in the reader alone. */
static bool take_kept(struct conn *conn)
{
	if (!conn->input) {
		parse(conn, scratch, 0);
		return true;
	}
	conn->input_used +=
		(uint32_t)parse(conn, conn->input + conn->input_used,
				conn->input_size - conn->input_used);
	if (conn->input_used < conn->input_size)
		return false;
	free(conn->input);
	conn->input = NULL;
	return true;
}

/* Content of a large body goes to its program without us. Returns whether
 * anything did, or none can for now. */
static bool pass_body(struct conn *conn)
{
	struct record record;
	size_t left = record_left(&conn->reader, &record);
	struct request *request;
	ssize_t passed;

	if (left > 0 &&
	    (record.type != FCGI_STDIN || (record.first && left < BULK_MIN)))
		conn->bulk = false;
	if (!conn->bulk || left < BULK_MIN)
		return false;
	request = active_find(&conn->active, record.id);
	passed =
		request ? intake_pass_stdin(request, conn->socket.fd, left) : 0;
	if (passed > 0) {
		record_passed(&conn->reader, (size_t)passed);
		timer_stop(&conn->timer);
	} else if (passed < 0 && !has_others(conn)) {
		get_stuck(conn, request);
	} else {
		return false;
	}
	return true;
}

/* How much one read may bring: what pass_body can pass on stays there. */
static size_t read_size(const struct conn *conn)
{
	struct record record;
	size_t size;

	if (!conn->bulk || conn->lingers)
		return sizeof(scratch);
	size = record_left(&conn->reader, &record) +
	       record_before_next(&conn->reader);
	return size < sizeof(scratch) ? size : sizeof(scratch);
}

static void read_once(struct conn *conn)
{
	size_t size = read_size(conn);
	ssize_t n = read(conn->socket.fd, scratch, size);
	size_t used;

	if (n < 0 && errno == EINTR)
		return;
	if (n < 0 && errno == EAGAIN) {
		conn->readable = false;
		return;
	}
	if (n <= 0) {
		conn->readable = false;
		conn->at_end = true;
		conn->gone = n < 0;
		return;
	}
	if ((size_t)n < size && !conn->hung_up)
		conn->readable = false;
	if (conn->lingers)
		return;
	conn->bulk = conn->is_unix && (size_t)n == size;
	used = parse(conn, scratch, (size_t)n);
	keep_input(conn, scratch + used, (size_t)n - used);
}

static bool may_read(const struct conn *conn)
{
	return conn->readable && !conn->stuck && !conn->unsaid && !conn->gone;
}

static void conn_input(struct conn *conn)
{
	int rounds;

	if (!take_kept(conn))
		return;
	for (rounds = 0; rounds < READ_ROUNDS && may_read(conn); rounds++)
		if (!conn->bulk || !pass_body(conn))
			read_once(conn);
}

static void flush(struct conn *conn)
{
	switch (out_flush(&conn->out, conn->socket.fd)) {
	case OUT_SENT:
		if (conn->unsaid)
			loop_soon(&conn->task);
		conn->unsaid = false;
		break;
	case OUT_BLOCKED:
		if (!conn->watches_out &&
		    loop_change(&conn->socket, LOOP_IN | LOOP_OUT) < 0)
			conn->gone = true;
		conn->watches_out = true;
		if (set.timeout_ms > 0) {
			conn->untaken = count_untaken(conn);
			conn->taken_ms = loop_now();
		}
		mind_stuck(conn);
		break;
	case OUT_GONE:
		conn->gone = true;
		break;
	}
}

/* Lets the first in turn put a block into out. */
static void serve_one(struct conn *conn)
{
	struct request *request = conn->active.turn_first;

	active_drop_turn(&conn->active, request);
	switch (turn_take(request, &conn->out)) {
	case TURN_IDLE:
		break;
	case TURN_MORE:
		active_give_turn(&conn->active, request);
		break;
	case TURN_OVER:
		if (!request_is_read(request))
			conn->unread = true;
		forget(conn, request);
		break;
	}
}

static void take_turns(struct conn *conn)
{
	int rounds = 0;

	while (conn->active.turn_first && !conn->out.blocked && !conn->gone) {
		size_t used;

		if (rounds == SEND_ROUNDS) {
			loop_soon(&conn->task);
			return;
		}
		if (out_open(&conn->out) < 0) {
			conn->gone = true;
			return;
		}
		used = out_used(&conn->out);
		serve_one(conn);
		/* What it printed may go to our log alone: that is work too. */
		if (out_used(&conn->out) == used)
			rounds++;
		if (out_used(&conn->out) >= SEND_AT) {
			flush(conn);
			rounds++;
		}
	}
}

static void conn_output(struct conn *conn)
{
	if (out_used(&conn->out) > 0 && !conn->out.blocked)
		flush(conn);
	take_turns(conn);
	if (conn->out.blocked || conn->gone)
		return;
	if (out_used(&conn->out) > 0)
		flush(conn);
	else
		out_close(&conn->out);
}

/* The server will send no more: a request that is not complete never will be.
 * The others still get their replies. */
static void end_unread(struct conn *conn)
{
	struct request *request = conn->active.first;

	while (request) {
		struct request *next = request->next;

		if (!request_is_read(request))
			forget(conn, request);
		request = next;
	}
	conn->last_reply = true;
}

/* Ends the connection so that the last reply arrives: what the server still
 * sends would otherwise make a reset of the close. */
static void finish(struct conn *conn)
{
	if (conn->at_end ||
	    (!conn->unread && !conn->input && !conn->reader.inside)) {
		conn->gone = true;
		return;
	}
	if (conn->lingers)
		return;
	conn->lingers = true;
	free(conn->input);
	conn->input = NULL;
	shutdown(conn->socket.fd, SHUT_WR);
	timer_start(&linger_timers, &conn->timer);
	loop_soon(&conn->task);
}

/* Input that had to wait for what was just sent need not wait any longer. */
static void resume_input(struct conn *conn)
{
	if (!conn->stuck && !conn->unsaid && (conn->input || may_read(conn)))
		loop_soon(&conn->task);
}

/* After the first look: what was there already needs no event. */
static void watch(struct conn *conn)
{
	conn->watched = true;
	if (loop_add(&conn->socket, LOOP_IN) == 0)
		return;
	note("a connection cannot be watched: %s", strerror(errno));
	conn->gone = true;
}

static void conn_run(struct task *task)
{
	struct conn *conn = LOOP_OWNER(task, struct conn, task);

	conn->busy = true;
	if (!conn->gone)
		conn_input(conn);
	if (!conn->gone && !conn->watched)
		watch(conn);
	if (conn->at_end && !conn->input && !conn->gone)
		end_unread(conn);
	if (!conn->gone)
		conn_output(conn);
	if (!conn->gone && !conn->active.first && out_used(&conn->out) == 0 &&
	    (conn->last_reply || (draining && conn->used)))
		finish(conn);
	conn->busy = false;
	if (conn->gone)
		conn_close(conn);
	else
		resume_input(conn);
}

/* Whether something has come that waits behind the body. */
static bool is_awaited(const struct conn *conn)
{
	const unsigned char *kept = NULL;
	size_t n = 0;

	if (conn->input) {
		kept = conn->input + conn->input_used;
		n = conn->input_size - conn->input_used;
	}
	return peek_past_body(&conn->reader, conn->stuck->id, kept, n,
			      conn->socket.fd);
}

static void conn_ready(struct watch *watch, unsigned events)
{
	struct conn *conn = LOOP_OWNER(watch, struct conn, socket);

	if (events & LOOP_OUT)
		conn->out.blocked = false;
	if (events & (LOOP_IN | LOOP_HALF | LOOP_GONE))
		conn->readable = true;
	mind_stuck(conn);
	if (events & (LOOP_HALF | LOOP_GONE))
		conn->hung_up = true;
	/* A unix socket tells a half-close from a close. On TCP both are a
	 * FIN, and web servers do not half-close. */
	if (conn->hung_up && !conn->lingers &&
	    (events & LOOP_GONE || !conn->is_unix))
		conn->gone = true;
	loop_soon(&conn->task);
}

static void conn_expired(struct timer *timer)
{
	struct conn *conn = LOOP_OWNER(timer, struct conn, timer);

	if (conn->lingers || !conn->used) {
		conn->gone = true;
	} else if (conn->stuck &&
		   (conn->keep || conn->out.blocked || is_awaited(conn))) {
		intake_let_wait(conn->stuck);
		conn->stuck = NULL;
	}
	loop_soon(&conn->task);
}

int conn_open(int fd, bool is_unix)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	int on = 1;

	if (!conn) {
		close(fd);
		return -1;
	}
	conn->socket.fd = fd;
	conn->socket.ready = conn_ready;
	conn->task.run = conn_run;
	conn->timer.expired = conn_expired;
	active_init(&conn->active);
	conn->is_unix = is_unix;
	conn->out.can_promise = is_unix;
	if (!is_unix) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		/* A server whose machine has gone says nothing any more. */
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	/* Its request has often come already. */
	conn->readable = true;
	loop_soon(&conn->task);
	conn->next = all;
	if (all)
		all->prev = conn;
	all = conn;
	count++;
	mine->connections++;
	shared->accepted++;
	/* It may have come and gone before anybody counts. */
	shared->used_ms = (uint64_t)loop_now();
	return 0;
}

void conn_drain_all(void)
{
	struct conn *conn;

	draining = true;
	for (conn = all; conn; conn = conn->next) {
		/* The request that it was made for may be on its way. */
		if (!conn->used)
			timer_start(&linger_timers, &conn->timer);
		loop_soon(&conn->task);
	}
}

void conn_close_all(void)
{
	while (all)
		conn_close(all);
}
