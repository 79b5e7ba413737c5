/* What stands between the death of a data plane and its successor: when the next
 * one starts, what it inherits, and whether what waited in the TUN is stale.
 *
 * How it works.  The first successor starts 10 ms after a death.  One that does
 * not live for a second is followed twice as late, up to 10 s; one that does
 * begins anew.  Packets that waited for more than a second are not to be sent
 * any more, however many successors died meanwhile.  The moment of a death is
 * known only while this process runs, so a death that is noticed after it was
 * stopped (SIGSTOP, or a shell's job control) counts as an old one.
 *
 * Nothing here reads a clock or starts a process.
 */
#ifndef ADIT_SUPERVISE_TAKEOVER_H
#define ADIT_SUPERVISE_TAKEOVER_H

#include "base/address.h"
#include "base/clock.h"
#include "tunnel/tunnel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct profile;

#define TAKEOVER_FIRST_NS   (10 * NS_PER_MS)
#define TAKEOVER_LAST_NS    (10 * NS_PER_S)
#define TAKEOVER_CALM_NS    NS_PER_S /* lived so long: no crash loop */
#define TAKEOVER_BACKLOG_NS NS_PER_S /* older packets are stale */

struct takeover {
	struct instant due;	     /* the successor starts; 0: none is awaited */
	struct instant opened;	     /* the latest data plane began; 0: none yet */
	struct instant sealed_since; /* nobody has read the TUN from then on; 0: never yet */
	struct instant continued;    /* we were stopped until then; 0: never */
	uint64_t delay_ns;	     /* before the latest successor */
	bool has_died;		     /* one at least */

	/* As the latest one said. */
	uint8_t last_timestamp[TUNNEL_TIMESTAMP_LEN];
	uint16_t port;
	union endpoint *endpoint; /* owned, one for each peer of the profile */
	size_t n_endpoints;
};

int takeover_init(struct takeover *takeover, const struct profile *profile); /* -ENOMEM */
void takeover_done(struct takeover *takeover);

/* All but the endpoints: the configuration has changed. */
void takeover_inherit(struct takeover *takeover, const struct takeover *from);

void takeover_note_death(struct takeover *takeover, struct instant now);
void takeover_note_start(struct takeover *takeover, struct instant now);
/* The device was a predecessor's of this process: nobody knows how long ago it died. */
void takeover_note_adopted(struct takeover *takeover);
/* This process was stopped until now. */
void takeover_note_continued(struct takeover *takeover, struct instant now);

/* Keeps what a successor inherits. */
void takeover_keep(struct takeover *takeover, const struct profile *profile,
		   const struct tunnel_stats *stats);
/* The user, or a name looked up again, says where the peer is. */
void takeover_set_endpoint(struct takeover *takeover, size_t peer, const union endpoint *endpoint);
/* Into the configuration of the next one.  The endpoints are lent until
 * takeover_done().
 */
void takeover_hand_on(const struct takeover *takeover, struct instant now, struct wall_time wall,
		      struct tunnel_config *ret);

#endif
