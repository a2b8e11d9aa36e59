/*
 * channel: one message into a template, one out of it, one into its child.
 */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "call.h"
#include "descriptors.h"
#include "giveup.h"

static int channel = -1;

void channel_open(void)
{
	int null =
		(int)CALL(openat, AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);

	channel = descriptors_aside(STDIN_FILENO);
	if (null < 0 || channel < 0 || CALL(dup3, null, STDIN_FILENO, 0) < 0)
		give_up("descriptors");
	CALL(close, null);
}

int channel_announce(pid_t pid, int changes)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec part = {&pid, sizeof(pid)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (changes >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &changes, sizeof(int));
	}
	return CALL(sendmsg, channel, &message, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* Takes a message with so many descriptors and returns its length. The process
 * ends if none can come any more, or something else comes. */
static size_t receive(int from, struct iovec part, int *fds, size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n;

	do
		n = CALL(recvmsg, from, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || !CMSG_FIRSTHDR(&message) ||
	    control.header.cmsg_len != CMSG_LEN(count * sizeof(int)))
		_exit(0);
	memcpy(fds, CMSG_DATA(&control.header), count * sizeof(int));
	return (size_t)n;
}

int channel_wanted(void)
{
	char byte;
	int own;

	receive(channel, (struct iovec){&byte, 1}, &own, 1);
	return own;
}

size_t channel_receive(int own, struct template_request *request,
		       int fds[TEMPLATE_FDS])
{
	return receive(own, (struct iovec){request, sizeof(*request)}, fds,
		       TEMPLATE_FDS);
}

void channel_close(void)
{
	CALL(close, channel);
}
