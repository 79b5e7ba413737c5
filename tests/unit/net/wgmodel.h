/* A kernel with one WireGuard device, in a thread at the other end of a socket
 * pair: it carries out what it is asked, peer by peer, and answers.
 *
 * The test looks at it between exchanges only, when the thread waits.
 */
#ifndef ADIT_TESTS_UNIT_NET_WGMODEL_H
#define ADIT_TESTS_UNIT_NET_WGMODEL_H

#include "net/attr.h"
#include "net/nlsock.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/time_types.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WGMODEL_FAMILY = 31,
	WGMODEL_PEERS_MAX = 1100,
	WGMODEL_IPS_MAX = 20000,
	WGMODEL_ANSWER_PEERS = 3, /* that a datagram of an answer ends after */
	WGMODEL_ANSWER_IPS = 40,
};

struct wgmodel_peer {
	uint8_t key[32];
	uint8_t preshared_key[32];
	struct sockaddr_in6 endpoint; /* of either family */
	size_t endpoint_len;	      /* 0: none */
	uint16_t keepalive_s;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	struct __kernel_timespec last_handshake;
	unsigned int n_started; /* handshakes, while the device is up */
	unsigned int n_set;	/* times that it was named */
};

struct wgmodel_ip {
	const uint8_t *key; /* a copy, freed with the model */
	uint16_t family;
	uint8_t byte[16];
	uint8_t len;
};

struct wgmodel {
	pthread_t thread;
	int fd;
	char name[IFNAMSIZ]; /* "": any is right */
	bool is_up;
	bool has_no_family;
	uint8_t private_key[32];
	uint16_t port;
	uint32_t fwmark;
	struct wgmodel_peer peer[WGMODEL_PEERS_MAX];
	size_t n_peers;
	struct wgmodel_ip ip[WGMODEL_IPS_MAX];
	size_t n_ips;

	unsigned int n_requests;    /* to read or set, not to find the family */
	unsigned int fail_at;	    /* from 1: which of them; 0: none */
	int fail_with;		    /* negative errno */
	unsigned int n_interrupted; /* readings that shall be told of a change */
	size_t longest;		    /* bytes of a request */

	/* Called after each peer of a request was carried out. */
	void (*look)(struct wgmodel *model);
	unsigned int n_misses; /* its, since a thread cannot fail a test */
};

/* ---- answers ---- */

struct wgmodel_answer {
	union {
		struct nlmsghdr header;
		char bytes[8192];
	} message;
};

static inline void wgmodel_begin(struct wgmodel_answer *answer, const struct nlmsghdr *request,
				 uint16_t type)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(answer->message.bytes);

	header->nlmsg_type = type;
	header->nlmsg_seq = request->nlmsg_seq;
	header->nlmsg_flags = NLM_F_MULTI;
	(void)mnl_nlmsg_put_extra_header(header, GENL_HDRLEN);
}

static inline void wgmodel_send(const struct wgmodel *model, const struct wgmodel_answer *answer)
{
	(void)send(model->fd, answer->message.bytes, answer->message.header.nlmsg_len,
		   MSG_NOSIGNAL);
}

static inline void wgmodel_end(const struct wgmodel *model, const struct nlmsghdr *request,
			       int code)
{
	struct wgmodel_answer answer;
	struct nlmsghdr *header = mnl_nlmsg_put_header(answer.message.bytes);
	struct nlmsgerr *error;

	header->nlmsg_type = NLMSG_ERROR;
	header->nlmsg_seq = request->nlmsg_seq;
	error = mnl_nlmsg_put_extra_header(header, sizeof(*error));
	error->error = code;
	wgmodel_send(model, &answer);
}

static inline void wgmodel_tell_family(const struct wgmodel *model, const struct nlmsghdr *request)
{
	struct wgmodel_answer answer;

	if (model->has_no_family) {
		wgmodel_end(model, request, -ENOENT);
		return;
	}
	wgmodel_begin(&answer, request, GENL_ID_CTRL);
	mnl_attr_put_u16(&answer.message.header, CTRL_ATTR_FAMILY_ID, WGMODEL_FAMILY);
	mnl_attr_put_u32(&answer.message.header, CTRL_ATTR_VERSION, 1);
	wgmodel_send(model, &answer);
	wgmodel_end(model, request, 0);
}

