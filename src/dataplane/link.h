/* The socket to the supervisor: requests of uapi.h in, replies out.
 *
 * How it works: the sender's thread calls all of this.  A request is taken whole
 * and under the plane's lock, so that packets never meet half of a new list of
 * peers; unless the supervisor stops in the middle, which must not stop traffic.
 */
#ifndef ADIT_DATAPLANE_LINK_H
#define ADIT_DATAPLANE_LINK_H

#include "base/clock.h"
#include "dataplane/health.h"
#include "dataplane/uapi_target.h"
#include "dataplane/udp.h"

#include <stdbool.h>

struct loop;
struct plane;
struct sender;
struct shift;
struct uapi;

enum { LINK_WAIT_MS = 200 }; /* for the rest of a request that has begun to come */

struct link {
	int fd;		   /* borrowed; a stream socket, non-blocking */
	struct loop *loop; /* this and the three below are borrowed */
	struct plane *plane;
	struct sender *sender;
	struct shift *shift;
	struct uapi *uapi; /* owned */
	struct uapi_target target;
	struct udp_sockets fresh_sockets; /* owned: came beside the text, not yet in use */
	struct health told;
	bool is_full;	    /* a reply waits for room in the socket */
	bool is_up;	    /* down, neither the TUN nor sockets are read */
	bool is_successor;  /* and was not up yet: see sender_hold() */
	struct instant now; /* when the request came */
};

/* `link` holds what is borrowed, and else zeroes.  The device is up or down from
 * now on; -ENOMEM.
 */
int link_init(struct link *link, bool is_up);
void link_done(struct link *link); /* also of one zeroed, or half made */

#endif
