/*
 * forward: one request over one connection, both ways at the same time.
 *
 * One loop waits for whatever can move: the request's streams into the socket
 * (sending), the answer out of it to stdout and stderr. What cannot go on is
 * not read: one block of the answer is all that is ever kept.
 */
#include "forward.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bulk.h"
#include "head.h"
#include "sending.h"
#include "sink.h"
#include "trace.h"
#include "wish.h"

#define BLOCK_MAX      (2 * 65536) /* of the answer, taken at once */
#define APP_STATUS_MAX 255

enum { AT_SOCKET, AT_BODY, AT_STDOUT, AT_STDERR, AT_ALL };

struct session {
	int fd;
	struct patience *patience;
	struct outcome *outcome;
	bool over;

	/* The answer. */
	struct record_reader records;
	const unsigned char *at; /* received, and not yet looked at */
	const unsigned char *end;
	struct slice printing[2];
	int printings; /* of printing, how many are still to be printed */
	struct sink *printer;
	struct sink out;
	struct sink err;
	bool can_pass; /* stdout is a pipe, and nothing looks at the bytes */
	bool bulk;     /* what comes fills the block */
	bool blocked;  /* stdout takes no more of what passes */
	bool came;     /* at least one byte */
	bool ended;
	uint32_t app_status;
	uint8_t protocol_status;

	/* From here on nothing is touched before it is used, and what is seldom
	 * used stands last: each page costs a start more than a record. */
	struct head head;
	struct sending sending;
	unsigned char block[BLOCK_MAX];
	unsigned char hold[HEAD_MAX];
	struct trace received;
};

static void fail(struct session *session, enum outcome_status status,
		 const char *what, const char *why)
{
	outcome_fail(session->outcome, status, "%s: %s", what, why);
	session->over = true;
}

static void print_failed(struct session *session)
{
	if (session->printer == &session->out) {
		fail(session, OUTCOME_STDOUT, "stdout", strerror(errno));
		return;
	}
	/* Nobody reads the messages: the answer is worth having. */
	session->printings = 0;
}

/* Prints what there is; returns whether all of it is printed. */
static bool print_more(struct session *session)
{
	while (session->printings > 0 && !session->over) {
		struct slice *slice = &session->printing[0];
		ssize_t n = sink_write(session->printer, slice->bytes,
				       slice->length);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0 && errno != EINTR)
			print_failed(session);
		if (n <= 0)
			continue;
		patience_moved(session->patience);
		if (session->printer == &session->out)
			session->outcome->answered = true;
		slice->bytes += n;
		slice->length -= (size_t)n;
		if (slice->length > 0)
			continue;
		session->printing[0] = session->printing[1];
		session->printings--;
	}
	return !session->over;
}

static void end_request(struct session *session, const struct record *record)
{
	if (record->length < 8) {
		fail(session, OUTCOME_NOT_FASTCGI, "protocol error",
		     "FCGI_END_REQUEST is too short");
		return;
	}
	session->app_status = record_u32(record->bytes);
	session->protocol_status = record->bytes[4];
	session->ended = true;
	session->printer = &session->out;
	session->printings = head_end(&session->head, session->printing);
}

/* Records of other requests, of none and of unknown types are passed over. */
static void take_record(struct session *session, const struct record *record)
{
	if (record->id != PARAMS_REQUEST_ID)
		return;
	if (record->type == FCGI_END_REQUEST)
		end_request(session, record);
	if ((record->type != FCGI_STDOUT && record->type != FCGI_STDERR) ||
	    record->length == 0)
		return;
	patience_moved(session->patience);
	if (record->type == FCGI_STDOUT) {
		session->printer = &session->out;
		session->printings =
			head_take(&session->head, record->bytes, record->length,
				  session->printing);
	} else {
		session->printer = &session->err;
		session->outcome->midline =
			record->bytes[record->length - 1] != '\n';
		session->printing[0] =
			(struct slice){record->bytes, record->length};
		session->printings = 1;
	}
}

static void refuse_garbage(struct session *session)
{
	fail(session, OUTCOME_NOT_FASTCGI, "not FastCGI",
	     outcome_stranger(&session->records));
}

