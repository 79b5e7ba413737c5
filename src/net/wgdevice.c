/* How it works.  A request holds NLSOCK_REQUEST_MAX bytes.  Peers are appended to
 * it; when the next peer, or the next of its allowed IPs, might not fit, the
 * request goes out and another begins, in which the peer that was cut goes on
 * under its key.  Nothing in a request depends on the one before.
 */
#include "net/wgdevice.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"
#include "net/genl.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "net/wgstate.h"

#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <linux/wireguard.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

enum {
	READS_MAX = 8, /* of a device that changes meanwhile */

	/* Bytes, more than enough: each value behind 4 of its header, all aligned. */
	DEVICE_ROOM = 128,
	PEER_ROOM = 192,
	ALLOWED_IP_ROOM = 64,
};

struct wgdevice {
	struct nlsock *sock; /* in `memory` */
	void *memory;	     /* secret_new()'s */
	struct genl_family family;
	char name[IFNAMSIZ];

	/* The request under way; NULL: none. */
	struct nlmsghdr *request;
	struct nlattr *peers; /* its list; NULL: not begun */
};

/* ---- life ---- */

void wgdevice_set_name(struct wgdevice *device, const char *name)
{
	(void)snprintf(device->name, sizeof(device->name), "%s", name);
}

const char *wgdevice_name(const struct wgdevice *device)
{
	return device->name;
}

int wgdevice_adopt(int fd, const char *name, struct wgdevice **ret, struct error *err)
{
	struct wgdevice *device = calloc(1, sizeof(*device));
	int r = -ENOMEM;

	if (device)
		device->memory = secret_new(nlsock_size());
	if (!device || !device->memory) {
		free(device);
		return error_set(err, ENOMEM, "out of memory for WireGuard link '%s'", name);
	}
	wgdevice_set_name(device, name);
	r = nlsock_adopt_in(device->memory, fd, &device->sock, err);
	if (r == 0)
		r = genl_find(device->sock, WG_GENL_NAME, &device->family, err);
	if (r < 0) {
		secret_free(device->memory);
		free(device);
		return r;
	}
	*ret = device;
	return 0;
}

int wgdevice_open(const char *name, int netns_fd, int userns_fd, struct wgdevice **ret,
		  struct error *err)
{
	static const struct netns_socket wanted = {
		.domain = AF_NETLINK,
		.type = SOCK_RAW,
		.protocol = NETLINK_GENERIC,
	};
	AUTO_FD int fd = -1;
	int r = netns_socket(userns_fd, netns_fd, &wanted, &fd, err);

	if (r == 0)
		r = wgdevice_adopt(fd, name, ret, err);
	if (r == 0)
		(void)take_fd(&fd);
	return r;
}

void wgdevice_close(struct wgdevice *device)
{
	if (!device)
		return;
	nlsock_close(device->sock);
	secret_free(device->memory);
	free(device);
}

/* ---- reading ---- */

static int add(void *context, const struct nlmsghdr *message)
{
	return wgstate_add(context, message);
}

static int read_once(struct wgdevice *device, struct wgstate *state, struct error *err)
{
	struct nlmsghdr *request =
		genl_begin(device->sock, &device->family, WG_CMD_GET_DEVICE, NLM_F_DUMP);
	int r;

	mnl_attr_put_strz(request, WGDEVICE_A_IFNAME, device->name);
	r = nlsock_exchange(device->sock, add, state, err);
	nlsock_wipe(device->sock);
	if (r < 0)
		wgstate_done(state);
	return r;
}

int wgdevice_read_judged(struct wgdevice *device, const struct wgstate_judge *judge,
			 struct wgstate *ret, struct error *err)
{
	struct wgstate state;
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < READS_MAX; i++) {
		state = (struct wgstate){.judge = judge};
		r = read_once(device, &state, err);
	}
	if (r < 0) {
		(void)error_wrap(err, "cannot read WireGuard link '%s'", device->name);
		return r;
	}
	state.judge = NULL;
	*ret = state;
	return 0;
}

int wgdevice_read(struct wgdevice *device, struct wgstate *ret, struct error *err)
{
	return wgdevice_read_judged(device, NULL, ret, err);
}

/* The permission is asked about first: a link that is no WireGuard's is refused to
 * those who may, as what it is, and to the others for what they are.
 */
static int probe_permission(struct nlsock *sock, const struct genl_family *family,
			    struct error *err)
{
	struct nlmsghdr *request = genl_begin(sock, family, WG_CMD_GET_DEVICE, NLM_F_DUMP);

	mnl_attr_put_strz(request, WGDEVICE_A_IFNAME, "lo");
	if (nlsock_exchange(sock, NULL, NULL, NULL) != -EPERM)
		return 0;
	(void)error_set(err, EPERM, "the kernel's WireGuard needs CAP_NET_ADMIN");
	error_hint(err, "be root, or write Backend = userspace");
	return -EPERM;
}

int wgdevice_probe(struct error *err)
{
	struct genl_family family;
	struct nlsock *sock;
	int r = genl_open(&sock, err);

	if (r < 0)
		return r;
	r = genl_find(sock, WG_GENL_NAME, &family, err);
	if (r == 0) {
		r = probe_permission(sock, &family, err);
	} else if (r == -ENOENT) {
		r = error_set(err, EOPNOTSUPP, "this kernel has no WireGuard");
		error_hint(err, "load or install its module, or write Backend = userspace");
	}
	nlsock_close(sock);
	return r;
}

/* ---- writing ---- */

