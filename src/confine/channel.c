#include "confine/channel.h"

#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int channel_open(int ret[2])
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ret[0] = pair[0];
	ret[1] = pair[1];
	return 0;
}

int channel_send(int channel, const struct channel_message *message, const int *fds, size_t n_fds)
{
	struct channel_message copy;

	memcpy(&copy, message, sizeof(copy));
	copy.error.pos.path = NULL; /* a pointer of this process */
	return fd_send(channel, &copy, sizeof(copy), fds, n_fds);
}

int channel_say(int channel, enum channel_kind kind, int32_t number)
{
	struct channel_message message = {.kind = kind, .number = number};

	return channel_send(channel, &message, NULL, 0);
}

static void close_all(const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++)
		(void)close(fds[i]);
}

int channel_receive(int channel, struct channel_message *ret, int *ret_fds, size_t *ret_n_fds)
{
	struct channel_message message;
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_receive(channel, &message, sizeof(message), fds, &n_fds);

	if (n == -ECONNRESET || n == -EPIPE)
		return 0;
	if (n <= 0)
		return (int)n;
	if (n != (ssize_t)sizeof(message) || (unsigned int)message.kind >= CHANNEL_KINDS) {
		close_all(fds, n_fds);
		return -EBADMSG;
	}
	message.error.what[sizeof(message.error.what) - 1] = '\0';
	message.error.hint[sizeof(message.error.hint) - 1] = '\0';
	message.error.pos = (struct source_pos){0};
	*ret = message;
	memcpy(ret_fds, fds, sizeof(*fds) * n_fds);
	*ret_n_fds = n_fds;
	return 1;
}

int channel_expect(int channel, enum channel_kind kind)
{
	struct channel_message message;
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	int r = channel_receive(channel, &message, fds, &n_fds);

	if (r < 0)
		return r;
	if (r == 0)
		return -ECONNRESET;
	close_all(fds, n_fds);
	return message.kind == kind ? 0 : -ECONNRESET;
}
