/* Links (interfaces).  Source: rtnetlink(7), linux/if_link.h. */
#ifndef ADIT_NET_LINK_H
#define ADIT_NET_LINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;

enum { LINK_KIND_LEN = 16 }; /* NUL included */

struct link_info {
	uint32_t index;
	uint32_t flags; /* IFF_* of net/if.h */
	uint32_t mtu;	/* bytes */
	uint32_t gso_max_segs;
	char name[IFNAMSIZ];
	char kind[LINK_KIND_LEN]; /* "tun", "veth", "wireguard"; "" for lo and hardware */
	/* Of a link whose other end is in another network namespace: the number of that
	 * (nsid.h), -1 otherwise, and the other end's index there.
	 */
	int32_t peer_nsid;
	uint32_t peer_index;
};

/* Fields left zero are left alone. */
struct link_change {
	uint32_t flags;	     /* IFF_* */
	uint32_t flags_mask; /* which of `flags` count */
	uint32_t mtu;	     /* bytes */
	uint32_t gso_max_segs;
	bool is_addr_gen_none; /* no IPv6 link-local address of the kernel's own */
};

/* A virtual link that needs no more than its kind. */
struct link_new {
	char name[IFNAMSIZ];
	char kind[LINK_KIND_LEN];
	char peer[IFNAMSIZ]; /* veth: the other end's name; "" otherwise */
	uint32_t mtu;	     /* bytes; 0: the kind's */
};

/* -ENODEV: no link of that name, here and below. */
int link_get(struct nlsock *sock, const char *name, struct link_info *ret, struct error *err);
/* Of another network namespace, by the number that nsid.h gives; it needs
 * CAP_NET_ADMIN over that.  -1: ours.
 */
int link_get_in(struct nlsock *sock, int32_t nsid, const char *name, struct link_info *ret,
		struct error *err);
int link_get_index(struct nlsock *sock, uint32_t index, struct link_info *ret, struct error *err);
/* Only its index, by which it is known whatever somebody may call it later. */
int link_index_of(struct nlsock *sock, const char *name, uint32_t *ret, struct error *err);
int link_change(struct nlsock *sock, const char *name, const struct link_change *change,
		struct error *err);
/* -EEXIST: there is one of the new name; -EBUSY: it is up, and Linux is older than
 * 6.2.
 */
int link_rename(struct nlsock *sock, const char *name, const char *new_name, struct error *err);
/* -EEXIST: there is one. */
int link_create(struct nlsock *sock, const struct link_new *link, struct error *err);
/* A veth of which one end is here and the other in the network namespace of that
 * descriptor, over which the caller has CAP_NET_ADMIN; both are down.
 */
struct link_pair {
	char name[IFNAMSIZ];
	char peer[IFNAMSIZ];
	int peer_netns;
};
int link_create_pair(struct nlsock *sock, const struct link_pair *pair, struct error *err);
int link_delete(struct nlsock *sock, const char *name, struct error *err);
/* Into the network namespace of that descriptor; it arrives down and without
 * addresses.
 */
int link_move(struct nlsock *sock, const char *name, int netns, struct error *err);

/* A negative return ends the dump with it. */
typedef int (*link_each)(void *context, const struct link_info *link);
int link_dump(struct nlsock *sock, link_each each, void *context, struct error *err);

#endif
