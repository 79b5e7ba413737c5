/* Policy routing rules.  Source: rtnetlink(7), linux/fib_rules.h. */
#ifndef ADIT_NET_RULE_H
#define ADIT_NET_RULE_H

#include "base/address.h"

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct nlsock;

/* Packets for which all that is given holds are routed by `table`.  Zeroes and ""
 * hold for every packet.
 */
struct rule {
	int family;	   /* AF_INET or AF_INET6 */
	uint8_t action;	   /* FR_ACT_*; 0: to the table */
	uint32_t priority; /* smaller first; 0 is the local table's */
	uint32_t table;
	char iif[IFNAMSIZ]; /* by name: it need not exist yet */
	char oif[IFNAMSIZ];
	struct prefix from; /* len 0: any */
	struct prefix to;
	uint32_t mark;
	uint32_t mark_mask;
	bool has_more; /* in dumps: it says more than is here */
};

/* -EEXIST: there is one. */
int rule_add(struct nlsock *sock, const struct rule *rule, struct error *err);
/* The first for which all that is given agrees.  -ENOENT: there is none. */
int rule_delete(struct nlsock *sock, const struct rule *rule, struct error *err);

typedef int (*rule_each)(void *context, const struct rule *rule);
/* -EAFNOSUPPORT: the kernel has no rules of that family. */
int rule_dump(struct nlsock *sock, int family, rule_each each, void *context, struct error *err);

#endif
