#include "tunnel/tunnel.h"

#include <stdlib.h>

void tunnel_stats_done(struct tunnel_stats *stats)
{
	free(stats->peer);
	*stats = (struct tunnel_stats){0};
}

bool tunnel_stats_has_handshake(const struct tunnel_stats *stats)
{
	for (size_t i = 0; i < stats->n_peers; i++)
		if (stats->peer[i].last_handshake.ns != 0)
			return true;
	return false;
}
