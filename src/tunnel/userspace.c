/* The tunnel by adit's own data plane, in a child process.
 *
 * How it works: the UDP sockets are opened here, where privileges are, and shared
 * with the child; so is the TUN.  Then text is spoken with it: see process.h.  It
 * is down, and reads no packet, until it has its configuration.  A changed mark is
 * set on the sockets that there are, since a fixed port cannot be opened a second
 * time beside them.
 *
 * A request waits REPLY_WAIT_S for its answer: a data plane that does not
 * answer by then is as good as dead, and the supervisor may end it.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "config/profile.h"
#include "tunnel/process.h"
#include "tunnel/reply.h"
#include "tunnel/request.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdlib.h>

enum { REPLY_WAIT_S = 2 };

struct userspace {
	struct tunnel tunnel;
	struct process process;
	struct udp_sockets sockets; /* the child's own */
	uint16_t listen_port;	    /* as asked for */
	uint32_t fwmark;
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

/* The reply's errno, or what kept it from coming. */
static int ask(const struct userspace *self, const char *text, size_t len,
	       const struct udp_sockets *sockets, struct error *err)
{
	const struct process_request request = {.head = text, .head_len = len, .sockets = sockets};
	struct process_reply reply = {0};
	int r = process_ask(&self->process, &request, &reply);

	if (r < 0)
		return error_errno(err, -r, "the data plane does not answer");
	r = reply_errno(reply.text, reply.len);
	process_reply_free(&reply);
	if (r < 0)
		return error_errno(err, -r, "the data plane refuses its configuration");
	return 0;
}

static int configure(struct userspace *self, const struct tunnel_config *config,
		     const struct tunnel_stats *old, struct error *err)
{
	struct request request = {0};
	int r = request_build(config, old, &request);

	if (r < 0)
		return error_errno(err, -r, "cannot tell the data plane its configuration");
	r = ask(self, request.text, request.len, NULL, err);
	request_free(&request);
	return r;
}

static int begin(struct userspace *self, const struct tunnel_config *config,
		 const struct request_start *start, const struct udp_sockets *sockets,
		 struct error *err)
{
	struct request request = {0};
	int r = request_build_start(config, start, &request);

	if (r < 0)
		return error_errno(err, -r, "cannot tell the data plane to begin");
	r = ask(self, request.text, request.len, start->has_sockets ? sockets : NULL, err);
	request_free(&request);
	return r;
}

static int read_stats(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err)
{
	static const char text[] = "adit_stats=1\n\n";
	static const struct process_request request = {.head = text, .head_len = sizeof(text) - 1};
	struct userspace *self = from(tunnel);
	struct process_reply reply = {0};
	int r = process_ask(&self->process, &request, &reply);

	if (r == 0)
		r = reply_parse_stats(reply.text, reply.len, ret);
	process_reply_free(&reply);
	if (r < 0)
		return error_errno(err, -r, "cannot read the data plane's counters");
	ret->is_mark_refused = self->sockets.is_mark_refused;
	ret->is_port_refused = self->is_port_refused;
	return 0;
}

/* What a new configuration changes of the sockets. */
struct change {
	struct udp_sockets fresh; /* for another port */
	bool has_fresh;
	bool is_port_refused; /* of the fresh ones */
	bool has_mark;	      /* the old ones have another by now */
};

static int prepare_change(struct userspace *self, const struct tunnel_config *config,
			  struct change *change, struct error *err)
{
	const struct profile *profile = config->profile;
	int r;

	if (profile->listen_port != self->listen_port &&
	    profile->listen_port != udp_port(&self->sockets)) {
		change->has_fresh = true;
		return open_sockets(config, &change->fresh, &change->is_port_refused, err);
	}
	change->has_mark = profile->fwmark != self->fwmark;
	r = change->has_mark ? udp_set_mark(&self->sockets, profile->fwmark) : 0;
	return r < 0 ? error_errno(err, -r, "cannot set the mark 0x%x", profile->fwmark) : 0;
}

static void undo_change(struct userspace *self, struct change *change)
{
	if (change->has_mark)
		(void)udp_set_mark(&self->sockets, self->fwmark);
	udp_close(&change->fresh);
}

