/* LAN flows of a lasting namespace by relay: what the file's [Lan] says, as
 * forwards of relay/relay.h, kept going.
 *
 * How it works.  Forwards without an address or an interface are for the LAN
 * interface: the file's, else that of the host's default route.  Where there is
 * none yet (at boot, say) the others go first, and these follow when the host's
 * network changes.  The relay's own processes are replaced by the relay.
 */
#ifndef ADIT_SUPERVISE_LAN_H
#define ADIT_SUPERVISE_LAN_H

#include "relay/forward.h"

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>

struct error;
struct inside;
struct loop;
struct profile;
struct relay;

struct lan {
	struct loop *loop;				  /* borrowed */
	const struct inside *inside;			  /* borrowed */
	struct relay *relay;				  /* NULL: no forwards */
	char interface[IFNAMSIZ];			  /* the LAN's, as found last; "": none */
	struct relay_forward forward[RELAY_FORWARDS_MAX]; /* those that the relay has */
	size_t n_forwards;
};

/* On failure all is as it was: nothing, or the forwards before. */
int lan_configure(struct lan *lan, const struct profile *profile, struct error *err);
void lan_close(struct lan *lan); /* accepts a zeroed one */
/* The host's links, addresses or routes have changed. */
void lan_follow(struct lan *lan, const struct profile *profile);

/* [{"protocol": "tcp", "at": "enp3s0", "outside": "2222", "inside": "22", "listeners": 2,
 *   "open": 0, "total": 0, "refused": 0, "bytes_in": 0, "bytes_out": 0}, ...]
 */
json_t *lan_json(const struct lan *lan);

#endif
