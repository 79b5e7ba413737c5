#include "sides.h"

#include "cmocka_all.h"

#include "base/error.h"
#include "base/fd.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Two key pairs, made with wg genkey and of no use elsewhere. */
const char *const sides_private_keys[] = {
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbe3f",
	"909af24fbe773837bda3b5cb208e0b40260bd4be2dd0d56cd3e908db0074f24e",
};
const char *const sides_public_keys[] = {
	"605a725d2a4adfeeb1a29e17edd621c1b7593ee8cdbc44ac6c4ab6e2f805d23c",
	"75b0deac3bd7b6a33d9b10ba66b4d33c27ed395909f0a248bf269016fca33203",
};

const struct sides_mode sides_by_turns = {.n_processors = 0};
const struct sides_mode sides_by_two_threads = {.n_processors = 2};
const struct sides_mode sides_with_helpers = {.n_processors = 5};
const struct sides_mode sides_as_successor = {.is_successor = true};
const struct sides_mode sides_as_successor_that_is_down = {.is_successor = true, .is_down = true};

const struct sides_mode *sides_mode;
struct side sides[2];
int sides_other_ends[2][2];
uint8_t side_frame[SPLIT_FRAME_MAX];
char side_reply[8192];

static int make_pair(int type, int *ret_ours, int *ret_theirs)
{
	const int size = 1 << 20;
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

static int start_side(struct side *side, int *ends)
{
	struct worker_options options = {
		.mtu = 1420,
		.is_successor = sides_mode->is_successor && side == &sides[0],
		.is_down = sides_mode->is_down && side == &sides[0],
	};
	struct error err;

	if (make_pair(SOCK_SEQPACKET, &side->tun, &ends[0]) < 0 ||
	    make_pair(SOCK_STREAM, &side->uapi, &ends[1]) < 0 ||
	    udp_open(0, 0, &options.sockets, &err) < 0)
		return -1;
	side->events = eventfd(0, EFD_NONBLOCK);
	side->port = udp_port(&options.sockets);
	options.tun = (struct tun){.fd = ends[0], .has_uso = true};
	options.uapi = ends[1];
	options.events = side->events;
	side->watched[0] = (struct pollfd){.fd = ends[0], .events = POLLIN};
	side->watched[1] = (struct pollfd){.fd = ends[1], .events = POLLIN};
	side->watched[2] = (struct pollfd){.fd = options.sockets.fd[0], .events = POLLIN};
	side->watched[3] = (struct pollfd){.fd = options.sockets.fd[1], .events = POLLIN};
	return worker_new(&options, &side->worker, &err);
}

/* The result is that of the last turn. */
static void *turn(void *worker)
{
	int r = 0;

	while (r >= 0)
		r = worker_turn(worker);
	return (void *)(intptr_t)r;
}

static int start_thread(struct side *side)
{
	if (worker_start(side->worker, sides_mode->n_processors) < 0 ||
	    pthread_create(&side->thread, NULL, turn, side->worker) != 0)
		return -1;
	side->has_thread = true;
	return 0;
}

int sides_start(void **state)
{
	sides_mode = *state;
	for (int i = 0; i < 2; i++) {
		if (start_side(&sides[i], sides_other_ends[i]) < 0)
			return -1;
		if (sides_mode->n_processors > 0 && start_thread(&sides[i]) < 0)
			return -1;
	}
	return 0;
}

/* What the loop ends with. */
int side_end_of_loop(struct side *side)
{
	void *result;

	if (!side->has_thread)
		return worker_turn(side->worker);
	(void)pthread_join(side->thread, &result);
	side->has_thread = false;
	return (int)(intptr_t)result;
}

void side_close_one(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int sides_end(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		side_close_one(&sides[i].uapi);
		if (sides[i].has_thread)
			(void)side_end_of_loop(&sides[i]);
		worker_free(sides[i].worker);
		side_close_one(&sides[i].tun);
		side_close_one(&sides[i].events);
		side_close_one(&sides_other_ends[i][0]);
		side_close_one(&sides_other_ends[i][1]);
	}
	worker_free(NULL);
	return 0;
}

/* Turns both workers as long as there is something to do.  Those with threads do it
 * in their own time.
 */
void sides_run(void)
{
	bool is_busy = sides_mode->n_processors == 0;

	while (is_busy) {
		is_busy = false;
		for (int i = 0; i < 2; i++) {
			if (poll(sides[i].watched, 4, 0) <= 0)
				continue;
			assert_int_equal(worker_turn(sides[i].worker), 0);
			is_busy = true;
		}
	}
}

/* Whether something can be read there; workers with threads take their time. */
static bool is_readable(int fd, int patience_ms)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, sides_mode->n_processors == 0 ? 0 : patience_ms) > 0;
}

