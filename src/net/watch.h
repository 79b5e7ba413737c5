/* What happens to links, addresses, routes and rules, as it happens.
 *
 * The caller's network namespace is watched, and the links of those that have a
 * number there (nsid.h) where the caller may: CAP_NET_BROADCAST over each.
 *
 * Source: netlink(7), rtnetlink(7), linux/netlink.h (NETLINK_LISTEN_ALL_NSID).
 */
#ifndef ADIT_NET_WATCH_H
#define ADIT_NET_WATCH_H

struct error;

enum {
	WATCH_LINKS = 1,  /* a link came, went or changed */
	WATCH_ROUTES = 2, /* an address, a route or a rule did */
};

/* A descriptor that does not block and is readable when something happened. */
int watch_open(int *ret_fd, struct error *err);
/* What has happened since the last call, as far as it waits; all of it, when the
 * kernel had more to tell than there was room for.
 */
unsigned int watch_read(int fd);

#endif
