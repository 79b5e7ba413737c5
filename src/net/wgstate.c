#include "net/wgstate.h"

#include "net/attr.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <stdlib.h>
#include <string.h>

/* ---- single values: of another size than theirs they are not read ---- */

static void read_bytes(const struct nlattr *attr, void *ret, size_t size)
{
	if (mnl_attr_get_payload_len(attr) == size)
		memcpy(ret, mnl_attr_get_payload(attr), size);
}

static void read_endpoint(const struct nlattr *attr, union endpoint *ret)
{
	union endpoint endpoint = {.any.sa_family = AF_UNSPEC};
	size_t len = mnl_attr_get_payload_len(attr);

	if (len != sizeof(endpoint.v4) && len != sizeof(endpoint.v6))
		return;
	memcpy(&endpoint, mnl_attr_get_payload(attr), len);
	if ((endpoint.any.sa_family == AF_INET && len == sizeof(endpoint.v4)) ||
	    (endpoint.any.sa_family == AF_INET6 && len == sizeof(endpoint.v6)))
		*ret = endpoint;
}

static void read_time(const struct nlattr *attr, struct wall_time *ret)
{
	struct __kernel_timespec when = {0};

	read_bytes(attr, &when, sizeof(when));
	if (when.tv_sec >= 0 && (uint64_t)when.tv_sec < UINT64_MAX / NS_PER_S &&
	    when.tv_nsec >= 0 && (uint64_t)when.tv_nsec < NS_PER_S)
		ret->ns = (uint64_t)when.tv_sec * NS_PER_S + (uint64_t)when.tv_nsec;
}

/* ---- allowed IPs ---- */

/* Room for one more: a list grows when its length is a power of two. */
static void *grow(void *list, size_t n, size_t size)
{
	return n & (n - 1) ? list : reallocarray(list, n ? 2 * n : 1, size);
}

static int make_prefix(uint16_t family, const struct nlattr *ip, uint8_t len, struct prefix *ret)
{
	struct in6_addr v6;
	struct in_addr v4;

	ret->len = len;
	if (family == AF_INET && mnl_attr_get_payload_len(ip) == sizeof(v4)) {
		memcpy(&v4, mnl_attr_get_payload(ip), sizeof(v4));
		ret->address = address_from_v4(v4);
		return len <= 32 ? 1 : -EBADMSG;
	}
	if (family == AF_INET6 && mnl_attr_get_payload_len(ip) == sizeof(v6)) {
		memcpy(&v6, mnl_attr_get_payload(ip), sizeof(v6));
		ret->address = address_from_v6(&v6);
		if (address_is_v4(&ret->address))
			return 0;
		return len <= 128 ? 1 : -EBADMSG;
	}
	return -EBADMSG;
}

/* 0: a network inside ::ffff:0:0/96, to be passed over: that is how IPv4 is written
 * here, and no profile has one.
 */
static int read_allowed_ip(const struct nlattr *nest, struct prefix *ret)
{
	struct attrs attrs = attrs_of_nest(nest);
	const struct nlattr *ip = NULL;
	uint16_t family = AF_UNSPEC;
	uint8_t len = UINT8_MAX;

	while (attrs_next(&attrs)) {
		uint16_t type = mnl_attr_get_type(attrs.at);

		if (type == WGALLOWEDIP_A_FAMILY)
			read_bytes(attrs.at, &family, sizeof(family));
		if (type == WGALLOWEDIP_A_CIDR_MASK)
			read_bytes(attrs.at, &len, sizeof(len));
		if (type == WGALLOWEDIP_A_IPADDR)
			ip = attrs.at;
	}
	return ip ? make_prefix(family, ip, len, ret) : -EBADMSG;
}

static int add_allowed_ip(struct wgstate *state, struct wgstate_peer *peer,
			  const struct nlattr *nest)
{
	struct prefix prefix;
	struct prefix *list;
	int r = read_allowed_ip(nest, &prefix);

	if (r <= 0)
		return r;
	if (state->n_allowed_ips == WGSTATE_ALLOWED_IPS_MAX)
		return -E2BIG;
	list = grow(peer->allowed_ip, peer->n_allowed_ips, sizeof(prefix));
	if (!list)
		return -ENOMEM;
	peer->allowed_ip = list;
	peer->allowed_ip[peer->n_allowed_ips++] = prefix;
	state->n_allowed_ips++;
	return 0;
}

static int add_allowed_ips(struct wgstate *state, struct wgstate_peer *peer,
			   const struct nlattr *list)
{
	struct attrs attrs = attrs_of_nest(list);
	int r = 0;

	while (r == 0 && attrs_next(&attrs))
		r = add_allowed_ip(state, peer, attrs.at);
	return r;
}

/* ---- peers ---- */

