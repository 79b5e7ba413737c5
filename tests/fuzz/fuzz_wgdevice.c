/* A WireGuard device as a kernel that lies describes it.
 *
 * Input: datagrams, each behind its length in two bytes, big-endian.  They answer
 * the reading; the family was found before, by request 1, so their sequence
 * numbers begin at 2.  What was read is then compared with and changed to what a
 * profile wants: that asks the kernel something, whose answer is the end.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "config/profile.h"
#include "net/wgdevice.h"
#include "net/wgstate.h"
#include "tunnel/kernel_change.h"
#include "tunnel/kernel_drift.h"
#include "tunnel/tunnel.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DATAGRAMS_MAX = 64, FAMILY = 31 };

static void check(bool is_true)
{
	if (!is_true)
		abort();
}

static void send_family(int fd)
{
	union {
		struct nlmsghdr header;
		char bytes[256];
	} answer;
	struct nlmsgerr *end;

	(void)mnl_nlmsg_put_header(answer.bytes);
	answer.header.nlmsg_type = GENL_ID_CTRL;
	answer.header.nlmsg_seq = 1;
	(void)mnl_nlmsg_put_extra_header(&answer.header, GENL_HDRLEN);
	mnl_attr_put_u16(&answer.header, CTRL_ATTR_FAMILY_ID, FAMILY);
	(void)send(fd, answer.bytes, answer.header.nlmsg_len, 0);
	(void)mnl_nlmsg_put_header(answer.bytes);
	answer.header.nlmsg_type = NLMSG_ERROR;
	answer.header.nlmsg_seq = 1;
	end = mnl_nlmsg_put_extra_header(&answer.header, sizeof(*end));
	end->error = 0;
	(void)send(fd, answer.bytes, answer.header.nlmsg_len, 0);
}

static void send_datagrams(int fd, const uint8_t *data, size_t size)
{
	for (int i = 0; i < DATAGRAMS_MAX && size >= 2; i++) {
		size_t len = be16_load(data);

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		(void)send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		data += len;
		size -= len;
	}
}

static void look_at(const struct wgstate *state)
{
	size_t n_allowed_ips = 0;

	for (size_t i = 0; i < state->n_peers; i++) {
		const struct wgstate_peer *peer = &state->peer[i];
		char text[ENDPOINT_TEXT_LEN];

		check(wgstate_find(state, peer->public_key) != NULL);
		if (endpoint_is_set(&peer->endpoint))
			check(endpoint_print(&peer->endpoint, text)[0] != '\0');
		for (size_t k = 0; k < peer->n_allowed_ips; k++) {
			const struct prefix *prefix = &peer->allowed_ip[k];

			check(prefix->len <= prefix_full_len(&prefix->address));
		}
		n_allowed_ips += peer->n_allowed_ips;
	}
	check(n_allowed_ips == state->n_allowed_ips);
}

/* Wants the second of the peers that were read, with the networks of the first. */
static int change(struct wgdevice *device, struct wgstate *state, struct error *err)
{
	struct profile_peer peer = {.keepalive_s = 25};
	struct profile profile = {.peer = &peer, .n_peers = state->n_peers > 1 ? 1 : 0};
	const struct tunnel_config config = {.profile = &profile};

	if (profile.n_peers > 0) {
		memcpy(peer.public_key, state->peer[1].public_key, 32);
		peer.allowed_ip = state->peer[0].allowed_ip;
		peer.n_allowed_ips = state->peer[0].n_allowed_ips;
	}
	check(kernel_drift_find(state, &profile) < 2 * TUNNEL_DRIFT_ENDPOINTS);
	return kernel_change(device, state, &config, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct profile nobody;
	const struct wgstate_judge judge = kernel_drift_judge(&nobody);
	struct wgstate state = {0};
	struct error err = {0};
	struct wgdevice *device;
	int pair[2];
	int r;

	check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	send_family(pair[1]);
	send_datagrams(pair[1], data, size);
	check(shutdown(pair[1], SHUT_WR) == 0);
	check(wgdevice_adopt(pair[0], "wg0", &device, NULL) == 0);
	r = wgdevice_read_judged(device, &judge, &state, &err);
	if (r == 0) {
		look_at(&state);
		r = change(device, &state, &err);
	}
	check(r == 0 || (r < 0 && err.code == -r && err.what[0] != '\0'));
	wgstate_done(&state);
	wgdevice_close(device);
	(void)close(pair[1]);
	return 0;
}
