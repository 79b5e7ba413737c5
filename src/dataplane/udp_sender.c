#include "dataplane/udp_sender.h"

#include "dataplane/health.h"

#include <errno.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Source, TOS and segment length; IPv6's are the larger ones. */
union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int)) +
		   CMSG_SPACE(sizeof(uint16_t))];
};

/* Messages of one sendmmsg(2): runs to one socket, or the datagrams of a run. */
struct volley {
	unsigned int n;
	struct mmsghdr header[BATCH_RUNS_MAX];
	struct iovec part[BATCH_RUNS_MAX];
	union control control[BATCH_RUNS_MAX];
};

int udp_sender_init(struct udp_sender *sender)
{
	*sender = (struct udp_sender){.segment_limit = SIZE_MAX};
	sender->volley = calloc(1, sizeof(*sender->volley));
	return sender->volley ? 0 : -ENOMEM;
}

void udp_sender_done(struct udp_sender *sender)
{
	free(sender->volley);
	sender->volley = NULL;
}

static void add_control(struct msghdr *header, int level, int type, const void *bytes, size_t len)
{
	struct cmsghdr *control =
		(struct cmsghdr *)((char *)header->msg_control + header->msg_controllen);

	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(control), bytes, len);
	header->msg_controllen += CMSG_SPACE(len);
}

/* The interface is named for link-local sources only: elsewhere the routing
 * table decides, so that a tunnel follows a change of the uplink.
 */
static void add_source(struct msghdr *header, const struct batch_route *route)
{
	if (route->source.any.sa_family == AF_INET) {
		struct in_pktinfo v4 = {.ipi_spec_dst = route->source.v4.sin_addr};

		add_control(header, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	} else if (route->source.any.sa_family == AF_INET6) {
		struct in6_pktinfo v6 = {.ipi6_addr = route->source.v6.sin6_addr};

		if (IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr))
			v6.ipi6_ifindex = route->ifindex;
		add_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	}
}

