/* Makes the kernel's WireGuard link for a process that has gone inside.
 *
 * The link takes CAP_NET_ADMIN outside, where its UDP socket is to be, and who has
 * entered the user namespace that owns the network has none there any more.  Not to
 * enter that would take CAP_SYS_ADMIN, which a supervisor's unit does not have.  So
 * a child of its own stays outside, and is asked over a socket.
 */
#ifndef ADIT_SUPERVISE_MAKER_H
#define ADIT_SUPERVISE_MAKER_H

#include <sys/types.h>

struct error;
struct step_tun;

struct maker {
	int socket; /* -1: none */
	pid_t pid;
};

/* To be called before the process that will ask is forked; its links will be inside the
 * network namespace of that descriptor.
 */
int maker_start(int netns, struct maker *ret, struct error *err);
/* For one process at a time.  What wireguard_link_create() says. */
int maker_make(const struct maker *maker, const struct step_tun *tun, struct error *err);
void maker_end(struct maker *maker); /* accepts one without a socket */

#endif
