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
	*sender = (struct udp_sender){0};
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

/* False: none came in time. */
static bool wait_for_room(int fd)
{
	struct pollfd room = {.fd = fd, .events = POLLOUT};

	return poll(&room, 1, UDP_SENDER_WAIT_MS) > 0;
}

/* ---- what the kernel refuses ---- */

static void forget_refusal(struct udp_refusal *refusal, struct instant now)
{
	if (instant_is_due(refusal->until, now))
		*refusal = (struct udp_refusal){0};
}

static bool is_refused(const struct udp_refusal *refusal, const struct batch_run *run)
{
	return instant_is_set(refusal->until) && run->n_datagrams > 1 &&
	       run->segment > refusal->limit;
}

/* The run's datagrams leave one by one, and did not leave together. */
static void remember_refusal(struct udp_refusal *refusal, struct batch_run *run, struct instant now)
{
	size_t limit = run->refused_code == EIO ? 0 : run->segment - 1U;

	if (!instant_is_set(refusal->until) || limit < refusal->limit)
		refusal->limit = limit;
	refusal->until = instant_add(now, UDP_SENDER_REFUSAL_NS);
	run->refused_code = 0;
}

static void send_singly(struct batch_run *run, int code)
{
	run->is_single = true;
	run->refused_code = code;
}

/* A train that failed one by one as well failed for its source. */
static void drop_source(struct batch_run *run)
{
	run->route.source.any.sa_family = AF_UNSPEC;
	run->is_source_refused = true;
	if (run->refused_code != 0 && run->n_gone == 0)
		run->is_single = false;
	run->refused_code = 0;
}

/* Changes the run so that another attempt may succeed; false when there is
 * nothing left to try.  The source goes once, and without one the train is cut
 * once, so this ends.
 */
static bool amend(struct batch_run *run, int code)
{
	bool is_about_segments = code == EINVAL || code == EMSGSIZE || code == EIO;
	/* for a source that is not ours any more, Linux 6.18 says ENETUNREACH */
	bool is_about_source = code == EINVAL || code == ENETUNREACH || code == EADDRNOTAVAIL;

	if (is_about_segments && run->n_datagrams > 1 && !run->is_single) {
		send_singly(run, code);
		return true;
	}
	if (is_about_source && endpoint_is_set(&run->route.source)) {
		drop_source(run);
		return true;
	}
	if (run->was_retried)
		return false;
	run->was_retried = true;
	return true;
}

/* ---- progress ---- */

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
static void count_gone(struct udp_refusal *refusal, struct batch *batch, unsigned int first,
		       unsigned int n, struct instant now)
{
	struct batch_run *run = &batch->run[first];

	if (!run->is_single) {
		for (unsigned int i = first; i < first + n; i++)
			batch->run[i].n_gone = batch->run[i].n_datagrams;
		return;
	}
	run->n_gone = (uint16_t)(run->n_gone + n);
	run->was_retried = false;
	if (run->refused_code != 0 && n > 0)
		remember_refusal(refusal, run, now);
}

/* One call for the runs from the first on.  0, or the positive errno of it. */
static int send_some(struct udp_sender *sender, const struct udp_sockets *sockets,
		     struct batch *batch, unsigned int first, struct instant now)
{
	enum udp_family family = family_of(&batch->run[first]);
	struct volley *volley = sender->volley;
	int n;

	if (sockets->fd[family] < 0)
		return EAFNOSUPPORT;
	load(volley, batch, first);
	n = sendmmsg(sockets->fd[family], volley->header, volley->n, MSG_DONTWAIT);
	if (n < 0)
		return errno;
	count_gone(&sender->refusal[family], batch, first, (unsigned int)n, now);
	return 0;
}

/* Whether the failed run is to be tried again.  A socket is waited for until it
 * stays full once: what follows must not wait as long again, run by run.
 */
static bool may_retry(struct batch_run *run, int code, int fd, bool *is_jammed)
{
	if (code == EAGAIN || code == ENOBUFS) {
		if (*is_jammed)
			return false;
		*is_jammed = !wait_for_room(fd);
	}
	return amend(run, code);
}

void udp_sender_send(struct udp_sender *sender, const struct udp_sockets *sockets,
		     struct batch *batch, struct instant now, struct health *health)
{
	bool is_jammed[UDP_FAMILIES] = {false};
	unsigned int i = 0;

	for (int family = 0; family < UDP_FAMILIES; family++)
		forget_refusal(&sender->refusal[family], now);
	for (unsigned int j = 0; j < batch->n_runs; j++)
		batch->run[j].is_single =
			is_refused(&sender->refusal[family_of(&batch->run[j])], &batch->run[j]);
	while (i < batch->n_runs) {
		struct batch_run *run = &batch->run[i];
		enum udp_family family = family_of(run);
		int code = send_some(sender, sockets, batch, i, now);

		if (code == 0)
			health->tx_errno = 0;
		else if (!may_retry(run, code, sockets->fd[family], &is_jammed[family]))
			give_up(run, code, health);
		while (i < batch->n_runs && batch->run[i].n_gone == batch->run[i].n_datagrams)
			i++;
	}
}
