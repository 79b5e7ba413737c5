#include "relay/pipe_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void pipe_pool_discard(struct pipe_pool *pool, const struct pipe *pipe)
{
	(void)close(pipe->in);
	(void)close(pipe->out);
	pool->n_pipes--;
	if (pipe->is_large)
		pool->n_large--;
}

void pipe_pool_done(struct pipe_pool *pool)
{
	while (pool->n_idle > 0)
		pipe_pool_discard(pool, &pool->idle[--pool->n_idle]);
}

/* syscalls: pipe2 fcntl(F_SETPIPE_SZ) */
int pipe_pool_take(struct pipe_pool *pool, struct pipe *ret)
{
	int fd[2];

	if (pool->n_idle > 0) {
		*ret = pool->idle[--pool->n_idle];
		return 0;
	}
	if (pool->n_pipes == pool->max)
		return -EMFILE;
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pool->n_pipes++;
	*ret = (struct pipe){.in = fd[1], .out = fd[0]};
	/* an ordinary user's pages may all be taken: then it is as large as it is */
	if (pool->n_large < PIPE_POOL_LARGE_MAX &&
	    fcntl(fd[1], F_SETPIPE_SZ, PIPE_POOL_LARGE_LEN) >= 0) {
		ret->is_large = true;
		pool->n_large++;
	}
	return 0;
}

void pipe_pool_put(struct pipe_pool *pool, const struct pipe *pipe)
{
	if (pool->n_idle == PIPE_POOL_IDLE_MAX)
		pipe_pool_discard(pool, pipe);
	else
		pool->idle[pool->n_idle++] = *pipe;
}
