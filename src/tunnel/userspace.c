/* The tunnel by adit's own data plane, in a child process.
 *
 * How it works: the UDP sockets are opened here, where privileges are, and go to
 * the child; so does a reference to the TUN.  Then text is spoken over a socket
 * pair, request by request; each is answered before the next is sent.  The child
 * ends when this end of the pair is closed, and cannot outlive us.
 *
 * A request waits REPLY_WAIT_S for its answer: a data plane that does not
 * answer by then is as good as dead, and the supervisor may end it.
 */
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "config/profile.h"
#include "dataplane/child.h"
#include "tunnel/reply.h"
#include "tunnel/request.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	REPLY_WAIT_S = 2,
	CLOSE_WAIT_MS = 200,
	REPLY_MAX = 16 * 1024 * 1024, /* bytes: some 40,000 peers */
};

struct userspace {
	struct tunnel tunnel;
	pid_t pid;
	int pidfd;
	int uapi;
	int events;
	uint16_t listen_port; /* as asked for: what the sockets were opened with */
	uint32_t fwmark;
	bool is_mark_refused;
	bool is_port_refused;
};

static struct userspace *from(const struct tunnel *tunnel)
{
	return (struct userspace *)(uintptr_t)tunnel;
}

/* ---- sockets ---- */

static int open_any_port(const struct tunnel_config *config, struct udp_sockets *ret,
			 struct error *err)
{
	uint32_t mark = config->profile->fwmark;

	if (config->last_port != 0 && udp_open(config->last_port, mark, ret, NULL) == 0)
		return 0;
	return udp_open(0, mark, ret, err);
}

/* Without the privilege that the port needs a tunnel on another one is better
 * than none, as it is with the mark.
 */
static int open_sockets(const struct tunnel_config *config, struct udp_sockets *ret,
			bool *ret_is_refused, struct error *err)
{
	const struct profile *profile = config->profile;
	int r;

	*ret_is_refused = false;
	if (profile->listen_port == 0)
		return open_any_port(config, ret, err);
	r = udp_open(profile->listen_port, profile->fwmark, ret, err);
	if (r != -EACCES)
		return r;
	*ret_is_refused = true;
	return open_any_port(config, ret, err);
}

/* ---- requests ---- */

static int send_text(const struct userspace *self, const char *text, size_t len,
		     const struct udp_sockets *sockets)
{
	size_t n_fds = 0;
	int fds[UDP_FAMILIES] = {-1, -1};

	for (int i = 0; sockets && i < UDP_FAMILIES; i++)
		if (sockets->fd[i] >= 0)
			fds[n_fds++] = sockets->fd[i];
	return fd_send(self->uapi, text, len, fds, n_fds);
}

/* Reads to the empty line that ends a reply.  *ret is the caller's to free. */
static int receive_text(const struct userspace *self, char **ret, size_t *ret_len)
{
	AUTO_FREE char *text = NULL;
	size_t size = 0;
	size_t len = 0;

	do {
		ssize_t n;

		if (size - len < 2048) {
			char *more = realloc(text, size * 2 + 4096);

			if (!more)
				return -ENOMEM;
			text = more;
			size = size * 2 + 4096;
		}
		n = read(self->uapi, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n == 0)
			return -EPIPE;
		len += (size_t)n;
		if (len > REPLY_MAX)
			return -EPROTO;
	} while (!reply_is_whole(text, len));
	*ret = take_ptr(text);
	*ret_len = len;
	return 0;
}

/* The reply's errno, or what kept it from coming. */
static int ask(const struct userspace *self, const char *text, size_t len,
	       const struct udp_sockets *sockets, struct error *err)
{
	AUTO_FREE char *reply = NULL;
	size_t reply_len = 0;
	int r = send_text(self, text, len, sockets);

	if (r == 0)
		r = receive_text(self, &reply, &reply_len);
	if (r < 0)
		return error_errno(err, -r, "the data plane does not answer");
	r = reply_errno(reply, reply_len);
	if (r < 0)
		return error_errno(err, -r, "the data plane refuses its configuration");
	return 0;
}

static int configure(struct userspace *self, const struct tunnel_config *config,
		     const struct request_options *options, const struct udp_sockets *sockets,
		     struct error *err)
{
	struct request request = {0};
	int r = request_build(config, options, &request);

	if (r < 0)
		return error_errno(err, -r, "cannot tell the data plane its configuration");
	r = ask(self, request.text, request.len, sockets, err);
	request_free(&request);
	return r;
}

static int read_stats(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err)
{
	static const char text[] = "adit_stats=1\n\n";
	struct userspace *self = from(tunnel);
	AUTO_FREE char *reply = NULL;
	size_t reply_len;
	int r = send_text(self, text, sizeof(text) - 1, NULL);

	if (r == 0)
		r = receive_text(self, &reply, &reply_len);
	if (r == 0)
		r = reply_parse_stats(reply, reply_len, ret);
	if (r < 0)
		return error_errno(err, -r, "cannot read the data plane's counters");
	ret->is_mark_refused = self->is_mark_refused;
	ret->is_port_refused = self->is_port_refused;
	return 0;
}

