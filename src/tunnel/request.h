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

/* Everything that the profile says.  Of the peers in `old`, which the data plane
 * has, those not in the profile are removed; NULL: all are.  -ENOMEM.
 */
int request_build(const struct tunnel_config *config, const struct tunnel_stats *old,
		  struct request *ret);

struct request_start {
	bool has_sockets;     /* UDP sockets go beside the text */
	bool goes_up;	      /* packets are read from now on */
	bool forgets_sources; /* the sockets that there are have another mark */
};

/* What is to happen once all of that is known: nothing of it can be refused.  -ENOMEM. */
int request_build_start(const struct tunnel_config *config, const struct request_start *start,
			struct request *ret);
void request_free(struct request *request); /* accepts one that is zeroed */

#endif
