/* How it works.  Bytes go from a socket into a pipe and from the pipe into the
 * other socket, as pages, by splice(2).  Nothing is taken from a socket while
 * the other one would not take it, so a slow reader fills its own sender's
 * window and no memory of ours beyond one pipe.  A pipe is filled only when it
 * is empty, so that EAGAIN always speaks of the socket.
 *
 * Slow readers may hold all the pipes there are.  A stream that gets none is
 * copied: it looks at what has come without taking it (MSG_PEEK), sends, and
 * takes what was sent, so that nothing is ever held.
 *
 * The end of one direction is passed on as an end (half-close), a reset as a
 * reset.  A stream has moved enough after TURN_MAX bytes: others wait too.
 */
#include "relay/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURN_MAX = 2 * PIPE_POOL_LARGE_LEN };

enum { FLAGS = SPLICE_F_MOVE | SPLICE_F_NONBLOCK };

void stream_init(struct stream *stream, int outside, int inside)
{
	*stream = (struct stream){.fd = {outside, inside}};
}

/* syscalls: setsockopt(SO_LINGER) close */
void stream_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)close(fd);
}

static bool is_over(const struct stream *stream)
{
	return stream->way[STREAM_OUTSIDE].is_shut && stream->way[STREAM_INSIDE].is_shut;
}

void stream_done(struct stream *stream, struct pipe_pool *pool)
{
	bool is_orderly = is_over(stream) && !stream->is_broken;

	for (int side = 0; side < 2; side++) {
		if (stream->way[side].held > 0)
			pipe_pool_discard(pool, &stream->way[side].pipe);
		if (is_orderly)
			(void)close(stream->fd[side]);
		else
			stream_reset(stream->fd[side]);
		stream->fd[side] = -1;
	}
}

void stream_note(struct stream *stream, enum stream_side side, uint32_t events)
{
	if (events & EPOLLERR)
		stream->is_broken = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		stream->is_readable[side] = true;
	if (events & (EPOLLOUT | EPOLLHUP))
		stream->is_writable[side] = true;
}

/* Into the empty pipe.  Bytes; 0: none, now or ever again; -errno. */
static ssize_t pull(struct stream *stream, enum stream_side from, const struct pipe *pipe)
{
	ssize_t n;

	do
		n = splice(stream->fd[from], NULL, pipe->in, NULL, PIPE_POOL_LARGE_LEN, FLAGS);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		stream->is_readable[from] = false;
		return 0;
	}
	if (n == 0)
		stream->way[from].is_ended = true;
	return n < 0 ? -errno : n;
}

/* syscalls: recvfrom sendto(no address) */
static int copy(struct stream *stream, enum stream_side from, struct pipe_pool *pool,
		uint64_t *moved)
{
	uint8_t *bytes = pool->spare;
	ssize_t n = recv(stream->fd[from], bytes, sizeof(pool->spare), MSG_PEEK | MSG_DONTWAIT);

	if (n == 0)
		stream->way[from].is_ended = true;
	if (n < 0 && errno == EAGAIN)
		stream->is_readable[from] = false;
	if (n <= 0)
		return n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
	n = send(stream->fd[!from], bytes, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno == EAGAIN) {
		stream->is_writable[!from] = false;
		return 0;
	}
	if (n < 0)
		return -errno;
	*moved += (uint64_t)n;
	return recv(stream->fd[from], bytes, (size_t)n, MSG_TRUNC | MSG_DONTWAIT) == n ? 0 : -EIO;
}

static int fill(struct stream *stream, enum stream_side from, struct pipe_pool *pool,
		uint64_t *moved)
{
	struct stream_way *way = &stream->way[from];
	ssize_t n;

	if (pipe_pool_take(pool, &way->pipe) < 0)
		return copy(stream, from, pool, moved);
	n = pull(stream, from, &way->pipe);
	if (n <= 0) {
		pipe_pool_put(pool, &way->pipe);
		return (int)n;
	}
	way->held = (size_t)n;
	return 0;
}

static int drain(struct stream *stream, enum stream_side from, struct pipe_pool *pool,
		 uint64_t *moved)
{
	struct stream_way *way = &stream->way[from];
	ssize_t n = splice(way->pipe.out, NULL, stream->fd[!from], NULL, way->held, FLAGS);

	if (n < 0 && errno == EINTR)
		return 0;
	if (n < 0 && errno == EAGAIN) {
		stream->is_writable[!from] = false;
		return 0;
	}
	if (n <= 0)
		return n < 0 ? -errno : -EPIPE;
	way->held -= (size_t)n;
	*moved += (uint64_t)n;
	if (way->held == 0)
		pipe_pool_put(pool, &way->pipe);
	return 0;
}

/* Whether an edge must come before this way has anything to do. */
static bool waits(const struct stream *stream, enum stream_side from)
{
	const struct stream_way *way = &stream->way[from];

	if (way->held > 0)
		return !stream->is_writable[!from];
	if (way->is_ended)
		return way->is_shut;
	return !stream->is_readable[from] || !stream->is_writable[!from];
}

static int step(struct stream *stream, enum stream_side from, struct pipe_pool *pool,
		uint64_t *moved)
{
	struct stream_way *way = &stream->way[from];

	if (way->held > 0)
		return drain(stream, from, pool, moved);
	if (!way->is_ended)
		return fill(stream, from, pool, moved);
	way->is_shut = true;
	return shutdown(stream->fd[!from], SHUT_WR) < 0 ? -errno : 0;
}

/* syscalls: splice shutdown */
enum stream_verdict stream_move(struct stream *stream, struct pipe_pool *pool, uint64_t moved[2])
{
	bool goes_on = false;

	for (int side = 0; side < 2; side++) {
		enum stream_side from = (enum stream_side)side;
		uint64_t most = moved[from] + TURN_MAX;
		int r = 0;

		while (r == 0 && !stream->is_broken && !waits(stream, from) && moved[from] < most)
			r = step(stream, from, pool, &moved[from]);
		if (r < 0)
			stream->is_broken = true;
		goes_on |= !waits(stream, from);
	}
	if (stream->is_broken)
		return STREAM_BROKEN;
	if (is_over(stream))
		return STREAM_ENDED;
	return goes_on ? STREAM_GOES_ON : STREAM_WAITS;
}
