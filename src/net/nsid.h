/* Numbers by which one network namespace knows another, to ask about its links.
 *
 * A number does not keep the other namespace alive, and goes with it.
 *
 * Source: rtnetlink(7), linux/net_namespace.h.
 */
#ifndef ADIT_NET_NSID_H
#define ADIT_NET_NSID_H

#include <stdint.h>

struct error;
struct nlsock;

/* That of a namespace's descriptor, given to it if it has none; it needs
 * CAP_NET_ADMIN here.
 */
int nsid_get(struct nlsock *sock, int netns, int32_t *ret, struct error *err);

#endif
