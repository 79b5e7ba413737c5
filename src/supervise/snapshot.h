/* What there is to tell of a namespace, as JSON: the facts behind `adit status`
 * and `adit list`.  No secrets.
 *
 *     {"name": "media", "state": "up", "pid": 123, "namespace": "/run/netns/media",
 *      "path": "/run/netns/holder", "path_leads": "here",
 *      "backend": "userspace", "device": "wg0", "mtu": 1420,
 *      "addresses": ["10.0.0.2/32"], "dns": ["10.0.0.1"],
 *      "public_key": "...", "listen_port": 51820, "data_plane": 124,
 *      "peers": [{"public_key": "...", "endpoint": "192.0.2.1:51820",
 *                 "endpoint_name": "vpn.example:51820", "latest_handshake": 1700000000,
 *                 "rx_bytes": 1, "tx_bytes": 2}],
 *      "forwards": [as lan.h has it], "drops": [as counters.h has it]}
 *
 * "path" is Path=, "" where adit has made the namespace; it leads "here", "elsewhere",
 * "nowhere", or nobody can tell ("").
 *
 * Times are seconds since 1970, 0 for never.
 */
#ifndef ADIT_SUPERVISE_SNAPSHOT_H
#define ADIT_SUPERVISE_SNAPSHOT_H

#include <jansson.h>

struct lan;
struct place;
struct profile;
struct plan;
struct tunnel_stats;

struct snapshot {
	const struct place *place;
	const struct profile *profile;
	const struct plan *plan;
	const struct tunnel_stats *stats; /* NULL: none */
	const char *state;
	const char *backend;
	int netns;
	int data_plane; /* its process; -1: none */
	const struct lan *lan;
};

/* NULL: out of memory. */
json_t *snapshot_json(const struct snapshot *snapshot);

/* "tunnel up, handshake 12 s ago": a line for systemctl and for `adit list`. */
void snapshot_line(const struct snapshot *snapshot, char *ret, size_t size);

#endif
