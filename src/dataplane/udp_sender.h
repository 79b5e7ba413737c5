/* Runs of datagrams to the UDP sockets.
 *
 * How it works: a run of equal datagrams leaves with one UDP_SEGMENT send.
 * Where the route's device refuses segmentation (EIO), or a datagram is longer
 * than its MTU (EINVAL, later EMSGSIZE), the run goes out one datagram a send;
 * once one of them has left so, later runs through that socket do the same for
 * UDP_SENDER_REFUSAL_NS.  EINVAL may also be about the source address, which is
 * given up next.  An error may be that of an earlier datagram (an ICMP message
 * makes one pending), so it counts only when it comes twice.  A full socket is
 * waited for a short while: that is what holds the TUN's senders back; after it
 * the run is lost, as on any network, and what is left of the batch does not
 * wait again.
 *
 * Sources: udp(7), linux/udp.h, ip(7) on IP_RECVERR.
 */
#ifndef ADIT_DATAPLANE_UDP_SENDER_H
#define ADIT_DATAPLANE_UDP_SENDER_H

#include "base/clock.h"
#include "dataplane/batch.h"
#include "dataplane/udp.h"

#include <stddef.h>
#include <stdint.h>

struct health;
struct volley;

enum { UDP_SENDER_WAIT_MS = 20 };

#define UDP_SENDER_REFUSAL_NS (10 * NS_PER_S)

/* What UDP_SEGMENT met on a socket's routes.  Zeroed: nothing. */
struct udp_refusal {
	size_t limit;	      /* longer datagrams are sent one by one */
	struct instant until; /* the limit holds until then; 0: no limit */
};

struct udp_sender {
	struct udp_refusal refusal[UDP_FAMILIES];
	struct volley *volley; /* owned: messages being made */
};

int udp_sender_init(struct udp_sender *sender); /* -ENOMEM */
void udp_sender_done(struct udp_sender *sender);

/* Sends every run.  One whose source address did not work was sent without and
 * is marked is_source_refused.  Failures are counted in health.
 */
void udp_sender_send(struct udp_sender *sender, const struct udp_sockets *sockets,
		     struct batch *batch, struct instant now, struct health *health);

#endif
