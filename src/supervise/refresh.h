/* Endpoint names looked up: at first where the profile has no address yet, again
 * when no handshake comes, and of a lasting tunnel once an hour.
 *
 * How it works.  The data plane reports each initiation that goes unanswered.
 * A peer that was given by name and has sent REFRESH_AFTER initiations since
 * its last handshake gets its name looked up anew, in a child, one name at a
 * time and each at most every REFRESH_PAUSE_NS.  Of several addresses the next
 * one after the present is tried, as far as this machine has a route to it.  A
 * new address goes to the data plane, which begins a handshake there; the old
 * one stays when the name does not resolve.  A name that has no address yet is
 * asked for again after REFRESH_RETRY_NS, then half as often each time.
 *
 * Nothing wakes a run's while handshakes succeed.
 */
#ifndef ADIT_SUPERVISE_REFRESH_H
#define ADIT_SUPERVISE_REFRESH_H

#include "base/clock.h"
#include "supervise/resolve.h"

#include <stdbool.h>
#include <stddef.h>

struct profile;
struct tunnel;
struct tunnel_stats;

enum { REFRESH_AFTER = 2 };
#define REFRESH_PAUSE_NS      (5 * NS_PER_S)
#define REFRESH_RETRY_NS      (3 * NS_PER_S)
#define REFRESH_RETRY_LAST_NS (60 * NS_PER_S)
#define REFRESH_AGE_NS	      (3600 * NS_PER_S)

struct refresh_peer {
	uint64_t n_answered;   /* initiations sent when the last handshake was seen */
	uint64_t handshake_ns; /* wall time of that handshake */
	struct instant last_try;
	struct instant due; /* asked for then, whatever the tunnel says; 0: never */
	uint64_t retry_ns;  /* before the latest of these tries; 0: it had an answer */
};

struct refresh {
	struct profile *profile;   /* borrowed; its endpoints are kept current */
	struct refresh_peer *peer; /* owned, one for each of the profile */
	struct resolve look_up;	   /* under way; fd -1: none */
	size_t looked_up;	   /* which peer's name it is */
	bool is_lasting;	   /* names are looked up again by age, too */
};

int refresh_init(struct refresh *refresh, struct profile *profile, bool is_lasting);
void refresh_done(struct refresh *refresh);

/* Looks at fresh statistics, and may begin a look-up: then refresh->look_up.fd
 * is to be watched for reading, and refresh_finish() called.
 */
void refresh_consider(struct refresh *refresh, struct instant now,
		      const struct tunnel_stats *stats);
void refresh_finish(struct refresh *refresh, struct instant now, struct tunnel *tunnel);

/* The next one that is asked for by time: refresh_begin_due() is to be called. */
struct instant refresh_next(const struct refresh *refresh);
void refresh_begin_due(struct refresh *refresh, struct instant now);

#endif