static void finish_change(struct userspace *self, const struct profile *profile,
			  struct change *change)
{
	self->listen_port = profile->listen_port;
	self->fwmark = profile->fwmark;
	if (!change->has_fresh)
		return;
	udp_close(&self->sockets);
	self->sockets = change->fresh;
	self->is_port_refused = change->is_port_refused;
}

/* The sockets go over when nothing can be refused any more. */
static int change_data_plane(struct userspace *self, const struct tunnel_config *config,
			     const struct change *change, struct error *err)
{
	const struct request_start start = {
		.has_sockets = change->has_fresh,
		.forgets_sources = change->has_mark,
	};
	struct tunnel_stats old = {0};
	int r = read_stats(&self->tunnel, &old, err);

	if (r == 0)
		r = configure(self, config, &old, err);
	tunnel_stats_done(&old);
	return r == 0 ? begin(self, config, &start, &change->fresh, err) : r;
}

static int set_config(struct tunnel *tunnel, const struct tunnel_config *config, struct error *err)
{
	struct userspace *self = from(tunnel);
	struct change change = {.fresh = {.fd = {-1, -1}}};
	int r = prepare_change(self, config, &change, err);

	if (r == 0)
		r = change_data_plane(self, config, &change, err);
	if (r < 0)
		undo_change(self, &change);
	else
		finish_change(self, config->profile, &change);
	return r;
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
	static const char text[] = "set=1\nadit_doubt_sources=true\n\n";

	return ask(from(tunnel), text, sizeof(text) - 1, NULL, err);
}

/* ---- life ---- */

static int start_child(struct userspace *self, const struct tunnel_config *config,
		       struct error *err)
{
	struct child_options options = {
		.tun = config->tun_fd,
		.sockets = {.fd = {-1, -1}},
		.mtu = config->mtu,
		.n_processors = config->n_processors,
		.drops_backlog = config->drops_backlog,
		.is_successor = config->is_successor,
		.is_down = true,
		.sandbox = {.has_ids = config->has_ids, .uid = config->uid, .gid = config->gid},
	};
	int r = open_sockets(config, &self->sockets, &self->is_port_refused, err);

	if (r < 0)
		return r;
	r = process_start(&options, REPLY_WAIT_S, &self->process);
	if (r < 0)
		return error_errno(err, -r, "cannot start the data plane");
	self->listen_port = config->profile->listen_port;
	self->fwmark = config->profile->fwmark;
	return 0;
}

static void close_userspace(struct tunnel *tunnel)
{
	struct userspace *self = from(tunnel);

	process_stop(&self->process);
	udp_close(&self->sockets);
	free(self);
}

static int open_userspace(const struct tunnel_config *config, struct tunnel **ret,
			  struct error *err)
{
	const struct request_start start = {.has_sockets = true, .goes_up = true};
	struct userspace *self = calloc(1, sizeof(*self));
	int r;

	if (!self)
		return error_set(err, ENOMEM, "out of memory for the tunnel");
	self->tunnel.backend = &tunnel_backend_userspace;
	self->process = PROCESS_NONE;
	self->sockets = (struct udp_sockets){.fd = {-1, -1}};
	r = start_child(self, config, err);
	if (r == 0)
		r = configure(self, config, NULL, err);
	if (r == 0)
		r = begin(self, config, &start, &self->sockets, err);
	if (r < 0) {
		close_userspace(&self->tunnel);
		return r;
	}
	*ret = &self->tunnel;
	return 0;
}

/* A TUN and a UDP socket are all it takes; who has none is told when they are made. */
static int probe(struct error *err)
{
	(void)err;
	return 0;
}

static pid_t get_pid(const struct tunnel *tunnel)
{
	return from(tunnel)->process.pid;
}

static int get_pidfd(const struct tunnel *tunnel)
{
	return from(tunnel)->process.pidfd;
}

static int get_events_fd(const struct tunnel *tunnel)
{
	return from(tunnel)->process.events;
}

const struct tunnel_backend tunnel_backend_userspace = {
	.name = "userspace",
	.probe = probe,
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
