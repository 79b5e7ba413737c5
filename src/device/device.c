/* How it works: one loop over the configuration socket and its clients
 * (server.h), the link (follow.h), the data plane's events and its death
 * (engine.h), the socket's file (socket.h) and signals.
 *
 * The link decides: up, the UDP sockets are opened and packets flow; down, all
 * sessions are wiped; gone, everything ends.  So does it when the socket's file
 * is removed, which is how wg-quick(8) says it, and with SIGTERM, SIGINT,
 * SIGQUIT and SIGHUP.
 */
#include "device/device.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/loop.h"
#include "device/daemon.h"
#include "device/engine.h"
#include "device/follow.h"
#include "device/privilege.h"
#include "device/server.h"
#include "device/socket.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "net/tun.h"
#include "net/watch.h"
#include "plan/mtu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct device {
	const struct device_options *options;
	bool has_ended;

	int tun;
	char name[TUN_NAME_LEN];
	struct socket_file socket;
	struct follow follow;
	struct engine engine;
	struct server *server;
	struct loop *loop;
	int signals; /* signalfd */

	struct instant look_at;	 /* the data plane's events are put off until then */
	struct instant check_at; /* likewise what has become of its sources */
	struct instant may_check;
};

/* ---- the data plane ---- */

static int on_plane_death(void *context, int fd, uint32_t events);

static int on_plane_event(void *context, int fd, uint32_t events)
{
	struct device *device = context;
	uint64_t count;

	(void)events;
	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	device->look_at = engine_look(&device->engine, clock_now());
	return 0;
}

static int start_plane(struct device *device, struct error *err)
{
	const struct process *process = &device->engine.process;
	int r = engine_start(&device->engine, err);

	if (r < 0)
		return r;
	r = loop_add(device->loop, process->events, EPOLLIN, on_plane_event, device);
	if (r == 0)
		r = loop_add(device->loop, process->pidfd, EPOLLIN, on_plane_death, device);
	return r < 0 ? error_errno(err, -r, "cannot watch the data plane") : 0;
}

static void stop_plane(struct device *device)
{
	loop_remove(device->loop, device->engine.process.events);
	loop_remove(device->loop, device->engine.process.pidfd);
	device->look_at = (struct instant){0};
	engine_note_death(&device->engine);
}

static int obey_link(struct device *device);

/* Its device may have died first. */
static int on_plane_death(void *context, int fd, uint32_t events)
{
	struct device *device = context;
	int r;

	(void)fd;
	(void)events;
	stop_plane(device);
	r = obey_link(device);
	if (!device->has_ended)
		log_warn("the data plane has ended; another one takes over");
	return r;
}

static void replace_plane(struct device *device)
{
	struct error err = {0};

	if (start_plane(device, &err) < 0) {
		log_error(&err);
		stop_plane(device);
		return;
	}
	server_resume(device->server);
}

/* ---- the link ---- */

static int obey_link(struct device *device)
{
	struct follow_state state;
	struct error err = {0};

	if (follow_read(&device->follow, &state, &err) < 0) {
		log_error(&err);
		return 0;
	}
	if (state.is_gone) {
		log_debug("the interface is gone");
		device->has_ended = true;
		return 0;
	}
	engine_set_mtu(&device->engine, state.mtu);
	if (engine_set_up(&device->engine, state.is_up, &err) < 0)
		log_error(&err);
	return 0;
}

static void check_sources(struct device *device)
{
	device->check_at = (struct instant){0};
	device->may_check = engine_check_sources(&device->engine, device->follow.sock);
}

static void put_check_off(struct device *device)
{
	struct instant now = clock_now();

	device->check_at = device->may_check.ns > now.ns ? device->may_check : now;
}

static int on_network(void *context, int fd, uint32_t events)
{
	struct device *device = context;
	unsigned int seen = watch_read(fd);

	(void)events;
	/* the routes by a link that goes down go with it, and are not told */
	if (seen != 0)
		put_check_off(device);
	return seen & WATCH_LINKS ? obey_link(device) : 0;
}

/* ---- everything else ---- */

