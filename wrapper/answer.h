#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "errors.h"
#include "field.h"
#include "loop.h"
#include "out.h"

/*
 * What one program prints: its stdout and stderr, as records of one request.
 * It owns the two pipes and looks at the first line; when the answer is over
 * and what its errors mean is decided above.
 */

/* A held header of so many bytes goes on before it is whole. */
#define ANSWER_HEAD_MAX	  4096
#define ANSWER_ERRORS_MAX 4096 /* bytes of stderr at a time */

struct stream {
	struct watch pipe; /* -1 after its end */
	bool readable;	   /* there is, or may be, something to read */
	bool bulk;	   /* it filled the last read */
	bool grown;	   /* the pipe holds more than others do */
	bool hung_up;	   /* perhaps nobody writes any more: read to the end */
};

struct answer {
	struct stream out;
	struct stream err;
	struct errors errors;
	uint64_t bytes;		 /* of stdout that went on */
	uint64_t errors_read;	 /* bytes of stderr */
	uint64_t errors_certain; /* so many there were at the program's end */
	bool judged;	 /* the first line is one, and what comes goes on */
	bool err_opened; /* FCGI_STDERR has begun */
	bool moved;	 /* since whoever looks at it cleared it */
	int status;	 /* HTTP's, as far as the first bytes tell it */
	uint16_t head_have;
	unsigned char *head; /* what must wait: first, or more is held */
	unsigned char first[FIELD_NAME_MAX];
	const char *program; /* for the log */
	pid_t pid;
};

enum answer_result {
	ANSWER_IDLE, /* nothing more to read now */
	ANSWER_MORE, /* it has had its share */
	ANSWER_BAD,  /* the first line is no header field: it is in head */
};

/* Once, before all others, on a struct that is zeroed. */
void answer_init(struct answer *answer);

/* The header is to go on when it is whole, not as it comes. Without memory for
 * that it goes as it comes. */
void answer_hold_head(struct answer *answer);

/* Takes over the reading ends of the pipes, non-blocking. The two are called
 * when there may be something to read, or nobody writes any more, in the one
 * pipe and in the other. */
void answer_open(struct answer *answer, int out, int err,
		 void (*out_ready)(struct watch *, unsigned),
		 void (*err_ready)(struct watch *, unsigned));

/* From now on one of them is looked at while the program runs; before, only
 * when it is called readable. Returns 0, or -1 and errno. */
int stream_watch(struct stream *stream);

/* To be called by what answer_open was given as ready. */
void stream_ready(struct stream *stream, unsigned events);

/* Whether it is open and there is, or may be, something to read. */
bool stream_is_readable(const struct stream *stream);

/* The program has ended: its last words are in the pipes, whatever was told of
 * them before. */
void answer_ended(struct answer *answer);

/* After answer_ended, while stderr is open: whether something that the program
 * itself has said there has not been read yet. */
bool answer_owes_errors(struct answer *answer);

/*
 * Moves one block of each pipe into out as records of the request id. Needs
 * ANSWER_SPACE bytes of room: behind a full record of stderr, and what is held
 * of a header, at least one byte can be read. While held, stdout is not read.
 */
#define ANSWER_SPACE (2 * OUT_OVERHEAD + ANSWER_ERRORS_MAX + ANSWER_HEAD_MAX)
enum answer_result answer_move(struct answer *answer, struct out *out,
			       uint16_t id, bool held);

/* Nothing more of stdout is waited for: what comes is thrown away, and what is
 * held of a header goes on. */
void answer_end_output(struct answer *answer);

/* Gives the pipes away: what is printed from now on is thrown away, and the
 * program is not disturbed. */
void answer_abandon(struct answer *answer);

/* Closes the pipes. May be called twice. */
void answer_close(struct answer *answer);

#endif
