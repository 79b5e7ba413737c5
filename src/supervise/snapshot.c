#include "supervise/snapshot.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "config/profile.h"
#include "plan/plan.h"
#include "supervise/foreign.h"
#include "supervise/lan.h"
#include "supervise/place.h"
#include "tunnel/tunnel.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *key_json(const uint8_t key[32])
{
	char text[KEY_TEXT_LEN + 1];

	key_to_base64(key, text);
	return json_string(text);
}

static json_t *addresses_json(const struct profile *profile)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < profile->n_addresses; i++)
		(void)json_array_append_new(list,
					    json_string(prefix_print(&profile->address[i], text)));
	return list;
}

static json_t *dns_json(const struct profile *profile)
{
	json_t *list = json_array();
	char text[ADDRESS_TEXT_LEN];

	for (size_t i = 0; i < profile->n_dns; i++)
		(void)json_array_append_new(list,
					    json_string(address_print(&profile->dns[i], text)));
	return list;
}

static const struct tunnel_peer_stats *find_stats(const struct tunnel_stats *stats,
						  const uint8_t public_key[32])
{
	for (size_t i = 0; stats && i < stats->n_peers; i++)
		if (memcmp(stats->peer[i].public_key, public_key, 32) == 0)
			return &stats->peer[i];
	return NULL;
}

static json_t *peer_json(const struct profile_peer *peer, const struct tunnel_peer_stats *stats)
{
	const union endpoint *endpoint =
		stats && endpoint_is_set(&stats->endpoint) ? &stats->endpoint : &peer->endpoint;
	char name[PROFILE_DOMAIN_LEN + 8] = "";
	char text[ENDPOINT_TEXT_LEN] = "";

	if (peer->endpoint_host[0])
		(void)snprintf(name, sizeof(name), "%s:%u", peer->endpoint_host,
			       peer->endpoint_port);
	if (endpoint_is_set(endpoint))
		(void)endpoint_print(endpoint, text);
	return json_pack("{s:o, s:s, s:s, s:I, s:I, s:I}", "public_key", key_json(peer->public_key),
			 "endpoint", text, "endpoint_name", name, "latest_handshake",
			 (json_int_t)(stats ? stats->last_handshake.ns / NS_PER_S : 0), "rx_bytes",
			 (json_int_t)(stats ? stats->rx_bytes : 0), "tx_bytes",
			 (json_int_t)(stats ? stats->tx_bytes : 0));
}

static json_t *peers_json(const struct profile *profile, const struct tunnel_stats *stats)
{
	json_t *list = json_array();

	for (size_t i = 0; i < profile->n_peers; i++) {
		const struct profile_peer *peer = &profile->peer[i];

		(void)json_array_append_new(list,
					    peer_json(peer, find_stats(stats, peer->public_key)));
	}
	return list;
}

static const char *path_leads(const struct snapshot *snapshot)
{
	static const char *const words[] = {
		[FOREIGN_HERE] = "here",
		[FOREIGN_ELSEWHERE] = "elsewhere",
		[FOREIGN_NOWHERE] = "nowhere",
		[FOREIGN_UNKNOWN] = "",
	};
	const char *path = snapshot->profile->path;

	return path[0] ? words[foreign_follow(path, snapshot->netns)] : "";
}

json_t *snapshot_json(const struct snapshot *snapshot)
{
	const struct profile *profile = snapshot->profile;
	char line[128];

	snapshot_line(snapshot, line, sizeof(line));
	return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:i, "
			 "s:i, s:o, s:o}",
			 "name", snapshot->place->name, "state", snapshot->state, "line", line,
			 "pid", getpid(), "namespace", snapshot->place->netns, "path",
			 profile->path, "path_leads", path_leads(snapshot), "backend",
			 snapshot->backend, "device", profile->device, "mtu",
			 (int)snapshot->plan->mtu, "addresses", addresses_json(profile), "dns",
			 dns_json(profile), "public_key", key_json(profile->public_key),
			 "listen_port", snapshot->stats ? snapshot->stats->listen_port : 0,
			 "data_plane", snapshot->data_plane, "peers",
			 peers_json(profile, snapshot->stats), "forwards", lan_json(snapshot->lan));
}

/* ---- in a line ---- */

static struct wall_time latest_handshake(const struct tunnel_stats *stats)
{
	struct wall_time latest = {0};

	for (size_t i = 0; stats && i < stats->n_peers; i++)
		if (stats->peer[i].last_handshake.ns > latest.ns)
			latest = stats->peer[i].last_handshake;
	return latest;
}

static const char *unresolved_name(const struct profile *profile)
{
	for (size_t i = 0; i < profile->n_peers; i++)
		if (profile->peer[i].endpoint_host[0] &&
		    !endpoint_is_set(&profile->peer[i].endpoint))
			return profile->peer[i].endpoint_host;
	return NULL;
}

void snapshot_line(const struct snapshot *snapshot, char *ret, size_t size)
{
	struct wall_time latest = latest_handshake(snapshot->stats);
	const char *name = unresolved_name(snapshot->profile);
	uint64_t now = clock_wall().ns;

	if (latest.ns != 0)
		(void)snprintf(
			ret, size, "tunnel up, handshake %llu s ago",
			(unsigned long long)(now > latest.ns ? (now - latest.ns) / NS_PER_S : 0));
	else if (name)
		(void)snprintf(ret, size, "sealed, looking up '%s'", name);
	else if (!snapshot->stats)
		(void)snprintf(ret, size, "sealed, no data plane");
	else
		(void)snprintf(ret, size, "sealed, waiting for the first handshake");
}
