/* How it works.  UDP has two kinds of sockets on one port: one that is not
 * connected, where new clients arrive, and one for each client.  The first is
 * bound while it is alone, so that a port that anybody else has is refused,
 * and shares it (SO_REUSEPORT: with sockets of this user only) from then on.
 */
#include "relay/listener.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "relay/owner.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
	BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
	/* A client that has vanished is found out after 7 minutes. */
	KEEPALIVE_IDLE_S = 300,
	KEEPALIVE_INTERVAL_S = 30,
	KEEPALIVE_PROBES = 4,
};

struct option {
	int level;
	int name;
	int value;
};

static int set_options(int fd, const struct option *options, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			       sizeof(options[i].value)) < 0)
			return -errno;
	return 0;
}

/* What is accepted inherits all of it. */
static int set_tcp(int fd)
{
	static const struct option options[] = {
		{SOL_SOCKET, SO_REUSEADDR, 1}, /* connections of before may linger */
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
		{IPPROTO_TCP, TCP_NODELAY, 1},
	};

	return set_options(fd, options, sizeof(options) / sizeof(options[0]));
}

/* IP_FREEBIND: an IPv6 address that is still being checked for duplicates
 * cannot be bound to otherwise.
 */
static int set_common(int fd, const struct listener_spec *spec)
{
	const struct option v4[] = {
		{SOL_SOCKET, SO_BINDTOIFINDEX, (int)spec->device},
		{IPPROTO_IP, IP_FREEBIND, 1},
	};
	const struct option v6[] = {
		{SOL_SOCKET, SO_BINDTOIFINDEX, (int)spec->device},
		{IPPROTO_IPV6, IPV6_V6ONLY, 1},
		{IPPROTO_IPV6, IPV6_FREEBIND, 1},
	};

	return spec->at.any.sa_family == AF_INET ? set_options(fd, v4, 2) : set_options(fd, v6, 3);
}

static int make(const struct listener_spec *spec)
{
	int type = spec->protocol == RELAY_TCP ? SOCK_STREAM : SOCK_DGRAM;

	return socket(spec->at.any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int share_port(int fd)
{
	static const struct option share = {SOL_SOCKET, SO_REUSEPORT, 1};

	return set_options(fd, &share, 1);
}

/* The call that failed is the last one. */
static int set_up(int fd, const struct listener_spec *spec)
{
	int r = set_common(fd, spec);

	if (r == 0 && spec->protocol == RELAY_TCP)
		r = set_tcp(fd);
	if (r < 0)
		return r;
	if (bind(fd, &spec->at.any, endpoint_len(&spec->at)) < 0)
		return -errno;
	if (spec->protocol == RELAY_UDP)
		return share_port(fd);
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int explain(const struct listener_spec *spec, int code, struct error *err)
{
	const char *protocol = spec->protocol == RELAY_TCP ? "tcp" : "udp";
	char text[ENDPOINT_TEXT_LEN];
	struct owner owner;

	(void)endpoint_print(&spec->at, text);
	if (code != EADDRINUSE)
		return error_errno(err, code, "cannot listen on %s %s", protocol, text);
	if (!owner_find(spec->protocol, &spec->at, &owner))
		return error_set(err, code, "%s %s is taken by another program", protocol, text);
	return error_set(err, code, "%s %s is taken by '%s' (process %d)", protocol, text,
			 owner.name, (int)owner.pid);
}

int listener_open(const struct listener_spec *spec, int *ret_fd, struct error *err)
{
	AUTO_FD int fd = make(spec);
	int r = fd < 0 ? -errno : set_up(fd, spec);

	if (r == -EMFILE) {
		(void)error_set(err, EMFILE, "too many open files for all forwarded ports");
		error_hint(err, "raise LimitNOFILE= of the unit, or forward fewer ports");
		return r;
	}
	if (r < 0)
		return explain(spec, -r, err);
	*ret_fd = take_fd(&fd);
	return 0;
}

int listener_open_client(const struct listener_spec *spec, const union endpoint *client,
			 int *ret_fd)
{
	AUTO_FD int fd = make(spec);
	union endpoint to = *client;
	int r = fd < 0 ? -errno : set_common(fd, spec);

	if (r == 0)
		r = share_port(fd);
	if (r < 0)
		return r;
	if (to.any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&to.v6.sin6_addr))
		to.v6.sin6_scope_id = spec->device;
	if (bind(fd, &spec->at.any, endpoint_len(&spec->at)) < 0 ||
	    connect(fd, &to.any, endpoint_len(&to)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

bool listener_is_same_place(const struct listener_spec *a, const struct listener_spec *b)
{
	return a->protocol == b->protocol && a->device == b->device &&
	       endpoint_equal(&a->at, &b->at);
}
