#include "dataplane/batch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Mapped rather than allocated: pages come as they are first written, and the
 * buffer of a quiet tunnel stays small.
 */
int batch_init(struct batch *batch)
{
	void *buffer =
		mmap(NULL, BATCH_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buffer == MAP_FAILED)
		return -ENOMEM;
	batch->buffer = buffer;
	batch_clear(batch);
	return 0;
}

void batch_done(struct batch *batch)
{
	if (batch->buffer)
		(void)munmap(batch->buffer, BATCH_SIZE);
	batch->buffer = NULL;
}

uint8_t *batch_reserve(struct batch *batch, size_t len)
{
	if (batch->n_runs > BATCH_RUNS_MAX - BATCH_FRAME_RUNS_MAX || len > BATCH_SIZE - batch->used)
		return NULL;
	return batch->buffer + batch->used;
}

static bool is_same_route(const struct batch_route *a, const struct batch_route *b)
{
	return a->tos == b->tos && a->ifindex == b->ifindex && endpoint_equal(&a->to, &b->to) &&
	       endpoint_equal(&a->source, &b->source);
}

static bool takes(const struct batch *batch, const struct batch_run *run,
		  const struct batch_route *route, size_t len)
{
	return !run->is_closed && len <= run->segment && run->n_datagrams < batch->run_limit &&
	       run->len + len <= BATCH_RUN_LEN_MAX && is_same_route(&run->route, route);
}

void batch_commit(struct batch *batch, const struct batch_route *route, size_t len)
{
	struct batch_run *run = batch->n_runs > 0 ? &batch->run[batch->n_runs - 1] : NULL;

	if (run && takes(batch, run, route, len)) {
		run->len += (uint32_t)len;
		run->n_datagrams++;
		run->is_closed = len < run->segment;
	} else {
		batch->run[batch->n_runs++] = (struct batch_run){
			.route = *route,
			.offset = (uint32_t)batch->used,
			.len = (uint32_t)len,
			.segment = (uint16_t)len,
			.n_datagrams = 1,
		};
	}
	batch->used += len;
}

void batch_balance(struct batch *batch, unsigned int n, size_t len)
{
	size_t a_run = len > 0 ? BATCH_RUN_LEN_MAX / len : 0;
	size_t n_runs;

	if (a_run > BATCH_RUN_DATAGRAMS_MAX)
		a_run = BATCH_RUN_DATAGRAMS_MAX;
	batch->run_limit = BATCH_RUN_DATAGRAMS_MAX;
	if (a_run == 0 || n <= a_run) /* also what earlier frames began */
		return;
	n_runs = (n + a_run - 1) / a_run;
	batch->run_limit = (unsigned int)((n + n_runs - 1) / n_runs);
}

bool batch_is_full(const struct batch *batch)
{
	return batch->used >= BATCH_FULL_LEN ||
	       batch->n_runs > BATCH_RUNS_MAX - BATCH_FRAME_RUNS_MAX;
}

void batch_clear(struct batch *batch)
{
	batch->used = 0;
	batch->n_runs = 0;
	batch->run_limit = BATCH_RUN_DATAGRAMS_MAX;
}