static inline void wgmodel_put_peer(struct nlmsghdr *header, const struct wgmodel_peer *peer)
{
	mnl_attr_put(header, WGPEER_A_PRESHARED_KEY, 32, peer->preshared_key);
	mnl_attr_put(header, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(peer->last_handshake),
		     &peer->last_handshake);
	mnl_attr_put_u16(header, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, peer->keepalive_s);
	mnl_attr_put_u64(header, WGPEER_A_TX_BYTES, peer->tx_bytes);
	mnl_attr_put_u64(header, WGPEER_A_RX_BYTES, peer->rx_bytes);
	if (peer->endpoint_len)
		mnl_attr_put(header, WGPEER_A_ENDPOINT, peer->endpoint_len, &peer->endpoint);
}

static inline bool wgmodel_has(const struct wgmodel_ip *ip, const struct wgmodel_peer *peer)
{
	return memcmp(ip->key, peer->key, 32) == 0;
}

/* As many as a datagram takes of those from *next on; moves it. */
static inline void wgmodel_put_ips(const struct wgmodel *model, struct nlmsghdr *header,
				   const struct wgmodel_peer *peer, size_t *next)
{
	struct nlattr *list = mnl_attr_nest_start(header, WGPEER_A_ALLOWEDIPS);
	unsigned int n = 0;

	for (; *next < model->n_ips && n < WGMODEL_ANSWER_IPS; (*next)++) {
		const struct wgmodel_ip *ip = &model->ip[*next];
		struct nlattr *nest;

		if (!wgmodel_has(ip, peer))
			continue;
		nest = mnl_attr_nest_start(header, 0);
		mnl_attr_put_u16(header, WGALLOWEDIP_A_FAMILY, ip->family);
		mnl_attr_put(header, WGALLOWEDIP_A_IPADDR, ip->family == AF_INET ? 4 : 16,
			     ip->byte);
		mnl_attr_put_u8(header, WGALLOWEDIP_A_CIDR_MASK, ip->len);
		mnl_attr_nest_end(header, nest);
		n++;
	}
	mnl_attr_nest_end(header, list);
}

/* One datagram: peers from *peer on, of the first the networks from *ip on. */
static inline void wgmodel_tell_peers(const struct wgmodel *model, const struct nlmsghdr *request,
				      size_t *peer, size_t *ip)
{
	struct wgmodel_answer answer;
	struct nlmsghdr *header = &answer.message.header;
	struct nlattr *list;

	wgmodel_begin(&answer, request, WGMODEL_FAMILY);
	if (*peer == 0 && *ip == 0) {
		mnl_attr_put_u16(header, WGDEVICE_A_LISTEN_PORT, model->port);
		mnl_attr_put_u32(header, WGDEVICE_A_FWMARK, model->fwmark);
		mnl_attr_put(header, WGDEVICE_A_PRIVATE_KEY, 32, model->private_key);
		if (model->private_key[0])
			mnl_attr_put(header, WGDEVICE_A_PUBLIC_KEY, 32, model->private_key);
	}
	list = mnl_attr_nest_start(header, WGDEVICE_A_PEERS);
	for (int i = 0; i < WGMODEL_ANSWER_PEERS && *peer < model->n_peers; i++) {
		struct nlattr *nest = mnl_attr_nest_start(header, 0);

		mnl_attr_put(header, WGPEER_A_PUBLIC_KEY, 32, model->peer[*peer].key);
		if (*ip == 0)
			wgmodel_put_peer(header, &model->peer[*peer]);
		wgmodel_put_ips(model, header, &model->peer[*peer], ip);
		mnl_attr_nest_end(header, nest);
		if (*ip < model->n_ips)
			break;
		(*peer)++;
		*ip = 0;
	}
	mnl_attr_nest_end(header, list);
	wgmodel_send(model, &answer);
}

static inline void wgmodel_tell(struct wgmodel *model, const struct nlmsghdr *request)
{
	size_t peer = 0;
	size_t ip = 0;

	if (model->n_interrupted > 0) {
		struct wgmodel_answer answer;

		model->n_interrupted--;
		wgmodel_begin(&answer, request, WGMODEL_FAMILY);
		answer.message.header.nlmsg_flags |= NLM_F_DUMP_INTR;
		wgmodel_send(model, &answer);
		return;
	}
	do
		wgmodel_tell_peers(model, request, &peer, &ip);
	while (peer < model->n_peers);
	wgmodel_end(model, request, 0);
}

/* ---- changes ---- */

static inline struct wgmodel_peer *wgmodel_find(struct wgmodel *model, const void *key)
{
	for (size_t i = 0; i < model->n_peers; i++)
		if (memcmp(model->peer[i].key, key, 32) == 0)
			return &model->peer[i];
	return NULL;
}

