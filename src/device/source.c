#include "device/source.h"

#include "net/route.h"
#include "tunnel/tunnel.h"

#include <errno.h>

bool source_is_good(struct nlsock *sock, const struct tunnel_peer_stats *peer, uint32_t mark)
{
	const struct route_flow flow = {.to = &peer->endpoint, .from = &peer->source, .mark = mark};
	uint32_t link;
	int r;

	if (peer->source.any.sa_family != peer->endpoint.any.sa_family ||
	    !endpoint_is_set(&peer->source))
		return true;
	r = route_find_link(sock, &flow, &link);
	if (r < 0)
		return r != -EINVAL;
	return peer->source_link == 0 || link == peer->source_link;
}