static void add_tos(struct msghdr *header, const struct batch_route *route)
{
	int tos = route->tos;

	if (tos == 0)
		return;
	if (route->to.any.sa_family == AF_INET)
		add_control(header, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else
		add_control(header, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

/* `len` bytes of a run at `bytes` as one message; cut into `segment`, 0: not. */
static void add_message(struct volley *volley, const struct batch_run *run, uint8_t *bytes,
			size_t len, uint16_t segment)
{
	unsigned int i = volley->n++;
	struct msghdr *header = &volley->header[i].msg_hdr;

	volley->part[i] = (struct iovec){bytes, len};
	*header = (struct msghdr){
		.msg_name = (void *)(uintptr_t)&run->route.to,
		.msg_namelen = endpoint_len(&run->route.to),
		.msg_iov = &volley->part[i],
		.msg_iovlen = 1,
		.msg_control = &volley->control[i],
	};
	add_source(header, &run->route);
	add_tos(header, &run->route);
	if (segment != 0)
		add_control(header, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	if (header->msg_controllen == 0)
		header->msg_control = NULL;
}

/* What is left of a run that goes out one datagram a send. */
static void add_singles(struct volley *volley, const struct batch_run *run, uint8_t *bytes)
{
	for (unsigned int i = run->n_gone; i < run->n_datagrams; i++) {
		uint32_t at = i * run->segment;
		uint32_t left = run->len - at;

		add_message(volley, run, bytes + at, left < run->segment ? left : run->segment, 0);
	}
}

static enum udp_family family_of(const struct batch_run *run)
{
	return run->route.to.any.sa_family == AF_INET6 ? UDP_V6 : UDP_V4;
}

/* As many messages as go with one call: runs to one socket from the first on,
 * or the datagrams of the first.
 */
static void load(struct volley *volley, const struct batch *batch, unsigned int first)
{
	const struct batch_run *run = &batch->run[first];
	enum udp_family family = family_of(run);

	volley->n = 0;
	if (run->is_single) {
		add_singles(volley, run, batch->buffer + run->offset);
		return;
	}
	for (unsigned int i = first; i < batch->n_runs; i++) {
		run = &batch->run[i];
		if (run->is_single || family_of(run) != family)
			return;
		add_message(volley, run, batch->buffer + run->offset, run->len,
			    run->n_datagrams > 1 ? run->segment : 0);
	}
}

static void wait_for_room(int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	(void)poll(&room, 1, UDP_SENDER_WAIT_MS);
}

/* From now on the run goes out one datagram a send, and later ones like it. */
static void refuse_segments(struct udp_sender *sender, struct batch_run *run, int code,
			    struct instant now)
{
	run->is_single = true;
	sender->segment_limit = code == EIO ? 0 : run->segment - 1U;
	sender->refused_until = instant_add(now, UDP_SENDER_REFUSAL_NS);
}

/* Changes the run so that another attempt may succeed; false when there is
 * nothing left to try.  Each change is made once, so this ends.
 */
static bool amend(struct udp_sender *sender, struct batch_run *run, int code, struct instant now)
{
	bool is_about_segments = code == EINVAL || code == EMSGSIZE || code == EIO;
	/* for a source that is not ours any more, Linux 6.18 says ENETUNREACH */
	bool is_about_source = code == EINVAL || code == ENETUNREACH || code == EADDRNOTAVAIL;

	if (is_about_source && endpoint_is_set(&run->route.source)) {
		run->route.source.any.sa_family = AF_UNSPEC;
		run->is_source_refused = true;
		return true;
	}
	if (is_about_segments && run->n_datagrams > 1 && !run->is_single) {
		refuse_segments(sender, run, code, now);
		return true;
	}
	if (run->was_retried)
		return false;
	run->was_retried = true;
	return true;
}

/* The first message of what was loaded cannot be sent. */
static void give_up(struct batch_run *run, int code, struct health *health)
{
	unsigned int n = run->is_single ? 1 : run->n_datagrams;

	health->tx_errno = code;
	health->tx_errors += n;
	run->n_gone = (uint16_t)(run->n_gone + n);
	run->was_retried = false;
}

/* The first n messages of what was loaded have left. */
static void count_gone(struct batch *batch, unsigned int first, unsigned int n)
{
	struct batch_run *run = &batch->run[first];

	if (run->is_single) {
		run->n_gone = (uint16_t)(run->n_gone + n);
		run->was_retried = false;
		return;
	}
	for (unsigned int i = first; i < first + n; i++)
		batch->run[i].n_gone = batch->run[i].n_datagrams;
}

/* One call for the runs from the first on.  0, or the positive errno of it. */
static int send_some(const struct udp_sockets *sockets, struct volley *volley, struct batch *batch,
		     unsigned int first)
{
	int fd = sockets->fd[family_of(&batch->run[first])];
	int n;

	if (fd < 0)
		return EAFNOSUPPORT;
	load(volley, batch, first);
	n = sendmmsg(fd, volley->header, volley->n, MSG_DONTWAIT);
	if (n < 0)
		return errno;
	count_gone(batch, first, (unsigned int)n);
	return 0;
}

void udp_sender_send(struct udp_sender *sender, const struct udp_sockets *sockets,
		     struct batch *batch, struct instant now, struct health *health)
{
	unsigned int i = 0;

	if (instant_is_due(sender->refused_until, now)) {
		sender->segment_limit = SIZE_MAX;
		sender->refused_until = (struct instant){0};
	}
	for (unsigned int j = 0; j < batch->n_runs; j++)
		batch->run[j].is_single = batch->run[j].n_datagrams > 1 &&
					  batch->run[j].segment > sender->segment_limit;
	while (i < batch->n_runs) {
		struct batch_run *run = &batch->run[i];
		int code = send_some(sockets, sender->volley, batch, i);

		if (code == 0)
			health->tx_errno = 0;
		if (code == EAGAIN || code == ENOBUFS)
			wait_for_room(sockets->fd[family_of(run)]);
		if (code != 0 && code != EINTR && !amend(sender, run, code, now))
			give_up(run, code, health);
		while (i < batch->n_runs && batch->run[i].n_gone == batch->run[i].n_datagrams)
			i++;
	}
}