/* What the supervisor gets for `text`, with descriptors beside it. */
const char *side_ask_with(struct side *side, const char *text, const int *fds, size_t n_fds)
{
	ssize_t n;

	assert_int_equal(fd_send(side->uapi, text, strlen(text), fds, n_fds), 0);
	sides_run();
	assert_true(is_readable(side->uapi, SIDES_LONG_MS));
	n = read(side->uapi, side_reply, sizeof(side_reply) - 1);
	assert_true(n > 0);
	side_reply[n] = '\0';
	return side_reply;
}

const char *side_ask(struct side *side, const char *text)
{
	return side_ask_with(side, text, NULL, 0);
}

/* What another thread counts comes in its own time. */
void side_await_stats(struct side *side, const char *line)
{
	for (int i = 0; i < SIDES_LONG_MS && !strstr(side_ask(side, "adit_stats=1\n\n"), line); i++)
		(void)poll(NULL, 0, 1);
	assert_non_null(strstr(side_reply, line));
}

void side_configure(int i, const char *allowed_ip, const char *more)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "set=1\nprivate_key=%s\npublic_key=%s\nallowed_ip=%s\n"
		       "endpoint=127.0.0.1:%u\n%s\n",
		       sides_private_keys[i], sides_public_keys[1 - i], allowed_ip,
		       sides[1 - i].port, more);
	assert_string_equal(side_ask(&sides[i], text), "errno=0\n\n");
}

/* The made packets go from 10.0.0.1 to 10.0.0.2. */
void sides_connect(void)
{
	side_configure(1, "10.0.0.1/32\nallowed_ip=fd00::1/128", "");
	side_configure(0, "10.0.0.2/32\nallowed_ip=fd00::2/128", "adit_handshake=true\n");
	sides_run();
	for (int i = 0; i < 2; i++)
		while (strstr(side_ask(&sides[i], "adit_stats=1\n\n"),
			      "last_handshake_time_sec=0\n"))
			(void)poll(NULL, 0, 1);
}

void side_put_frame(struct side *side, const struct virtio_net_hdr *header, const void *bytes,
		    size_t len)
{
	struct iovec iov[] = {{(void *)(uintptr_t)header, sizeof(*header)},
			      {(void *)(uintptr_t)bytes, len}};

	assert_int_equal(writev(side->tun, iov, 2), sizeof(*header) + len);
	sides_run();
}

/* The length of the frame for the program, or -1; bytes in `side_frame`. */
ssize_t side_get_frame_within(struct side *side, struct virtio_net_hdr *ret, int patience_ms)
{
	struct iovec iov[] = {{ret, sizeof(*ret)}, {side_frame, sizeof(side_frame)}};
	ssize_t n = is_readable(side->tun, patience_ms) ? readv(side->tun, iov, 2) : -1;

	return n < 0 ? -1 : n - (ssize_t)sizeof(*ret);
}

ssize_t side_get_frame(struct side *side, struct virtio_net_hdr *ret)
{
	return side_get_frame_within(side, ret, SIDES_LONG_MS);
}

void side_expect_no_frame(struct side *side)
{
	struct virtio_net_hdr header;

	assert_int_equal(side_get_frame_within(side, &header, SIDES_SHORT_MS), -1);
}

void side_put_packet(struct side *side, const struct made *made)
{
	static uint8_t packet[MADE_MAX];
	const struct virtio_net_hdr header = {0};

	side_put_frame(side, &header, packet, make_packet(made, packet));
}

bool side_has_event_within(const struct side *side, int patience_ms)
{
	uint64_t count;

	return is_readable(side->events, patience_ms) &&
	       read(side->events, &count, sizeof(count)) == sizeof(count);
}

bool side_has_event(const struct side *side)
{
	return side_has_event_within(side, SIDES_LONG_MS);
}

void side_expect_no_event(const struct side *side)
{
	assert_false(side_has_event_within(side, SIDES_SHORT_MS));
}
