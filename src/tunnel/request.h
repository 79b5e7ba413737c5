/* Requests to the data plane, as text: see dataplane/uapi.h.
 *
 * A request holds keys, so it is built in secret memory, of the size it needs,
 * and request_free() wipes it.
 */
#ifndef ADIT_TUNNEL_REQUEST_H
#define ADIT_TUNNEL_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct tunnel_config;
struct tunnel_stats;

struct request {
	char *text; /* owned, secret_new()'s */
	size_t len;
};

struct request_options {
	bool has_sockets; /* two UDP sockets go beside the text */
	/* Peers that the data plane has: those not in the profile are removed.
	 * NULL: all are.
	 */
	const struct tunnel_stats *old;
};

/* Everything that the profile says.  -ENOMEM. */
int request_build(const struct tunnel_config *config, const struct request_options *options,
		  struct request *ret);
void request_free(struct request *request); /* accepts one that is zeroed */

#endif