static inline void wgmodel_drop_ip(struct wgmodel *model, size_t i)
{
	free((void *)(uintptr_t)model->ip[i].key);
	memmove(&model->ip[i], &model->ip[i + 1], (--model->n_ips - i) * sizeof(model->ip[0]));
}

static inline void wgmodel_drop_ips(struct wgmodel *model, const struct wgmodel_peer *peer)
{
	for (size_t i = model->n_ips; i-- > 0;)
		if (wgmodel_has(&model->ip[i], peer))
			wgmodel_drop_ip(model, i);
}

static inline void wgmodel_drop_peer(struct wgmodel *model, struct wgmodel_peer *peer)
{
	size_t i = (size_t)(peer - model->peer);

	wgmodel_drop_ips(model, peer);
	memmove(peer, peer + 1, (--model->n_peers - i) * sizeof(*peer));
}

static inline void wgmodel_give_ip(struct wgmodel *model, const struct wgmodel_peer *peer,
				   const struct wgmodel_ip *wanted)
{
	uint8_t *key = malloc(32);

	for (size_t i = model->n_ips; i-- > 0;)
		if (model->ip[i].family == wanted->family && model->ip[i].len == wanted->len &&
		    memcmp(model->ip[i].byte, wanted->byte, 16) == 0)
			wgmodel_drop_ip(model, i);
	memcpy(key, peer->key, 32);
	model->ip[model->n_ips] = *wanted;
	model->ip[model->n_ips++].key = key;
}

static inline void wgmodel_read_ip(struct wgmodel *model, const struct wgmodel_peer *peer,
				   const struct nlattr *nest)
{
	struct attrs attrs = attrs_of_nest(nest);
	struct wgmodel_ip ip = {0};

	while (attrs_next(&attrs)) {
		const void *payload = mnl_attr_get_payload(attrs.at);

		switch (mnl_attr_get_type(attrs.at)) {
		case WGALLOWEDIP_A_FAMILY:
			memcpy(&ip.family, payload, sizeof(ip.family));
			break;
		case WGALLOWEDIP_A_IPADDR:
			memcpy(ip.byte, payload, mnl_attr_get_payload_len(attrs.at));
			break;
		case WGALLOWEDIP_A_CIDR_MASK:
			memcpy(&ip.len, payload, sizeof(ip.len));
			break;
		}
	}
	wgmodel_give_ip(model, peer, &ip);
}

static inline void wgmodel_set_keepalive(const struct wgmodel *model, struct wgmodel_peer *peer,
					 uint16_t keepalive_s)
{
	bool is_switched_on = peer->keepalive_s == 0 && keepalive_s != 0;

	peer->keepalive_s = keepalive_s;
	if (is_switched_on && model->is_up && peer->endpoint_len > 0) {
		peer->n_started++;
		peer->tx_bytes += 148;
	}
}

static inline void wgmodel_set_value(struct wgmodel *model, struct wgmodel_peer *peer,
				     const struct nlattr *attr)
{
	const void *payload = mnl_attr_get_payload(attr);
	struct attrs ips;

	switch (mnl_attr_get_type(attr)) {
	case WGPEER_A_PRESHARED_KEY:
		memcpy(peer->preshared_key, payload, 32);
		break;
	case WGPEER_A_ENDPOINT:
		peer->endpoint_len = mnl_attr_get_payload_len(attr);
		memcpy(&peer->endpoint, payload, peer->endpoint_len);
		break;
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		wgmodel_set_keepalive(model, peer, mnl_attr_get_u16(attr));
		break;
	case WGPEER_A_ALLOWEDIPS:
		ips = attrs_of_nest(attr);
		while (attrs_next(&ips))
			wgmodel_read_ip(model, peer, ips.at);
		break;
	}
}

static inline void wgmodel_set_peer(struct wgmodel *model, const struct nlattr *nest)
{
	struct attrs attrs = attrs_of_nest(nest);
	struct wgmodel_peer *peer;
	const void *key = NULL;
	uint32_t flags = 0;

	while (attrs_next(&attrs)) {
		if (mnl_attr_get_type(attrs.at) == WGPEER_A_PUBLIC_KEY)
			key = mnl_attr_get_payload(attrs.at);
		if (mnl_attr_get_type(attrs.at) == WGPEER_A_FLAGS)
			flags = mnl_attr_get_u32(attrs.at);
	}
	peer = wgmodel_find(model, key);
	if (!peer && (flags & (WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY)))
		return;
	if (!peer) {
		peer = &model->peer[model->n_peers++];
		*peer = (struct wgmodel_peer){.n_set = 0};
		memcpy(peer->key, key, 32);
	}
	peer->n_set++;
	if (flags & WGPEER_F_REMOVE_ME) {
		wgmodel_drop_peer(model, peer);
		return;
	}
	if (flags & WGPEER_F_REPLACE_ALLOWEDIPS)
		wgmodel_drop_ips(model, peer);
	attrs = attrs_of_nest(nest);
	while (attrs_next(&attrs))
		wgmodel_set_value(model, peer, attrs.at);
}

