/*
 * channel: one message into a template, one out of it. What comes is checked
 * here: what is loaded into a template is its program's, and may tell lies.
 */
#include "channel.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "template.h"

/* Keeps the first descriptor of all, if the message is a good one. */
static void take_descriptors(struct msghdr *message, bool good, int *kept)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	size_t n, i;
	int fd;

	if (!header || header->cmsg_level != SOL_SOCKET ||
	    header->cmsg_type != SCM_RIGHTS)
		return;
	n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
	for (i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
		if (good && *kept < 0)
			*kept = fd;
		else
			close(fd);
	}
}

ssize_t channel_receive(int channel, pid_t group, pid_t *ready, int *changes)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	pid_t pid = 0;
	struct iovec part = {&pid, sizeof(pid)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0)
		return n;
	if (n != (ssize_t)sizeof(pid) || getpgid(pid) != group)
		n = 0;
	if (n > 0)
		*ready = pid;
	take_descriptors(&message, n > 0, changes);
	return n;
}

/* Returns the length of the variables, or 0 if they are too long. */
static size_t write_request(struct template_request *request,
			    char *const *environment)
{
	size_t used = 0;

	for (; *environment; environment++) {
		size_t size = strlen(*environment) + 1;

		if (size > sizeof(request->env) - used)
			return 0;
		memcpy(request->env + used, *environment, size);
		used += size;
	}
	return used;
}

static int send_descriptors(int socket, struct iovec part, const int *fds,
			    size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = (socklen_t)CMSG_LEN(count *
								sizeof(int))}};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int))};

	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1
									  : 0;
}

int channel_ask(int channel)
{
	int ends[2];
	int result;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	result = send_descriptors(channel, (struct iovec){"", 1}, &ends[1], 1);
	close(ends[1]);
	if (result == 0)
		return ends[0];
	close(ends[0]);
	return -1;
}

enum channel_result channel_send(int socket, pid_t ready,
				 const struct spawn *spawn)
{
	static struct template_request request;
	struct iovec part = {&request, write_request(&request, spawn->envp)};
	int fds[TEMPLATE_FDS] = {spawn->folder, spawn->files[0],
				 spawn->files[1], spawn->files[2]};

	if (part.iov_len == 0)
		return CHANNEL_UNFIT;
	/* Before it can do anything that must be ended with it; and nobody
	 * but a child of ours can be put into a group. */
	if (setpgid(ready, ready) < 0 ||
	    send_descriptors(socket, part, fds, TEMPLATE_FDS) < 0)
		return CHANNEL_BROKEN;
	return CHANNEL_SENT;
}