static int on_socket_file(void *context, int fd, uint32_t events)
{
	struct device *device = context;

	(void)fd;
	(void)events;
	device->has_ended = device->has_ended || socket_file_is_gone(&device->socket);
	return 0;
}

static int on_signal(void *context, int fd, uint32_t events)
{
	struct device *device = context;
	struct signalfd_siginfo info;

	(void)events;
	if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo == SIGCONT)
		takeover_note_continued(&device->engine.takeover, clock_now());
	else
		device->has_ended = true;
	return 0;
}

/* What was ignored at the start (nohup(1)) stays ignored. */
static int open_signals(struct device *device, struct error *err)
{
	static const int wanted[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCONT};
	sigset_t mine;

	sigemptyset(&mine);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct sigaction found;

		if (sigaction(wanted[i], NULL, &found) == 0 && found.sa_handler != SIG_IGN)
			(void)sigaddset(&mine, wanted[i]);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &mine, NULL) < 0)
		return error_errno(err, errno, "cannot block signals");
	device->signals = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
	return device->signals < 0 ? error_errno(err, errno, "cannot read signals") : 0;
}

/* What was done to the link before a request was made is known when it is answered,
 * as with the kernel's own.
 */
static void catch_up(struct device *device)
{
	struct pollfd news = {.fd = device->follow.events, .events = POLLIN};

	if (poll(&news, 1, 0) > 0)
		(void)on_network(device, news.fd, EPOLLIN);
}

static int answer_set(void *context, const struct syntax_set *set)
{
	struct device *device = context;
	int r;

	catch_up(device);
	r = engine_set(&device->engine, set);
	/* soon, since what was known of peers is old now */
	if (r == 0)
		device->look_at = engine_look_later(&device->engine, clock_now());
	return r;
}

static int answer_get(void *context, char **ret, size_t *ret_len)
{
	struct device *device = context;

	catch_up(device);
	return engine_get(&device->engine, ret, ret_len);
}

/* ---- from beginning to end ---- */

/* As the kernel's own WireGuard link is: neither listeners of IPv6 multicast (MLD,
 * RFC 3810) nor a link-local address that nobody asked for.
 */
static int furnish(struct device *device, bool is_ours, struct error *err)
{
	static const struct link_change no_address = {.is_addr_gen_none = true};
	const struct link_change change = {
		.flags_mask = IFF_MULTICAST,
		.mtu = MTU_DEFAULT,
		.gso_max_segs = mtu_batch_segments(MTU_DEFAULT),
	};
	int r = link_change(device->follow.sock, device->name, &change, is_ours ? err : NULL);

	(void)link_change(device->follow.sock, device->name, &no_address, NULL);
	return is_ours ? r : 0;
}

static int make_tun(struct device *device, struct error *err)
{
	int r = 0;

	device->tun = device->options->tun;
	if (device->tun < 0) {
		r = tun_open(&device->tun, err);
		return r < 0 ? r
			     : tun_attach_any(device->tun, device->options->name, device->name,
					      err);
	}
	r = tun_name(device->tun, device->name);
	if (r == 0)
		r = fd_set_cloexec(device->tun, 1);
	if (r < 0)
		return error_errno(err, -r, "descriptor %d is not that of a tunnel device",
				   device->tun);
	return 0;
}

static int make_link(struct device *device, struct error *err)
{
	struct follow_state state;
	int r = make_tun(device, err);

	if (r == 0)
		r = follow_init(&device->follow, device->tun, err);
	if (r == 0)
		r = follow_read(&device->follow, &state, err);
	if (r == 0 && state.is_gone)
		r = error_set(err, ENODEV, "the tunnel device is gone");
	if (r == 0 && state.is_home)
		r = furnish(device, device->options->tun < 0, err);
	return r;
}

static int make_socket(struct device *device, struct error *err)
{
	if (device->options->uapi >= 0)
		return socket_file_adopt(device->options->uapi, &device->socket, err);
	return socket_file_make(SOCKET_DIRECTORY, device->name, &device->socket, err);
}

