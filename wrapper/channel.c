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

/* Returns the length of the message, or 0 if it is too long. */
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
	return offsetof(struct template_request, env) + used;
}

enum channel_result channel_send(int channel, pid_t ready,
				 const struct spawn *spawn)
{
	static struct template_request request;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control = {
		.header = {.cmsg_level = SOL_SOCKET,
			   .cmsg_type = SCM_RIGHTS,
			   .cmsg_len = CMSG_LEN(TEMPLATE_FDS * sizeof(int))}};
	struct iovec part = {&request, write_request(&request, spawn->envp)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fds[TEMPLATE_FDS] = {spawn->folder, spawn->files[0],
				 spawn->files[1], spawn->files[2]};

	if (part.iov_len == 0)
		return CHANNEL_UNFIT;
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	request.pid = ready;
	/* Before it can do anything that must be ended with it; and nobody
	 * but a child of ours can be put into a group. */
	if (setpgid(ready, ready) < 0)
		return CHANNEL_BROKEN;
	return sendmsg(channel, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
		       ? CHANNEL_BROKEN
		       : CHANNEL_SENT;
}
