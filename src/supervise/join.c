#include "supervise/join.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "supervise/registry.h"

#include <errno.h>
#include <poll.h>

enum { JOIN_WAIT_MS = 5000 };

/* Which namespaces the descriptors beside it are. */
struct join_message {
	bool has[CONFINE_NAMESPACES];
};

void join_serve(const struct registry *registry, const int ns[CONFINE_NAMESPACES])
{
	AUTO_FD int socket = registry_accept(registry);
	struct join_message message = {0};
	int fds[CONFINE_NAMESPACES];
	size_t n_fds = 0;

	if (socket < 0)
		return;
	for (int i = 0; i < CONFINE_NAMESPACES; i++) {
		message.has[i] = ns[i] >= 0;
		if (ns[i] >= 0)
			fds[n_fds++] = ns[i];
	}
	(void)fd_send(socket, &message, sizeof(message), fds, n_fds);
}

static int unpack(const struct join_message *message, const int *fds, size_t n_fds,
		  int ret_ns[CONFINE_NAMESPACES])
{
	size_t used = 0;

	for (int i = 0; i < CONFINE_NAMESPACES; i++) {
		ret_ns[i] = -1;
		if (message->has[i] && used < n_fds)
			ret_ns[i] = fds[used++];
	}
	return used == n_fds && used > 0 ? 0 : -EPROTO;
}

int join_ask(const uint8_t public_key[32], int ret_ns[CONFINE_NAMESPACES], struct error *err)
{
	AUTO_FD int socket = -1;
	struct join_message message;
	int fds[FD_PASS_MAX];
	size_t n_fds;
	ssize_t n;
	int r = registry_connect(public_key, &socket, err);

	if (r < 0)
		return r;
	if (poll(&(struct pollfd){.fd = socket, .events = POLLIN}, 1, JOIN_WAIT_MS) <= 0)
		return error_set(err, ETIMEDOUT, "the adit that holds this key does not answer");
	n = fd_receive(socket, &message, sizeof(message), fds, &n_fds);
	if (n != (ssize_t)sizeof(message) || unpack(&message, fds, n_fds, ret_ns) < 0)
		return error_set(err, EPROTO,
				 "the adit that holds this key does not let others in yet");
	return 0;
}
