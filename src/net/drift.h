/* What happens in a confined network namespace, and whose doing it is.
 *
 * Two descriptors, opened inside and read from anywhere: rtnetlink's groups of
 * links, addresses, routes, rules and per-link settings, and nftables'.  Who did it
 * is told by the kernel as the port of the netlink socket that asked, which is
 * mostly the process id, as its own process namespace counts; nftables tells the
 * name, too.  What has no port was done by the kernel, or by a process that the
 * kernel does not name (changes of a link, settings).
 *
 * Source: netlink(7), rtnetlink(7), linux/netfilter/nf_tables.h (NFT_MSG_NEWGEN).
 */
#ifndef ADIT_NET_DRIFT_H
#define ADIT_NET_DRIFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum {
	DRIFT_LINKS = 1,
	DRIFT_ADDRESSES = 2,
	DRIFT_ROUTES = 4,
	DRIFT_RULES = 8,
	DRIFT_SETTINGS = 16, /* those that the kernel tells of: forwarding, rp_filter */
	DRIFT_FIREWALL = 32, /* the one table that is watched */
	DRIFT_EVERYTHING = 63,

	DRIFT_ACTORS_MAX = 8,
	DRIFT_NAME_LEN = 16, /* TASK_COMM_LEN of linux/sched.h, NUL included */
	DRIFT_DATAGRAMS_MAX = 256,
};

struct drift {
	int route;	      /* -1: none; does not block */
	int nftables;	      /* likewise */
	const char *table;    /* of family inet; borrowed */
	bool is_table_harmed; /* by a transaction of which the end has not been read yet */
};

/* In the caller's network namespace; NETLINK_NETFILTER needs CAP_NET_ADMIN over it. */
int drift_open(const char *table, struct drift *ret, struct error *err);
void drift_close(struct drift *drift); /* accepts one closed already */

/* Who did something, as far as the kernel says. */
struct drift_actor {
	uint32_t port; /* of its netlink socket; 0: the kernel does not say */
	pid_t pid;     /* as we count; 0: not known */
	char name[DRIFT_NAME_LEN];
};

struct drift_report {
	unsigned int changed; /* DRIFT_*, without what our own ports and processes did */
	struct drift_actor actor[DRIFT_ACTORS_MAX]; /* of those changes, each once */
	size_t n_actors;
	bool is_overrun; /* the kernel had more to tell than there was room for */
	bool is_cut;	 /* more waits than was read */
};

/* What is our own doing: netlink ports (nlsock_port()) and processes (nft_apply_as()). */
struct drift_own {
	const uint32_t *port;
	size_t n_ports;
	const pid_t *pid;
	size_t n_pids;
};

/* What waits on both descriptors. */
void drift_read(struct drift *drift, const struct drift_own *own, struct drift_report *ret);

/* Looks for the process of actor->port among those in the network namespace of that
 * descriptor, and writes its id and name.  False: it is gone, or never was one.
 */
bool drift_identify(int netns, struct drift_actor *actor);

#endif
