/* Which clients may come by a link: those of its own subnets, and this host. */
#ifndef ADIT_RELAY_SOURCES_H
#define ADIT_RELAY_SOURCES_H

#include "relay/message.h"

struct host_view;

struct sources {
	uint32_t n;
	struct prefix at[CONTROL_SOURCES_MAX];
};

bool sources_has(const struct sources *sources, const union endpoint *from);
bool sources_equal(const struct sources *a, const struct sources *b);

/* Of the link of that index.  Its addresses' subnets; on a link without
 * neighbours of its own subnet (a tunnel) also what is routed straight to it,
 * unless that is wider than any network of somebody's own; and every address of
 * this host.  What there is no room for is left out: its clients are refused.
 */
void sources_derive(const struct host_view *host, uint32_t index, struct sources *ret);

#endif
