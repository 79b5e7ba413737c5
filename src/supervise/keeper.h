/* One tunnel, kept up: whoever has a TUN and a profile gives both to a keeper and
 * turns its loop.
 *
 * How it works.  The keeper opens the tunnel and watches its two descriptors.
 * When the data plane dies it starts another one (takeover.h), which inherits
 * what the peers expect it to know; the namespace stays sealed meanwhile, since
 * its firewall, its routes and its only link depend on no data plane.  When no
 * handshake comes it looks the endpoint's name up again (refresh.h), and when
 * the host's routes change it forgets which address to send from.
 *
 * What others change of the tunnel itself is put right at its next event, since the
 * kernel tells nobody of changes to its own WireGuard.
 *
 * Nothing here wakes up by itself while handshakes succeed, but for that: see
 * tunnel_find_drift().
 */
#ifndef ADIT_SUPERVISE_KEEPER_H
#define ADIT_SUPERVISE_KEEPER_H

#include "base/clock.h"
#include "supervise/refresh.h"
#include "supervise/takeover.h"

#include <stdbool.h>
#include <stdint.h>

struct error;
struct loop;
struct profile;
struct tunnel;
struct tunnel_config;
struct tunnel_stats;

struct keeper {
	struct loop *loop;	 /* borrowed */
	struct profile *profile; /* borrowed; its endpoints are kept current */

	struct tunnel *tunnel; /* NULL: none, or being replaced */
	struct takeover takeover;
	struct refresh refresh;
	int network;	       /* what happens to the host's routes; -1: not watched */
	struct instant forgot; /* which of our addresses to send from */
	struct instant forget_at;
	struct instant mended; /* when the tunnel itself was last looked at; 0: never */
	bool is_lasting;       /* names are looked up again by age, too */
	bool has_handshake;    /* there has been one */
	bool has_warned;       /* of what needs root */

	/* Called with fresh statistics; a negative return ends the loop with it. */
	int (*on_stats)(void *context, const struct tunnel_stats *stats);
	/* A peer's name was looked up; NULL: nobody wants to know. */
	int (*on_endpoint)(void *context, size_t peer);
	/* The host's links, addresses or routes have changed; NULL likewise. */
	void (*on_network)(void *context);
	/* What a new tunnel is made from, but for what it inherits. */
	void (*fill_config)(void *context, struct tunnel_config *config);
	void *context;
};

/* The callbacks and their context are set already.  -ENOMEM. */
int keeper_init(struct keeper *keeper, struct loop *loop, struct profile *profile,
		struct error *err);
void keeper_done(struct keeper *keeper); /* accepts one that is zeroed but for network: -1 */

/* The first tunnel; its failure is the caller's to judge. */
int keeper_open(struct keeper *keeper, struct error *err);
void keeper_close(struct keeper *keeper);
/* From now on it is about that profile, in the same place; the tunnel there is goes on
 * with the old one until keeper_configure(), or is closed and opened again.
 */
int keeper_set_profile(struct keeper *keeper, struct profile *profile, struct error *err);
/* The running tunnel becomes what the profile says: sessions of peers that stay go on. */
int keeper_configure(struct keeper *keeper, struct error *err);
/* Of the host's network namespace, in which the caller is. */
void keeper_watch_network(struct keeper *keeper);

/* When keeper_handle_deadlines() is to be called at the latest; 0: never. */
struct instant keeper_next_deadline(const struct keeper *keeper);
void keeper_handle_deadlines(struct keeper *keeper, struct instant now);

#endif
