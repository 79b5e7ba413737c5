/* Policy routing rules.  Source: rtnetlink(7), linux/fib_rules.h. */
#ifndef ADIT_NET_RULE_H
#define ADIT_NET_RULE_H

#include <net/if.h>
#include <stdint.h>

struct error;
struct nlsock;

/* Packets that came in by `iif` are routed by `table`. */
struct rule {
	int family;	    /* AF_INET or AF_INET6 */
	uint32_t priority;  /* smaller first; not 0, which is the local table's */
	uint32_t table;	    /* not 0 */
	char iif[IFNAMSIZ]; /* by name: it need not exist yet */
};

/* -EEXIST: there is one. */
int rule_add(struct nlsock *sock, const struct rule *rule, struct error *err);
/* -ENOENT: there is none. */
int rule_delete(struct nlsock *sock, const struct rule *rule, struct error *err);

#endif
