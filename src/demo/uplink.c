#include "demo/uplink.h"

#include "base/cleanup.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* A ring, since a socket's buffer is bounded by a sysctl and filled by a few
 * super-packets; a frame of the ring holds the headers and no more.
 *
 * Source: Documentation/networking/packet_mmap.rst
 */
enum {
	FRAME_SIZE = 512,
	BLOCK_SIZE = 65536,
	N_BLOCKS = 256,
	RING_SIZE = BLOCK_SIZE * N_BLOCKS,
	N_FRAMES = RING_SIZE / FRAME_SIZE,
	/* where the link-layer address stands behind the frame's header */
	ADDRESS_AT = (sizeof(struct tpacket2_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT *
		     TPACKET_ALIGNMENT,
};

static int make_ring(int fd, uint8_t **ret, struct error *err)
{
	struct tpacket_req request = {
		.tp_block_size = BLOCK_SIZE,
		.tp_block_nr = N_BLOCKS,
		.tp_frame_size = FRAME_SIZE,
		.tp_frame_nr = N_FRAMES,
	};
	int version = TPACKET_V2;
	uint8_t *ring;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)) < 0)
		return error_errno(err, errno, "cannot make a ring for the capture");
	ring = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return error_errno(err, errno, "cannot map the capture");
	*ret = ring;
	return 0;
}

int uplink_open(const char *link, const struct classify_endpoint *provider, struct uplink *ret,
		struct error *err)
{
	AUTO_FD int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	uint8_t *ring = NULL;
	int r;

	if (fd < 0)
		return error_errno(err, errno, "cannot open a packet socket");
	at.sll_ifindex = (int)if_nametoindex(link);
	if (at.sll_ifindex == 0)
		return error_errno(err, errno, "no link '%s' to watch", link);
	r = make_ring(fd, &ring, err);
	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		r = error_errno(err, errno, "cannot watch '%s'", link);
		(void)munmap(ring, RING_SIZE);
		return r;
	}
	*ret = (struct uplink){.fd = take_fd(&fd), .ring = ring, .provider = *provider};
	return 0;
}

static void count(struct uplink *uplink, const struct tpacket2_hdr *header)
{
	const uint8_t *frame = (const uint8_t *)header + header->tp_mac;
	const struct sockaddr_ll *from = (const void *)((const uint8_t *)header + ADDRESS_AT);
	enum seen_kind kind = classify_frame(frame, header->tp_snaplen, &uplink->provider);

	if (from->sll_pkttype == PACKET_OUTGOING || kind == SEEN_WIREGUARD)
		uplink->n_seen[kind]++;
}

int uplink_collect(struct uplink *uplink, struct error *err)
{
	struct tpacket_stats stats;
	socklen_t stats_len = sizeof(stats);

	for (;;) {
		struct tpacket2_hdr *header = (void *)(uplink->ring + uplink->next * FRAME_SIZE);

		if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		count(uplink, header);
		__atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		uplink->next = (uplink->next + 1) % N_FRAMES;
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
	if (uplink->fd < 0)
		return;
	(void)munmap(uplink->ring, RING_SIZE);
	(void)close(uplink->fd);
	uplink->fd = -1;
}
