#include "net/watch.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "net/attr.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

static const int groups[] = {
	RTNLGRP_LINK,	    RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
	RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,	 RTNLGRP_IPV6_RULE,
};

int watch_open(int *ret_fd, struct error *err)
{
	AUTO_FD int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	int on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return error_errno(err, errno, "cannot open a netlink socket");
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, sizeof(on));
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			       sizeof(groups[i])) < 0)
			return error_errno(err, errno, "cannot watch the network");
	*ret_fd = take_fd(&fd);
	return 0;
}

static unsigned int kind_of(uint16_t type)
{
	return type == RTM_NEWLINK || type == RTM_DELLINK ? WATCH_LINKS : WATCH_ROUTES;
}

static unsigned int read_messages(const char *bytes, size_t len)
{
	const struct nlmsghdr *message;
	unsigned int seen = 0;

	for (size_t at = 0; at < len; at += attrs_align(message->nlmsg_len)) {
		message = attr_message(bytes + at, len - at);
		if (!message)
			break;
		seen |= kind_of(message->nlmsg_type);
	}
	return seen;
}

unsigned int watch_read(int fd)
{
	char bytes[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	unsigned int seen = 0;

	for (;;) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n =
			recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS)
			seen |= WATCH_LINKS | WATCH_ROUTES;
		else if (n <= 0)
			return seen;
		else if (from.nl_pid == 0) /* the kernel's own */
			seen |= read_messages(bytes, (size_t)n);
	}
}