static const uint8_t *find_key(const struct nlattr *nest)
{
	struct attrs attrs = attrs_of_nest(nest);

	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == WGPEER_A_PUBLIC_KEY &&
		    mnl_attr_get_payload_len(attrs.at) == WG_KEY_LEN)
			return mnl_attr_get_payload(attrs.at);
	return NULL;
}

/* The last peer of the message before, which goes on, or a new one. */
static int choose_peer(struct wgstate *state, const uint8_t *key, struct wgstate_peer **ret)
{
	struct wgstate_peer *list = state->peer;

	if (state->n_peers > 0 &&
	    memcmp(list[state->n_peers - 1].public_key, key, WG_KEY_LEN) == 0) {
		*ret = &list[state->n_peers - 1];
		return 0;
	}
	if (state->n_peers == WGSTATE_PEERS_MAX)
		return -E2BIG;
	list = grow(list, state->n_peers, sizeof(*list));
	if (!list)
		return -ENOMEM;
	state->peer = list;
	*ret = &list[state->n_peers++];
	**ret = (struct wgstate_peer){.endpoint.any.sa_family = AF_UNSPEC};
	memcpy((*ret)->public_key, key, WG_KEY_LEN);
	return 0;
}

static bool is_right(const struct wgstate *state, const struct wgstate_peer *peer,
		     const struct nlattr *key)
{
	const struct wgstate_judge *judge = state->judge;

	return !judge || mnl_attr_get_payload_len(key) != WG_KEY_LEN ||
	       judge->is_right(judge->context, peer->public_key, mnl_attr_get_payload(key));
}

static int read_peer_value(struct wgstate *state, struct wgstate_peer *peer,
			   const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case WGPEER_A_PRESHARED_KEY:
		peer->is_misjudged = !is_right(state, peer, attr);
		break;
	case WGPEER_A_ENDPOINT:
		read_endpoint(attr, &peer->endpoint);
		break;
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		read_bytes(attr, &peer->keepalive_s, sizeof(peer->keepalive_s));
		break;
	case WGPEER_A_LAST_HANDSHAKE_TIME:
		read_time(attr, &peer->last_handshake);
		break;
	case WGPEER_A_RX_BYTES:
		read_bytes(attr, &peer->rx_bytes, sizeof(peer->rx_bytes));
		break;
	case WGPEER_A_TX_BYTES:
		read_bytes(attr, &peer->tx_bytes, sizeof(peer->tx_bytes));
		break;
	case WGPEER_A_ALLOWEDIPS:
		return add_allowed_ips(state, peer, attr);
	}
	return 0;
}

static int add_peer(struct wgstate *state, const struct nlattr *nest)
{
	struct attrs attrs = attrs_of_nest(nest);
	const uint8_t *key = find_key(nest);
	struct wgstate_peer *peer = NULL;
	int r = key ? choose_peer(state, key, &peer) : -EBADMSG;

	while (r == 0 && attrs_next(&attrs))
		r = read_peer_value(state, peer, attrs.at);
	return r;
}

static int add_peers(struct wgstate *state, const struct nlattr *list)
{
	struct attrs attrs = attrs_of_nest(list);
	int r = 0;

	while (r == 0 && attrs_next(&attrs))
		r = add_peer(state, attrs.at);
	return r;
}

/* ---- the device ---- */

int wgstate_add(struct wgstate *state, const struct nlmsghdr *message)
{
	struct attrs attrs = attrs_of_message(message, GENL_HDRLEN);
	int r = 0;

	if (mnl_nlmsg_get_payload_len(message) < GENL_HDRLEN)
		return -EBADMSG;
	while (r == 0 && attrs_next(&attrs)) {
		switch (mnl_attr_get_type(attrs.at)) {
		case WGDEVICE_A_PUBLIC_KEY:
			read_bytes(attrs.at, state->public_key, sizeof(state->public_key));
			break;
		case WGDEVICE_A_LISTEN_PORT:
			read_bytes(attrs.at, &state->listen_port, sizeof(state->listen_port));
			break;
		case WGDEVICE_A_FWMARK:
			read_bytes(attrs.at, &state->fwmark, sizeof(state->fwmark));
			break;
		case WGDEVICE_A_PEERS:
			r = add_peers(state, attrs.at);
			break;
		}
	}
	return r;
}

void wgstate_done(struct wgstate *state)
{
	for (size_t i = 0; i < state->n_peers; i++)
		free(state->peer[i].allowed_ip);
	free(state->peer);
	*state = (struct wgstate){0};
}

const struct wgstate_peer *wgstate_find(const struct wgstate *state, const uint8_t public_key[32])
{
	for (size_t i = 0; i < state->n_peers; i++)
		if (memcmp(state->peer[i].public_key, public_key, WG_KEY_LEN) == 0)
			return &state->peer[i];
	return NULL;
}