static bool has_room(const struct wgdevice *device, size_t len)
{
	return device->request && NLSOCK_REQUEST_MAX - device->request->nlmsg_len >= len;
}

static void begin(struct wgdevice *device)
{
	device->request = genl_begin(device->sock, &device->family, WG_CMD_SET_DEVICE, 0);
	device->peers = NULL;
	mnl_attr_put_strz(device->request, WGDEVICE_A_IFNAME, device->name);
}

int wgdevice_finish(struct wgdevice *device, struct error *err)
{
	int r;

	if (device->peers)
		mnl_attr_nest_end(device->request, device->peers);
	device->request = NULL;
	r = nlsock_exchange(device->sock, NULL, NULL, err);
	nlsock_wipe(device->sock);
	if (r < 0)
		(void)error_wrap(err, "cannot set up WireGuard link '%s'", device->name);
	return r;
}

static int turn_over(struct wgdevice *device, struct error *err)
{
	int r = wgdevice_finish(device, err);

	if (r == 0)
		begin(device);
	return r;
}

static_assert(DEVICE_ROOM + PEER_ROOM + ALLOWED_IP_ROOM + 64 < NLSOCK_REQUEST_MAX,
	      "a fresh request has room for a peer and one of its allowed IPs");

void wgdevice_begin(struct wgdevice *device, const struct wgdevice_change *change)
{
	begin(device);
	if (change->private_key)
		mnl_attr_put(device->request, WGDEVICE_A_PRIVATE_KEY, WG_KEY_LEN,
			     change->private_key);
	if (change->has_listen_port)
		mnl_attr_put_u16(device->request, WGDEVICE_A_LISTEN_PORT, change->listen_port);
	if (change->has_fwmark)
		mnl_attr_put_u32(device->request, WGDEVICE_A_FWMARK, change->fwmark);
	if (change->drops_peers)
		mnl_attr_put_u32(device->request, WGDEVICE_A_FLAGS, WGDEVICE_F_REPLACE_PEERS);
}

/* The peer's own nest, with its key in it. */
static struct nlattr *begin_peer(struct wgdevice *device, const uint8_t *public_key)
{
	struct nlattr *nest;

	if (!device->peers)
		device->peers = mnl_attr_nest_start(device->request, WGDEVICE_A_PEERS);
	nest = mnl_attr_nest_start(device->request, 0);
	mnl_attr_put(device->request, WGPEER_A_PUBLIC_KEY, WG_KEY_LEN, public_key);
	return nest;
}

static void put_peer_values(struct nlmsghdr *request, const struct wgdevice_peer_change *peer)
{
	uint32_t flags = (peer->is_removal ? WGPEER_F_REMOVE_ME : 0U) |
			 (peer->has_to_exist ? WGPEER_F_UPDATE_ONLY : 0U);

	if (flags)
		mnl_attr_put_u32(request, WGPEER_A_FLAGS, flags);
	if (peer->is_removal)
		return;
	if (peer->preshared_key)
		mnl_attr_put(request, WGPEER_A_PRESHARED_KEY, WG_KEY_LEN, peer->preshared_key);
	if (peer->endpoint)
		mnl_attr_put(request, WGPEER_A_ENDPOINT, endpoint_len(peer->endpoint),
			     &peer->endpoint->any);
	if (peer->has_keepalive)
		mnl_attr_put_u16(request, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
				 peer->keepalive_s);
}

static void put_allowed_ip(struct nlmsghdr *request, const struct prefix *prefix)
{
	struct nlattr *nest = mnl_attr_nest_start(request, 0);
	size_t len;
	const uint8_t *bytes = address_bytes(&prefix->address, &len);

	mnl_attr_put_u16(request, WGALLOWEDIP_A_FAMILY, (uint16_t)address_family(&prefix->address));
	mnl_attr_put(request, WGALLOWEDIP_A_IPADDR, len, bytes);
	mnl_attr_put_u8(request, WGALLOWEDIP_A_CIDR_MASK, prefix->len);
	mnl_attr_nest_end(request, nest);
}

/* As many of them as fit; returns how many. */
static size_t put_allowed_ips(struct wgdevice *device, const struct prefix *prefix, size_t n)
{
	struct nlattr *list = mnl_attr_nest_start(device->request, WGPEER_A_ALLOWEDIPS);
	size_t i = 0;

	while (i < n && has_room(device, ALLOWED_IP_ROOM))
		put_allowed_ip(device->request, &prefix[i++]);
	mnl_attr_nest_end(device->request, list);
	return i;
}

int wgdevice_put_peer(struct wgdevice *device, const struct wgdevice_peer_change *peer,
		      struct error *err)
{
	size_t n_left = peer->is_removal ? 0 : peer->n_allowed_ips;
	const struct prefix *next = peer->allowed_ip;
	struct nlattr *nest;
	int r = has_room(device, PEER_ROOM + ALLOWED_IP_ROOM) ? 0 : turn_over(device, err);

	if (r < 0)
		return r;
	nest = begin_peer(device, peer->public_key);
	put_peer_values(device->request, peer);
	while (n_left > 0) {
		size_t n_put = put_allowed_ips(device, next, n_left);

		next += n_put;
		n_left -= n_put;
		if (n_left == 0)
			break;
		mnl_attr_nest_end(device->request, nest);
		r = turn_over(device, err);
		if (r < 0)
			return r;
		nest = begin_peer(device, peer->public_key);
	}
	mnl_attr_nest_end(device->request, nest);
	return 0;
}