static int set_config(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err)
{
	const struct profile *profile = config->profile;
	struct userspace *self = from(tunnel);
	struct udp_sockets sockets = {.fd = {-1, -1}};
	struct request_options options = {
		.has_sockets = profile->listen_port != self->listen_port ||
			       profile->fwmark != self->fwmark,
	};
	struct tunnel_stats old = {0};
	bool is_mark_refused;
	bool is_port_refused = false;
	int r = read_stats(tunnel, &old, err);

	if (r == 0 && options.has_sockets)
		r = open_sockets(config, &sockets, &is_port_refused, err);
	is_mark_refused = sockets.is_mark_refused;
	options.old = &old;
	if (r == 0)
		r = configure(self, config, &options, options.has_sockets ? &sockets : NULL, err);
	udp_close(&sockets);
	tunnel_stats_done(&old);
	if (r < 0)
		return r;
	if (options.has_sockets) {
		self->is_mark_refused = is_mark_refused;
		self->is_port_refused = is_port_refused;
	}
	self->listen_port = profile->listen_port;
	self->fwmark = profile->fwmark;
	return 0;
}

static int set_endpoint(struct tunnel *tunnel, const uint8_t public_key[32],
			const union endpoint *endpoint, struct error *err)
{
	char key[2 * 32 + 1];
	char print[ENDPOINT_TEXT_LEN];
	char buffer[256];
	struct text text;

	hex_encode(public_key, 32, key);
	text_init(&text, buffer, sizeof(buffer));
	text_add(&text, "set=1\npublic_key=%s\nupdate_only=true\nendpoint=%s\n", key,
		 endpoint_print(endpoint, print));
	text_add(&text, "adit_handshake=true\n\n");
	return ask(from(tunnel), text.at, text.len, NULL, err);
}

static int forget_sources(struct tunnel *tunnel, struct error *err)
{
	static const char text[] = "set=1\nadit_forget_sources=true\n\n";

	return ask(from(tunnel), text, sizeof(text) - 1, NULL, err);
}

/* ---- life ---- */

static struct userspace *new_self(void)
{
	struct userspace *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->tunnel.backend = &tunnel_backend_userspace;
	self->pid = -1;
	self->pidfd = -1;
	self->uapi = -1;
	self->events = -1;
	return self;
}

/* The child's end goes to *ret_other. */
static int connect_pair(struct userspace *self, int *ret_other)
{
	const struct timeval patience = {.tv_sec = REPLY_WAIT_S};
	int pair[2];

	self->events = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (self->events < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	self->uapi = pair[0];
	*ret_other = pair[1];
	(void)setsockopt(self->uapi, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(self->uapi, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return 0;
}

/* Only the child gets an answer, and it does not return. */
static int start(struct userspace *self, const struct child_options *options)
{
	self->pid = fork();
	if (self->pid < 0)
		return -errno;
	if (self->pid == 0)
		_exit(child_run(options));
	self->pidfd = (int)syscall(SYS_pidfd_open, self->pid, 0);
	return self->pidfd < 0 ? -errno : 0;
}

static int start_child(struct userspace *self, const struct tunnel_config *config,
		       struct error *err)
{
	struct child_options options = {
		.tun = config->tun_fd,
		.mtu = config->mtu,
		.drops_backlog = config->drops_backlog,
		.sandbox = {.has_ids = config->has_ids,
			    .uid = config->uid,
			    .gid = config->gid,
			    .parent = getpid()},
	};
	AUTO_FD int other = -1;
	int r = open_sockets(config, &options.sockets, &self->is_port_refused, err);

	if (r < 0)
		return r;
	r = connect_pair(self, &other);
	options.uapi = other;
	options.events = self->events;
	if (r == 0)
		r = start(self, &options);
	self->is_mark_refused = options.sockets.is_mark_refused;
	udp_close(&options.sockets);
	if (r < 0)
		return error_errno(err, -r, "cannot start the data plane");
	self->listen_port = config->profile->listen_port;
	self->fwmark = config->profile->fwmark;
	return 0;
}

/* Its socket's end is what tells the child to end; SIGKILL, if it does not hear. */
static void close_userspace(struct tunnel *tunnel)
{
	struct userspace *self = from(tunnel);

	fd_cleanup(&self->uapi);
	if (self->pid > 0) {
		struct pollfd end = {.fd = self->pidfd, .events = POLLIN};

		if (poll(&end, 1, CLOSE_WAIT_MS) <= 0)
			(void)kill(self->pid, SIGKILL);
		while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	fd_cleanup(&self->pidfd);
	fd_cleanup(&self->events);
	free(self);
}

static int open_userspace(const struct tunnel_config *config, struct tunnel **ret,
			  struct error *err)
{
	const struct request_options options = {.old = NULL};
	struct userspace *self = new_self();
	int r;

	if (!self)
		return error_set(err, ENOMEM, "out of memory for the tunnel");
	r = start_child(self, config, err);
	if (r == 0)
		r = configure(self, config, &options, NULL, err);
	if (r < 0) {
		close_userspace(&self->tunnel);
		return r;
	}
	*ret = &self->tunnel;
	return 0;
}

static pid_t get_pid(const struct tunnel *tunnel)
{
	return from(tunnel)->pid;
}

static int get_pidfd(const struct tunnel *tunnel)
{
	return from(tunnel)->pidfd;
}

static int get_events_fd(const struct tunnel *tunnel)
{
	return from(tunnel)->events;
}

const struct tunnel_backend tunnel_backend_userspace = {
	.name = "userspace",
	.open = open_userspace,
	.set_config = set_config,
	.set_endpoint = set_endpoint,
	.forget_sources = forget_sources,
	.read_stats = read_stats,
	.pid = get_pid,
	.pidfd = get_pidfd,
	.events_fd = get_events_fd,
	.close = close_userspace,
};
