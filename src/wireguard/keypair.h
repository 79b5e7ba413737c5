/* The keys of one session, and the three places a peer has for sessions.
 *
 *     next      we answered; its keys are not used before the other side has
 *               shown, by the first data, that it has them too
 *     current   what we send with
 *     previous  packets under it may still be under way
 *
 * A keypair is taken from the device's vault when a handshake ends.  It has an
 * owner for the place it has and one for each batch of packets under way, and is
 * given back, which wipes it, when the last one gives it up.
 *
 * Source: whitepaper sections 5.4.5, 5.4.6, 6.1, 6.2; the places are the kernel
 * module's.
 */
#ifndef ADIT_WIREGUARD_KEYPAIR_H
#define ADIT_WIREGUARD_KEYPAIR_H

#include "base/clock.h"
#include "wireguard/crypto.h"
#include "wireguard/index.h"
#include "wireguard/replay.h"

#include <stdbool.h>
#include <stdint.h>

struct noise_session;
struct vault;
struct wg_peer;

struct wg_keypair {
	struct crypto_key send;
	struct crypto_key receive;
	uint64_t send_counter; /* the next one; goes up before it is used */
	struct instant born;
	struct index_entry index; /* in what we receive */
	uint32_t remote_index;	  /* in what we send */
	bool is_initiator;	  /* we began the handshake */
	bool is_send_refused;	  /* our private key has changed */
	struct wg_peer *peer;	  /* borrowed; lives as long as we do */
	unsigned int n_owners;
	struct replay replay;
};

/* NULL: out of memory.  Not in a place nor in the index table yet; the caller is
 * its owner.
 */
struct wg_keypair *keypair_new(struct vault *vault, const struct noise_session *session,
			       struct instant now, struct wg_peer *peer);
void keypair_ref(struct wg_keypair *keypair);
/* True: the last owner has gone, and so has the keypair. */
bool keypair_unref(struct wg_keypair *keypair);

/* Not refused, younger than 180 s, and n more counters are left below
 * REJECT_AFTER_MESSAGES.  Accepts NULL.
 */
bool keypair_can_send(const struct wg_keypair *keypair, struct instant now, unsigned int n);
/* Younger than 180 s. */
bool keypair_can_receive(const struct wg_keypair *keypair, struct instant now);
/* After sending: it is time for a new one (section 6.2).  Accepts NULL. */
bool keypair_is_stale_for_sending(const struct wg_keypair *keypair, struct instant now);
/* After receiving: likewise, soon enough for the answer to arrive.  Accepts NULL. */
bool keypair_is_stale_for_receiving(const struct wg_keypair *keypair, struct instant now);

struct keypairs {
	struct wg_keypair *current;
	struct wg_keypair *previous;
	struct wg_keypair *next;
};

/* At most two lose their place with one change. */
enum { KEYPAIRS_DROPPED_MAX = 2 };
struct keypairs_dropped {
	struct wg_keypair *keypair[KEYPAIRS_DROPPED_MAX]; /* now the caller's; NULL: none */
};

/* Gives a new keypair its place. */
struct keypairs_dropped keypairs_add(struct keypairs *keypairs, struct wg_keypair *keypair);
/* Data came under `keypair`.  If it is the next one, it becomes the current
 * one: true, and ret says what lost its place.
 */
bool keypairs_confirm(struct keypairs *keypairs, const struct wg_keypair *keypair,
		      struct keypairs_dropped *ret);

#endif
