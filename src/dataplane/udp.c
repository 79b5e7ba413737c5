#include "dataplane/udp.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
	SOCKET_BUFFER_LEN = 4 * 1024 * 1024, /* bytes: a few dozen merged datagrams */
	PORT_ATTEMPTS = 64,		     /* free for one family may be taken for the other */
};

/* An option of a new socket.  What the kernel does not know is done without,
 * except where the tunnel could not work.
 */
struct option {
	int level;
	int name;
	int value;
	bool is_required;
};

static const struct option options_v4[] = {
	{IPPROTO_IP, IP_PKTINFO, 1, true},
	{IPPROTO_IP, IP_RECVTOS, 1, true},
	{IPPROTO_IP, IP_RECVERR, 1, false},
	/* datagrams may be cut on the way, as the kernel module lets them */
	{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, false},
	{IPPROTO_UDP, UDP_GRO, 1, false},
	{SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_LEN, false},
	{SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_LEN / 4, false},
	{SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_LEN, false},
	{SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_LEN / 4, false},
};

static const struct option options_v6[] = {
	{IPPROTO_IPV6, IPV6_V6ONLY, 1, true},
	{IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, true},
	{IPPROTO_IPV6, IPV6_RECVTCLASS, 1, true},
	{IPPROTO_IPV6, IPV6_RECVERR, 1, false},
	{IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, false},
	{IPPROTO_UDP, UDP_GRO, 1, false},
	{SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_LEN, false},
	{SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_LEN / 4, false},
	{SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_LEN, false},
	{SOL_SOCKET, SO_SNDBUFFORCE, SOCKET_BUFFER_LEN / 4, false},
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static int set_options(int fd, const struct option *options, size_t n_options)
{
	for (size_t i = 0; i < n_options; i++)
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			       sizeof(options[i].value)) < 0 &&
		    options[i].is_required)
			return -errno;
	return 0;
}

static int bind_any(int fd, int family, uint16_t port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	int r;

	if (family == AF_INET)
		r = bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	else
		r = bind(fd, (struct sockaddr *)&v6, sizeof(v6));
	return r < 0 ? -errno : 0;
}

/* A bound socket, or -errno. */
static int open_family(int family, uint16_t port)
{
	AUTO_FD int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
	int r;

	if (fd < 0)
		return -errno;
	if (family == AF_INET)
		r = set_options(fd, options_v4, N_OF(options_v4));
	else
		r = set_options(fd, options_v6, N_OF(options_v6));
	if (r == 0)
		r = bind_any(fd, family, port);
	return r < 0 ? r : take_fd(&fd);
}

static uint16_t bound_port(int fd)
{
	struct sockaddr_in6 name = {0};
	socklen_t len = sizeof(name);

	/* the port stands at the same place in both families */
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		return 0;
	return ntohs(name.sin6_port);
}

/* Both families on one port; without IPv6 in the kernel, IPv4 alone. */
static int open_both(uint16_t port, struct udp_sockets *ret)
{
	AUTO_FD int v4 = open_family(AF_INET, port);
	int v6;

	if (v4 < 0)
		return v4;
	v6 = open_family(AF_INET6, port != 0 ? port : bound_port(v4));
	if (v6 < 0 && v6 != -EAFNOSUPPORT && v6 != -EADDRNOTAVAIL)
		return v6;
	ret->fd[UDP_V4] = take_fd(&v4);
	ret->fd[UDP_V6] = v6 < 0 ? -1 : v6;
	return 0;
}

int udp_set_mark(struct udp_sockets *sockets, uint32_t fwmark)
{
	sockets->is_mark_refused = false;
	for (int i = 0; i < UDP_FAMILIES; i++) {
		if (sockets->fd[i] < 0 ||
		    setsockopt(sockets->fd[i], SOL_SOCKET, SO_MARK, &fwmark, sizeof(fwmark)) == 0)
			continue;
		if (errno != EPERM)
			return -errno;
		sockets->is_mark_refused = true;
	}
	return 0;
}

int udp_open(uint16_t port, uint32_t fwmark, struct udp_sockets *ret, struct error *err)
{
	struct udp_sockets sockets = {.fd = {-1, -1}};
	int r = -EADDRINUSE;

	for (int i = 0; r == -EADDRINUSE && i < (port == 0 ? PORT_ATTEMPTS : 1); i++)
		r = open_both(port, &sockets);
	if (r < 0)
		return error_errno(err, -r, "cannot open UDP port %u", port);
	r = fwmark != 0 ? udp_set_mark(&sockets, fwmark) : 0;
	if (r < 0) {
		udp_close(&sockets);
		return error_errno(err, -r, "cannot set the mark 0x%x", fwmark);
	}
	*ret = sockets;
	return 0;
}

void udp_close(struct udp_sockets *sockets)
{
	for (int i = 0; i < UDP_FAMILIES; i++)
		fd_cleanup(&sockets->fd[i]);
	*sockets = (struct udp_sockets){.fd = {-1, -1}};
}

uint16_t udp_port(const struct udp_sockets *sockets)
{
	uint16_t port = bound_port(sockets->fd[UDP_V4]);

	return port != 0 ? port : bound_port(sockets->fd[UDP_V6]);
}

uint32_t udp_mark(const struct udp_sockets *sockets)
{
	int fd = sockets->fd[UDP_V4] >= 0 ? sockets->fd[UDP_V4] : sockets->fd[UDP_V6];
	uint32_t mark = 0;
	socklen_t len = sizeof(mark);

	if (getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &len) < 0)
		return 0;
	return mark;
}

/* UDP_FAMILIES: not a UDP socket over IP. */
static enum udp_family family_of(int fd)
{
	int protocol = 0;
	int domain = 0;
	socklen_t len = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || protocol != IPPROTO_UDP)
		return UDP_FAMILIES;
	if (domain == AF_INET)
		return UDP_V4;
	return domain == AF_INET6 ? UDP_V6 : UDP_FAMILIES;
}

int udp_adopt(const int *fds, size_t n_fds, struct udp_sockets *ret)
{
	struct udp_sockets sockets = {.fd = {-1, -1}};

	if (n_fds == 0)
		return -EINVAL;
	for (size_t i = 0; i < n_fds; i++) {
		enum udp_family family = family_of(fds[i]);

		if (family == UDP_FAMILIES || sockets.fd[family] >= 0)
			return -EINVAL;
		sockets.fd[family] = fds[i];
	}
	*ret = sockets;
	return 0;
}