static void take_records(struct session *session)
{
	struct record record;
	enum record_result result;

	while (print_more(session) && !session->ended) {
		result = record_next(&session->records, &session->at,
				     session->end, &record);
		if (result == RECORD_MORE)
			return;
		if (result == RECORD_BAD)
			refuse_garbage(session);
		else
			take_record(session, &record);
	}
	if (session->ended && session->printings == 0)
		session->over = true;
}

static void closed(struct session *session)
{
	if (session->sending.error)
		fail(session, OUTCOME_SENDING, "sending failed",
		     strerror(session->sending.error));
	else if (!session->came && sending_is_unfinished(&session->sending))
		fail(session, OUTCOME_SENDING, "sending failed",
		     "the application closed the connection before it had "
		     "read the request");
	else if (session->came)
		fail(session, OUTCOME_CUT_SHORT, "cut short",
		     "the application closed the connection before "
		     "FCGI_END_REQUEST");
	else
		fail(session, OUTCOME_NOTHING_CAME, "no answer",
		     "the application closed the connection without a byte");
}

/* The rest of a large record goes to stdout without us. Returns whether any
 * did, or none can for now. */
static bool pass_on(struct session *session)
{
	struct record record;
	size_t left = record_left(&session->records, &record);
	ssize_t n;

	if (left > 0 &&
	    (record.type != FCGI_STDOUT || record.id != PARAMS_REQUEST_ID ||
	     (record.first && left < BULK_MIN)))
		session->bulk = false;
	if (!session->bulk || left < BULK_MIN)
		return false;
	n = bulk_move(session->fd, session->out.fd, left);
	if (n > 0) {
		record_passed(&session->records, (size_t)n);
		patience_moved(session->patience);
		session->outcome->answered = true;
		return true;
	}
	session->blocked =
		n < 0 && errno == EAGAIN && bulk_is_full(session->out.fd);
	return session->blocked;
}

/* How much to take at once: what can pass stays in the socket. */
static size_t receive_size(const struct session *session)
{
	struct record record;
	size_t size;

	if (!session->bulk)
		return sizeof(session->block);
	size = record_left(&session->records, &record) +
	       record_before_next(&session->records);
	return size < sizeof(session->block) ? size : sizeof(session->block);
}

static void receive(struct session *session)
{
	size_t size;
	ssize_t n;

	session->blocked = false;
	if (session->bulk && pass_on(session))
		return;
	size = receive_size(session);
	n = recv(session->fd, session->block, size, MSG_DONTWAIT);
	if (n == 0) {
		closed(session);
	} else if (n > 0) {
		session->came = true;
		session->bulk = session->can_pass && (size_t)n == size &&
				session->head.state != HEAD_LINES;
		session->at = session->block;
		session->end = session->block + n;
		trace_bytes(&session->received, session->block, (size_t)n);
		take_records(session);
	} else if (errno != EAGAIN && errno != EINTR) {
		fail(session,
		     !session->came && sending_is_unfinished(&session->sending)
			     ? OUTCOME_SENDING
			     : OUTCOME_RECEIVING,
		     "the connection broke", strerror(errno));
	}
}

/* --- The loop */

static void time_is_over(struct session *session)
{
	const char *what = "for the answer";
	const struct patience *patience = session->patience;

	if (session->printings > 0 || session->blocked)
		what = session->printer == &session->out
			       ? "for stdout to be read"
			       : "for stderr to be read";
	else if (sending_has_bytes(&session->sending))
		what = "for the application to read the request";
	else if (sending_wants_body(&session->sending))
		what = "for the body";
	outcome_fail(session->outcome, OUTCOME_TIME_OVER,
		     "time is over: waited %s%s", what,
		     patience->end && patience_until(patience->end) == 0
			     ? " (-max-time)"
			     : " (-timeout)");
	session->over = true;
}

/* A descriptor that nothing is wanted of is left out: a closed one would be
 * reported again and again. stdout is watched for its reader's end. */
