/* When to look at the kernel's device again, and what its counters mean.
 *
 * How it works.  The kernel reports nothing by itself, so a timer says when to
 * read its counters: often while a handshake is waited for, a sixteenth of the
 * wait so far, so that it is seen as soon as a person would; and each 5 s
 * afterwards, so that what others change is seen.  What it does not count either
 * is initiations.  It sends one each
 * WG_REKEY_TIMEOUT to a peer that has not answered for WG_NEW_HANDSHAKE_TIME, or
 * with which there is no session: so many there have been as that time has had
 * room for, while bytes went out and none came in.
 *
 * Nor does it tell a peer that has moved from one that somebody has moved: one that
 * is heard from its new place twice has done so itself.  Where nothing came before
 * the first look at that place, or nothing afterwards but what is sent there goes
 * unanswered, it was not the peer, and its rightful place is where it was before.
 *
 * Pure: the caller has the clocks.
 */
#ifndef ADIT_TUNNEL_KERNEL_WATCH_H
#define ADIT_TUNNEL_KERNEL_WATCH_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

union endpoint;
struct tunnel_stats;
struct kernel_watch_peer;

/* Zeroed: of no peers. */
struct kernel_watch {
	struct instant began;		/* waiting for a handshake */
	struct wall_time newer_than;	/* one completed after this ends the wait */
	struct kernel_watch_peer *peer; /* owned */
	size_t n_peers;
	bool is_waiting;
	bool has_doubts; /* a peer is not at its rightful place */
};

/* The two clocks, read together. */
struct kernel_watch_time {
	struct instant now;
	struct wall_time wall;
};

/* A handshake completed in the last `age` ns counts: 0, only one still to come. */
void kernel_watch_wait(struct kernel_watch *watch, const struct kernel_watch_time *time,
		       uint64_t age);

/* We have put the peer there, which is its rightful place now.  -ENOMEM: not noted, and
 * the place where it is found next is.
 */
int kernel_watch_place(struct kernel_watch *watch, const uint8_t public_key[32],
		       const union endpoint *endpoint);

/* Notes what was read, and writes handshakes_sent and `rightful` into it.  -ENOMEM:
 * nothing noted.
 */
int kernel_watch_note(struct kernel_watch *watch, const struct kernel_watch_time *time,
		      struct tunnel_stats *stats);

/* ns from `now` until it should be read again */
uint64_t kernel_watch_interval(const struct kernel_watch *watch, struct instant now);

void kernel_watch_done(struct kernel_watch *watch);

#endif
