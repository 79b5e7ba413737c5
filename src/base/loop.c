#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

struct source {
	int fd;	     /* -1: free */
	uint64_t id; /* of this addition: an event for an earlier one is stale */
	loop_handler handler;
	void *context;
};

struct loop {
	int epoll;
	uint64_t last_id;
	struct source source[LOOP_SOURCES_MAX];
};

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		free(loop);
		return NULL;
	}
	for (size_t i = 0; i < LOOP_SOURCES_MAX; i++)
		loop->source[i].fd = -1;
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	(void)close(loop->epoll);
	free(loop);
}

static struct source *find(struct loop *loop, int fd)
{
	for (size_t i = 0; i < LOOP_SOURCES_MAX; i++)
		if (loop->source[i].fd == fd)
			return &loop->source[i];
	return NULL;
}

static struct source *find_id(struct loop *loop, uint64_t id)
{
	for (size_t i = 0; i < LOOP_SOURCES_MAX; i++)
		if (loop->source[i].fd >= 0 && loop->source[i].id == id)
			return &loop->source[i];
	return NULL;
}

int loop_add(struct loop *loop, int fd, uint32_t events, loop_handler handler, void *context)
{
	struct epoll_event event = {.events = events, .data.u64 = loop->last_id + 1};
	struct source *source;

	if (fd < 0)
		return -EBADF;
	if (find(loop, fd))
		return -EEXIST;
	source = find(loop, -1);
	if (!source)
		return -ENOSPC;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	loop->last_id++;
	*source = (struct source){
		.fd = fd,
		.id = loop->last_id,
		.handler = handler,
		.context = context,
	};
	return 0;
}

void loop_remove(struct loop *loop, int fd)
{
	struct source *source = fd < 0 ? NULL : find(loop, fd);

	if (!source)
		return;
	(void)epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL);
	source->fd = -1;
}

int loop_turn(struct loop *loop, struct instant deadline)
{
	struct epoll_event event[16];
	int n = epoll_wait(loop->epoll, event, 16, instant_poll_ms(deadline, clock_now()));

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		/* looked up anew: an earlier handler may have removed it, and
		 * added another under the same number
		 */
		struct source *source = find_id(loop, event[i].data.u64);
		int r;

		if (!source)
			continue;
		r = source->handler(source->context, source->fd, event[i].events);
		if (r < 0)
			return r;
	}
	return 0;
}
