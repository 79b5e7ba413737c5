#include "dataplane/link.h"

#include "base/fd.h"
#include "base/loop.h"
#include "base/secret.h"
#include "dataplane/plane.h"
#include "dataplane/sender.h"
#include "dataplane/shift.h"
#include "dataplane/uapi.h"
#include "wireguard/device.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { PIECE = 4096 };

/* ---- what requests act on; all of it with the plane's lock ---- */

static const struct udp_sockets no_sockets = {.fd = {-1, -1}};

static void change_sockets(struct link *link, const struct udp_sockets *sockets)
{
	link->sender->sockets = *sockets;
	shift_use_sockets(link->shift, sockets);
}

static int use_sockets(void *context)
{
	struct link *link = context;

	if (link->fresh_sockets.fd[UDP_V4] < 0 && link->fresh_sockets.fd[UDP_V6] < 0)
		return -EINVAL;
	change_sockets(link, &link->fresh_sockets);
	link->fresh_sockets = no_sockets;
	wg_device_forget_sources(link->plane->device);
	return 0;
}

/* Another port means other sockets, which this process may not open. */
static int set_listen_port(void *context, uint16_t port)
{
	const struct link *link = context;

	return port == 0 || port == udp_port(&link->sender->sockets) ? 0 : -EPERM;
}

static int set_fwmark(void *context, uint32_t mark)
{
	const struct sender *sender = ((const struct link *)context)->sender;

	return mark == udp_mark(&sender->sockets) || sender->to_udp.is_mark_refused ? 0 : -EPERM;
}

/* What waits in the TUN of a device that is down waits on. */
static int set_up(void *context, bool is_up)
{
	struct link *link = context;
	int r = 0;

	if (is_up == link->is_up)
		return 0;
	if (is_up) {
		if (link->is_successor)
			sender_hold(link->sender, link->now);
		link->is_successor = false;
		r = sender_listen(link->sender, link->loop);
		if (r < 0)
			return r;
		wg_device_up(link->plane->device, link->now);
	} else {
		sender_ignore(link->sender, link->loop);
		wg_device_down(link->plane->device);
		change_sockets(link, &no_sockets);
	}
	link->is_up = is_up;
	return 0;
}

static int set_mtu(void *context, uint32_t mtu)
{
	struct link *link = context;

	link->sender->mtu = mtu;
	wg_device_set_mtu(link->plane->device, mtu);
	return 0;
}

static void read_facts(void *context, struct uapi_facts *ret)
{
	struct link *link = context;
	const struct sender *sender = link->sender;

	sender_read_health(sender, &link->told);
	health_add_received(&link->told, &link->plane->received);
	*ret = (struct uapi_facts){
		.listen_port = udp_port(&sender->sockets),
		.fwmark = udp_mark(&sender->sockets),
		.mtu = sender->mtu,
		.health = &link->told,
	};
}

/* ---- the socket ---- */

/* Descriptors that came beside the text; those not wanted are closed. */
static void keep_sockets(struct link *link, const int *fds, size_t n_fds)
{
	struct udp_sockets sockets;

	if (n_fds == 0)
		return;
	if (udp_adopt(fds, n_fds, &sockets) < 0) {
		for (size_t i = 0; i < n_fds; i++)
			(void)close(fds[i]);
		return;
	}
	udp_close(&link->fresh_sockets);
	link->fresh_sockets = sockets;
}

static int on_text(void *context, int fd, uint32_t events);

/* What does not fit waits for room. */
static int write_replies(struct link *link)
{
	bool was_full = link->is_full;
	size_t len;
	const char *text = uapi_output(link->uapi, &len);

	while (len > 0) {
		ssize_t n = write(link->fd, text, len);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -ESHUTDOWN;
		if (n < 0 && errno == EAGAIN)
			break;
		uapi_consume(link->uapi, n > 0 ? (size_t)n : 0);
		text = uapi_output(link->uapi, &len);
	}
	link->is_full = len > 0;
	if (link->is_full == was_full)
		return 0;
	loop_remove(link->loop, link->fd);
	return loop_add(link->loop, link->fd, link->is_full ? EPOLLIN | EPOLLOUT : EPOLLIN, on_text,
			link);
}

/* One piece of text.  1; 0: nothing waits; -ESHUTDOWN. */
static int read_piece(struct link *link)
{
	char text[PIECE];
	int fds[FD_PASS_MAX];
	size_t n_fds;
	ssize_t n = fd_receive(link->fd, text, sizeof(text), fds, &n_fds);
	int r;

	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return -ESHUTDOWN;
	keep_sockets(link, fds, n_fds);
	r = uapi_feed(link->uapi, link->now, text, (size_t)n);
	secret_wipe(text, (size_t)n);
	return r < 0 ? -ESHUTDOWN : 1;
}

static int read_requests(struct link *link)
{
	struct pollfd more = {.fd = link->fd, .events = POLLIN};
	int r;

	do {
		r = read_piece(link);
		if (r < 0)
			return r;
	} while (r > 0 || (!uapi_is_idle(link->uapi) && poll(&more, 1, LINK_WAIT_MS) > 0));
	return 0;
}

static int on_text(void *context, int fd, uint32_t events)
{
	struct link *link = context;
	int r;

	(void)fd;
	(void)events;
	link->now = clock_now();
	plane_lock(link->plane);
	r = read_requests(link);
	plane_unlock(link->plane);
	shift_settle(link->shift);
	if (r == 0)
		r = write_replies(link);
	sender_drain(link->sender, link->now);
	return r;
}

/* ---- life ---- */

int link_init(struct link *link, bool is_up)
{
	int r = 0;

	link->fresh_sockets = no_sockets;
	link->target = (struct uapi_target){
		.device = link->plane->device,
		.context = link,
		.set_listen_port = set_listen_port,
		.set_fwmark = set_fwmark,
		.set_mtu = set_mtu,
		.use_sockets = use_sockets,
		.set_up = set_up,
		.read_facts = read_facts,
	};
	link->uapi = uapi_new(&link->target, true);
	if (!link->uapi)
		return -ENOMEM;
	link->now = clock_now();
	if (is_up)
		r = set_up(link, true);
	return r < 0 ? r : loop_add(link->loop, link->fd, EPOLLIN, on_text, link);
}

void link_done(struct link *link)
{
	uapi_free(link->uapi);
	if (link->uapi)
		udp_close(&link->fresh_sockets);
	link->uapi = NULL;
}
