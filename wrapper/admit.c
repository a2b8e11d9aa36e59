/*
 * admit: who runs, who waits, who is refused.
 */
#include "admit.h"

#include "launch.h"
#include "run.h"
#include "settings.h"
#include "spawn.h"

static bool refusing;

/* The request that waits longest; NULL if none does. */
static struct request *first_waiting(void)
{
	struct place *place = queue_first();

	return place ? LOOP_OWNER(place, struct request, place) : NULL;
}

/* What holds a start up, a file or an owner that stops it, may do so for long:
 * whoever waited for one more than there is room for would wait as long. */
static bool may_start(void)
{
	launch_settle();
	return spawn_has_room() && shared_start(set.max);
}

/* Room for a start may be short before -max is reached. */
static bool may_wait(void)
{
	return atomic_load(&shared->running) + atomic_load(&shared->waiting) <
	       set.max + set.queue;
}

void admit_waiting(void)
{
	struct request *request = first_waiting();

	while (request && may_start()) {
		queue_leave(&request->place);
		/* No longer WAITING, should it fail before it is RUNNING. */
		request->state = REQUEST_BODY;
		run_program(request);
		request->changed(request);
		request = first_waiting();
	}
}

static void refuse_stopped(struct request *request)
{
	request_fail(
		request, 503, 0, FAILED_RESOURCE,
		"refused: the wrapper is told to stop, and -grace is over");
}

void admit_none(void)
{
	refusing = true;
	while (queue_first())
		refuse_stopped(first_waiting());
}

void admit_request(struct request *request)
{
	if (refusing) {
		refuse_stopped(request);
	} else if (!queue_first() && may_start()) {
		run_program(request);
	} else if (may_wait()) {
		request->state = REQUEST_WAITING;
		queue_enter(&request->place);
		/* What has ended in another worker since the first look may
		 * have seen nobody wait. */
		admit_waiting();
	} else {
		shared->refused++;
		request_fail(
			request, 503, 0, FAILED_RESOURCE,
			"refused: as many run and wait as -max and -queue let");
	}
}