static void set_events(const struct session *session, struct pollfd fds[AT_ALL])
{
	bool printing = session->printings > 0 || session->blocked;
	short socket_events = (short)(printing ? 0 : POLLIN);

	if (sending_has_bytes(&session->sending))
		socket_events |= POLLOUT;
	fds[AT_SOCKET].fd = socket_events ? session->fd : -1;
	fds[AT_SOCKET].events = socket_events;
	fds[AT_BODY].fd = sending_wants_body(&session->sending)
				  ? session->sending.source->fd
				  : -1;
	fds[AT_BODY].events = POLLIN;
	fds[AT_STDOUT].fd = session->out.fd;
	fds[AT_STDOUT].events = 0;
	fds[AT_STDERR].fd = -1;
	fds[AT_STDERR].events = POLLOUT;
	if (session->blocked || (printing && session->printer == &session->out))
		fds[AT_STDOUT].events = POLLOUT;
	else if (printing)
		fds[AT_STDERR].fd = session->err.fd;
}

static void print_again(struct session *session)
{
	if (session->blocked)
		receive(session);
	else
		take_records(session);
}

static void act(struct session *session, const struct pollfd fds[AT_ALL])
{
	if (fds[AT_STDOUT].revents & (POLLERR | POLLHUP))
		fail(session, OUTCOME_STDOUT, "stdout",
		     "nobody reads it any more");
	else if (fds[AT_STDOUT].revents || fds[AT_STDERR].revents)
		print_again(session);
	if (!session->over && session->printings == 0 &&
	    (fds[AT_SOCKET].revents & ~POLLOUT))
		receive(session);
	if (!session->over && sending_wants_body(&session->sending) &&
	    fds[AT_BODY].revents)
		sending_read_body(&session->sending);
}

static void run(struct session *session)
{
	struct pollfd fds[AT_ALL];

	sending_more(&session->sending);
	/* A failure is the end, whoever has noted it. */
	while (!session->over && !session->outcome->text[0]) {
		int ready;

		set_events(session, fds);
		ready = poll(fds, AT_ALL, patience_left(session->patience));
		if (ready > 0)
			act(session, fds);
		/* Before the clock is looked at: who was stopped meanwhile, and
		 * goes on, can send. */
		if (ready > 0 && !session->over)
			sending_more(&session->sending);
		if (ready == 0 ||
		    (!session->over && patience_left(session->patience) == 0))
			time_is_over(session);
	}
}

static void refused(struct session *session)
{
	unsigned status = session->protocol_status;
	const char *text = record_status_text(status);

	if (text)
		fail(session, OUTCOME_REFUSED, "refused", text);
	else
		outcome_fail(session->outcome, OUTCOME_REFUSED,
			     "refused: protocolStatus %u", status);
	if (status == FCGI_OVERLOADED)
		session->outcome->http = 503;
}

/* FCGI_END_REQUEST has come and all is printed. */
static void conclude(struct session *session)
{
	const struct head *head = &session->head;

	if (session->protocol_status != FCGI_REQUEST_COMPLETE)
		refused(session);
	else if (wish.fail && head->state == HEAD_NONE)
		outcome_fail(session->outcome, OUTCOME_HTTP_ERROR,
			     "the answer: it has no header");
	else if (wish.fail && head->status >= 400)
		outcome_fail(session->outcome, OUTCOME_HTTP_ERROR,
			     "the answer: HTTP status %d", head->status);
	else
		session->outcome->status = session->app_status > APP_STATUS_MAX
						   ? APP_STATUS_MAX
						   : (int)session->app_status;
}

void forward(int fd, struct slice opening, struct source *sources, int count,
	     struct patience *patience, struct outcome *outcome)
{
	struct session session;

	memset(&session, 0, offsetof(struct session, head));
	session.fd = fd;
	session.patience = patience;
	session.outcome = outcome;
	session.out.fd = STDOUT_FILENO;
	session.err.fd = STDERR_FILENO;
	session.can_pass = sink_is_pipe(&session.out) && !wish.trace &&
			   wish.show != SHOW_HEAD;
	head_open(&session.head, wish.show, session.hold);
	sending_open(&session.sending, fd, opening, sources, count, patience,
		     outcome);
	trace_open(&session.received, '<', patience, outcome);
	patience_moved(patience);
	run(&session);
	if (session.ended && !outcome->text[0])
		conclude(&session);
}
