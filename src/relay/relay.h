/* LAN flows into a confined network namespace without a link between the two.
 *
 * Two processes, both without privileges: the pump, in the caller's network
 * namespace, holds the outside's sockets and can neither connect, bind, address
 * nor open anything; the connector, in the confined one, holds none of them and
 * passes fresh connections over.  The caller makes the listening sockets and
 * keeps them, so that a port stays taken while a process is replaced.
 *
 * The caller is of one thread and stays in the network namespace in which it
 * called relay_open().  It gets no descriptor of the confined one.
 *
 *     relay_open(&config, &relay, &err);
 *     watch relay_fd(relay) for EPOLLIN   -> relay_dispatch(relay, &err)
 *     WATCH_LINKS or WATCH_ROUTES         -> relay_addresses_changed(relay, &err)
 *     another configuration               -> relay_reconfigure(relay, &config, &err)
 */
#ifndef ADIT_RELAY_RELAY_H
#define ADIT_RELAY_RELAY_H

#include "relay/forward.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct relay;

/* Borrowed for the call, the descriptors too: the relay has its own copies. */
struct relay_config {
	int netns_fd;  /* the confined network namespace */
	int userns_fd; /* the connector enters it first; -1: none */
	bool has_ids;  /* root calls: both processes become uid and gid */
	uid_t uid;
	gid_t gid;
	const struct relay_forward *forward; /* at most RELAY_FORWARDS_MAX; no interface "" */
	size_t n_forwards;
	/* Where services inside are reached: that address, or without one 127.0.0.1 and,
	 * where nobody listens there, ::1.
	 */
	bool has_inside_address;
	struct address inside_address;
	bool has_proxy_protocol; /* TCP: a PROXY protocol header, version 2, comes first */
};

/* Of one forward, since relay_open(). */
struct relay_forward_stats {
	uint64_t listeners; /* sockets; 0: its link or address is not there (yet) */
	uint64_t open;	    /* connections, or UDP clients, now */
	uint64_t total;
	uint64_t refused; /* from elsewhere, nobody listens inside, or no room */
	uint64_t bytes_in;
	uint64_t bytes_out;
};

/* On failure nothing is left.  A link or an address that is not there is no
 * failure: its listeners come with it.  -EADDRINUSE names the port's owner;
 * -EMFILE: LimitNOFILE= leaves no room.
 */
int relay_open(const struct relay_config *config, struct relay **ret, struct error *err);
void relay_close(struct relay *relay); /* accepts NULL; takes less than a second */

/* Flows of forwards that stay go on, those of the others are reset.  On failure
 * all is as it was before.
 */
int relay_reconfigure(struct relay *relay, const struct relay_config *config, struct error *err);

/* Listeners follow the host's addresses; established flows stay.  Does what it
 * can and returns the first failure: -EADDRINUSE on a fresh address, say.
 */
int relay_addresses_changed(struct relay *relay, struct error *err);

/* Readable when relay_dispatch() has something to do. */
int relay_fd(const struct relay *relay);
/* Never blocks for long.  A failure is for the log and the relay goes on:
 * -ECHILD: a process has ended and is being replaced.
 */
int relay_dispatch(struct relay *relay, struct error *err);

/* In the order of the configuration; `index` < n_forwards. */
void relay_stats(const struct relay *relay, size_t index, struct relay_forward_stats *ret);
/* How many TCP connections at once the limit of open files leaves room for. */
size_t relay_capacity(const struct relay *relay);

#endif
