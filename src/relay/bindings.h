/* Which sockets the forwards come to, given this host's addresses.  Pure. */
#ifndef ADIT_RELAY_BINDINGS_H
#define ADIT_RELAY_BINDINGS_H

#include "relay/listener.h"
#include "relay/sources.h"

#include <stddef.h>

struct error;
struct host_view;

/* Owned arrays.  Zeroed is empty. */
struct bindings {
	struct listener_spec *spec;
	size_t n_specs;
	uint32_t link[RELAY_FORWARDS_MAX]; /* indexes of the links whose sources are needed */
	uint32_t n_links;
};

struct bindings_options {
	const struct relay_forward *forward;
	const uint32_t *slot; /* of each */
	size_t n_forwards;
	bool has_proxy_header; /* TCP */
	size_t max;	       /* sockets */
};

/* A link or an address that is not there gives none.  -EMFILE: more than max;
 * -ENOMEM.
 */
int bindings_derive(const struct bindings_options *options, const struct host_view *host,
		    struct bindings *ret, struct error *err);
void bindings_done(struct bindings *bindings);

#endif
