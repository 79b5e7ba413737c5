#include "demo/uplink.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { UPLINK_BUFFER = 16 << 20, FRAME_HEAD = 256 };

int uplink_open(const char *link, const struct classify_endpoint *provider, struct uplink *ret,
		struct error *err)
{
	AUTO_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int size = UPLINK_BUFFER;

	if (fd < 0)
		return error_errno(err, errno, "cannot open a packet socket");
	at.sll_ifindex = (int)if_nametoindex(link);
	if (at.sll_ifindex == 0)
		return error_errno(err, errno, "no link '%s' to watch", link);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return error_errno(err, errno, "cannot watch '%s'", link);
	*ret = (struct uplink){.fd = take_fd(&fd), .provider = *provider};
	return 0;
}

static void count(struct uplink *uplink, const uint8_t *frame, size_t len, bool is_outgoing)
{
	enum seen_kind kind = classify_frame(frame, len, &uplink->provider);

	if (is_outgoing || kind == SEEN_WIREGUARD)
		uplink->n_seen[kind]++;
}

int uplink_collect(struct uplink *uplink, struct error *err)
{
	struct tpacket_stats stats;
	socklen_t stats_len = sizeof(stats);
	uint8_t frame[FRAME_HEAD];

	for (;;) {
		struct sockaddr_ll from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(uplink->fd, frame, sizeof(frame), MSG_TRUNC,
				     (struct sockaddr *)&from, &from_len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return error_errno(err, errno, "cannot read the capture");
		count(uplink, frame, (size_t)n < sizeof(frame) ? (size_t)n : sizeof(frame),
		      from.sll_pkttype == PACKET_OUTGOING);
	}
	if (getsockopt(uplink->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &stats_len) < 0)
		return error_errno(err, errno, "cannot tell whether the capture lost packets");
	uplink->n_lost += stats.tp_drops;
	return 0;
}

uint64_t uplink_leaks(const struct uplink *uplink)
{
	uint64_t n = 0;

	for (unsigned int kind = SEEN_CANARY + 1; kind < SEEN_KINDS; kind++)
		n += uplink->n_seen[kind];
	return n;
}

void uplink_close(struct uplink *uplink)
{
	if (uplink->fd >= 0)
		(void)close(uplink->fd);
	uplink->fd = -1;
}
