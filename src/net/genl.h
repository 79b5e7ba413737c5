/* Generic netlink: requests to families that have names, not numbers.
 *
 * Source: Documentation/userspace-api/netlink/intro-specs.rst, linux/genetlink.h.
 */
#ifndef ADIT_NET_GENL_H
#define ADIT_NET_GENL_H

#include <stdint.h>

struct error;
struct nlmsghdr;
struct nlsock;

/* A family as one handle's kernel knows it. */
struct genl_family {
	uint16_t id; /* the message type of its requests */
	uint8_t version;
};

/* A handle in the caller's network namespace. */
int genl_open(struct nlsock **ret, struct error *err);

/* -ENOENT: the kernel has no such family.  The question alone loads the module
 * that has it, where there is one.
 */
int genl_find(struct nlsock *sock, const char *name, struct genl_family *ret, struct error *err);

/* As nlsock_begin(); the family's own attributes follow GENL_HDRLEN. */
struct nlmsghdr *genl_begin(struct nlsock *sock, const struct genl_family *family, uint8_t command,
			    uint16_t flags);

#endif