static int tell_name(const struct device *device, struct error *err)
{
	const char *path = device->options->name_file;
	char line[TUN_NAME_LEN + 1] = "";
	int fd;
	int r;

	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0400);
	if (fd < 0)
		return error_errno(err, errno, "cannot write to '%s'", path);
	(void)strcat(strcpy(line, device->name), "\n");
	r = fd_write_all(fd, line, strlen(line));
	(void)close(fd);
	return r < 0 ? error_errno(err, -r, "cannot write to '%s'", path) : 0;
}

static int watch(struct device *device, struct error *err)
{
	const struct server_target target = {
		.context = device,
		.set = answer_set,
		.get = answer_get,
	};
	int r = loop_add(device->loop, device->signals, EPOLLIN, on_signal, device);

	if (r == 0)
		r = loop_add(device->loop, device->follow.events, EPOLLIN, on_network, device);
	if (r == 0 && device->socket.watch >= 0)
		r = loop_add(device->loop, device->socket.watch, EPOLLIN, on_socket_file, device);
	if (r == 0)
		r = server_new(device->loop, device->socket.fd, &target, &device->server);
	return r < 0 ? error_errno(err, -r, "cannot watch the device") : 0;
}

static int prepare(struct device *device, struct error *err)
{
	int r = open_signals(device, err);

	device->loop = loop_new();
	if (r == 0 && !device->loop)
		r = error_set(err, ENOMEM, "out of memory");
	if (r == 0)
		r = make_link(device, err);
	if (r == 0)
		r = make_socket(device, err);
	if (r == 0)
		r = tell_name(device, err);
	if (r == 0)
		privilege_choose_ids(&device->engine.sandbox);
	if (r == 0)
		r = privilege_drop(err);
	return r;
}

static int start(struct device *device, struct error *err)
{
	int r = prepare(device, err);

	device->engine.tun = device->tun;
	device->engine.mtu = MTU_DEFAULT;
	if (r == 0)
		r = start_plane(device, err);
	if (r == 0)
		r = watch(device, err);
	return r == 0 ? obey_link(device) : r;
}

static void handle_deadlines(struct device *device)
{
	struct instant now = clock_now();

	if (instant_is_due(device->look_at, now))
		device->look_at = engine_look(&device->engine, now);
	if (instant_is_due(device->check_at, now))
		check_sources(device);
	if (!engine_is_alive(&device->engine) && !device->has_ended &&
	    instant_is_due(device->engine.takeover.due, now))
		replace_plane(device);
}

static struct instant next_deadline(const struct device *device)
{
	struct instant next = instant_first(device->look_at, device->check_at);

	return engine_is_alive(&device->engine) ? next
						: instant_first(next, device->engine.takeover.due);
}

static int turn_until_ended(struct device *device, struct error *err)
{
	while (!device->has_ended) {
		int r = loop_turn(device->loop, next_deadline(device));

		if (r < 0)
			return error_errno(err, -r, "cannot wait for events");
		handle_deadlines(device);
	}
	return 0;
}

static void device_done(struct device *device)
{
	server_free(device->server);
	socket_file_remove(&device->socket);
	engine_done(&device->engine);
	follow_done(&device->follow);
	loop_free(device->loop);
	if (device->signals >= 0)
		(void)close(device->signals);
	if (device->tun >= 0)
		(void)close(device->tun);
}

int device_run(const struct device_options *options, int *ret_status, struct error *err)
{
	struct device device = {
		.options = options,
		.tun = -1,
		.socket = SOCKET_FILE_NONE,
		.follow = FOLLOW_NONE,
		.engine = ENGINE_NONE,
		.signals = -1,
	};
	const int given[] = {options->tun, options->uapi};
	int channel = -1;
	int r = 0;

	if (!options->is_foreground)
		r = daemon_fork(given, 2, &channel, ret_status, err);
	if (r != 0)
		return r < 0 ? r : 0;
	r = start(&device, err);
	if (r == 0 && channel >= 0)
		daemon_ready(channel, options->has_output);
	if (r == 0)
		r = turn_until_ended(&device, err);
	device_done(&device);
	if (r == 0)
		*ret_status = 0;
	return r;
}