static inline void wgmodel_set(struct wgmodel *model, const struct nlattr *attr)
{
	struct attrs peers;

	switch (mnl_attr_get_type(attr)) {
	case WGDEVICE_A_PRIVATE_KEY:
		memcpy(model->private_key, mnl_attr_get_payload(attr), 32);
		break;
	case WGDEVICE_A_LISTEN_PORT:
		model->port = mnl_attr_get_u16(attr);
		break;
	case WGDEVICE_A_FWMARK:
		model->fwmark = mnl_attr_get_u32(attr);
		break;
	case WGDEVICE_A_FLAGS:
		while (mnl_attr_get_u32(attr) == WGDEVICE_F_REPLACE_PEERS && model->n_peers > 0)
			wgmodel_drop_peer(model, &model->peer[0]);
		break;
	case WGDEVICE_A_PEERS:
		peers = attrs_of_nest(attr);
		while (attrs_next(&peers)) {
			wgmodel_set_peer(model, peers.at);
			if (model->look)
				model->look(model);
		}
		break;
	}
}

static inline const char *wgmodel_read_name(const struct nlmsghdr *request)
{
	struct attrs attrs = attrs_of_message(request, GENL_HDRLEN);

	while (attrs_next(&attrs))
		if (mnl_attr_get_type(attrs.at) == WGDEVICE_A_IFNAME)
			return mnl_attr_get_str(attrs.at);
	return "";
}

static inline void wgmodel_answer(struct wgmodel *model, const struct nlmsghdr *request)
{
	const struct genlmsghdr *header = mnl_nlmsg_get_payload(request);
	struct attrs attrs = attrs_of_message(request, GENL_HDRLEN);

	if (request->nlmsg_type == GENL_ID_CTRL) {
		wgmodel_tell_family(model, request);
		return;
	}
	if (model->name[0] && strcmp(model->name, wgmodel_read_name(request)) != 0) {
		wgmodel_end(model, request, -ENODEV);
		return;
	}
	if (request->nlmsg_len > model->longest)
		model->longest = request->nlmsg_len;
	if (++model->n_requests == model->fail_at) {
		wgmodel_end(model, request, model->fail_with);
		return;
	}
	if (header->cmd == WG_CMD_GET_DEVICE) {
		wgmodel_tell(model, request);
		return;
	}
	while (attrs_next(&attrs))
		wgmodel_set(model, attrs.at);
	wgmodel_end(model, request, 0);
}

static inline void *wgmodel_run(void *context)
{
	struct wgmodel *model = context;
	union {
		struct nlmsghdr header;
		char bytes[NLSOCK_REQUEST_MAX + 1];
	} request;
	ssize_t n;

	while ((n = recv(model->fd, request.bytes, sizeof(request.bytes), 0)) > 0)
		wgmodel_answer(model, &request.header);
	return NULL;
}

/* ---- life ---- */

/* The handle's end of the pair, to be closed before wgmodel_free(). */
static inline struct wgmodel *wgmodel_new(int *ret_fd)
{
	struct wgmodel *model = calloc(1, sizeof(*model));
	int pair[2];

	if (!model || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	model->fd = pair[1];
	if (pthread_create(&model->thread, NULL, wgmodel_run, model) != 0)
		abort();
	*ret_fd = pair[0];
	return model;
}

static inline void wgmodel_free(struct wgmodel *model)
{
	(void)pthread_join(model->thread, NULL);
	while (model->n_ips > 0)
		wgmodel_drop_ip(model, 0);
	(void)close(model->fd);
	free(model);
}

/* "1.2.3.4/32 ...", of the peer's networks in the order in which it got them. */
static inline const char *wgmodel_list_ips(const struct wgmodel *model, const void *key)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < model->n_ips; i++) {
		const struct wgmodel_ip *ip = &model->ip[i];

		if (memcmp(ip->key, key, 32) != 0)
			continue;
		if (ip->family == AF_INET)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u.%u.%u.%u/%u ",
						ip->byte[0], ip->byte[1], ip->byte[2], ip->byte[3],
						ip->len);
		else
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x%02x::/%u ",
						ip->byte[0], ip->byte[1], ip->len);
	}
	return text;
}

#endif
