#include "dataplane/pool.h"

#include "wireguard/crypto.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>

enum {
	STACK_SIZE = 256 * 1024,
	PROCESSORS_MIN = 4, /* fewer are busy with both ends of what is sent */
};

unsigned int pool_helpers_for(unsigned int n_processors)
{
	unsigned int n = n_processors < PROCESSORS_MIN ? 0 : n_processors - 2;

	return n < POOL_HELPERS_MAX ? n : POOL_HELPERS_MAX;
}

/* ---- lines; static functions have the lock, and give it up around the work ---- */

static void finish_ready(struct line *line, struct crypto *crypto)
{
	struct pool *pool = line->pool;

	if (line->is_finishing)
		return; /* whoever is will come to it */
	line->is_finishing = true;
	for (;;) {
		unsigned int slot = (unsigned int)(line->n_finished % line->n_slots);

		if (!line->is_ready[slot])
			break;
		(void)pthread_mutex_unlock(&pool->lock);
		line->finish(line->context, slot, crypto);
		(void)pthread_mutex_lock(&pool->lock);
		line->is_ready[slot] = false;
		line->n_finished++;
		(void)pthread_cond_signal(&line->progress);
	}
	line->is_finishing = false;
}

static bool has_work(const struct line *line)
{
	return line->n_taken < line->n_filled;
}

static void work_on_next(struct line *line, struct crypto *crypto)
{
	struct pool *pool = line->pool;
	unsigned int slot = (unsigned int)(line->n_taken++ % line->n_slots);

	(void)pthread_mutex_unlock(&pool->lock);
	line->work(line->context, slot, crypto);
	(void)pthread_mutex_lock(&pool->lock);
	line->is_ready[slot] = true;
	finish_ready(line, crypto);
}

/* Works until so many are finished. */
static void help_until(struct line *line, uint64_t n_finished)
{
	while (line->n_finished < n_finished) {
		if (has_work(line))
			work_on_next(line, line->crypto);
		else
			(void)pthread_cond_wait(&line->progress, &line->pool->lock);
	}
}

unsigned int line_next(struct line *line)
{
	struct pool *pool = line->pool;
	unsigned int slot;

	if (pool->n_helpers == 0)
		return 0;
	(void)pthread_mutex_lock(&pool->lock);
	if (line->n_filled >= line->n_slots)
		help_until(line, line->n_filled - line->n_slots + 1);
	slot = (unsigned int)(line->n_filled % line->n_slots);
	(void)pthread_mutex_unlock(&pool->lock);
	return slot;
}

void line_submit(struct line *line)
{
	struct pool *pool = line->pool;

	if (pool->n_helpers == 0) {
		line->work(line->context, 0, line->crypto);
		line->finish(line->context, 0, line->crypto);
		return;
	}
	(void)pthread_mutex_lock(&pool->lock);
	line->n_filled++;
	if (line->n_filled - line->n_taken > 1 && pool->n_sleeping > 0)
		(void)pthread_cond_signal(&pool->filled);
	(void)pthread_mutex_unlock(&pool->lock);
}

uint64_t line_submitted(const struct line *line)
{
	return line->n_filled; /* only the owner, which asks, changes it */
}

void line_wait(struct line *line, uint64_t n)
{
	struct pool *pool = line->pool;

	if (pool->n_helpers == 0)
		return;
	(void)pthread_mutex_lock(&pool->lock);
	help_until(line, n);
	(void)pthread_mutex_unlock(&pool->lock);
}

void line_drain(struct line *line)
{
	line_wait(line, line_submitted(line));
}

/* ---- helpers ---- */

/* NULL: there is nothing to do. */
static struct line *find_work(struct pool *pool)
{
	for (unsigned int i = 0; i < POOL_LINES; i++)
		if (has_work(&pool->line[i]))
			return &pool->line[i];
	return NULL;
}

static void fall_asleep(struct pool *pool, struct crypto *crypto)
{
	crypto_forget_packets(crypto);
	pool->n_sleeping++;
	(void)pthread_cond_wait(&pool->filled, &pool->lock);
	pool->n_sleeping--;
}

static void *run(void *context)
{
	struct helper *helper = context;
	struct pool *pool = helper->pool;

	(void)prctl(PR_SET_NAME, "adit-helper", 0, 0, 0);
	(void)sem_post(&pool->started);
	(void)pthread_mutex_lock(&pool->lock);
	while (!pool->is_stopping) {
		struct line *line = find_work(pool);

		if (line)
			work_on_next(line, helper->crypto);
		else
			fall_asleep(pool, helper->crypto);
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static int start_helper(struct pool *pool, struct helper *helper)
{
	pthread_attr_t attributes;
	int r;

	helper->pool = pool;
	helper->crypto = crypto_new();
	if (!helper->crypto)
		return -ENOMEM;
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	r = pthread_create(&helper->thread, &attributes, run, helper);
	(void)pthread_attr_destroy(&attributes);
	if (r != 0)
		crypto_free(helper->crypto);
	return -r;
}

unsigned int pool_start(struct pool *pool, unsigned int n)
{
	unsigned int n_started = 0;

	while (n_started < n && n_started < POOL_HELPERS_MAX &&
	       start_helper(pool, &pool->helper[n_started]) == 0)
		n_started++;
	for (unsigned int i = 0; i < n_started; i++)
		while (sem_wait(&pool->started) < 0 && errno == EINTR)
			continue;
	for (unsigned int i = 0; n_started > 0 && i < POOL_LINES; i++)
		pool->line[i].n_slots = LINE_SLOTS_MAX;
	pool->n_helpers = n_started;
	return n_started;
}

/* ---- life ---- */

void pool_init(struct pool *pool)
{
	memset(pool, 0, sizeof(*pool));
	(void)pthread_mutex_init(&pool->lock, NULL);
	(void)pthread_cond_init(&pool->filled, NULL);
	(void)sem_init(&pool->started, 0, 0);
	for (unsigned int i = 0; i < POOL_LINES; i++) {
		pool->line[i].pool = pool;
		pool->line[i].n_slots = 1;
		(void)pthread_cond_init(&pool->line[i].progress, NULL);
	}
}

void pool_done(struct pool *pool)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->is_stopping = true;
	(void)pthread_cond_broadcast(&pool->filled);
	(void)pthread_mutex_unlock(&pool->lock);
	for (unsigned int i = 0; i < pool->n_helpers; i++) {
		(void)pthread_join(pool->helper[i].thread, NULL);
		crypto_free(pool->helper[i].crypto);
	}
	for (unsigned int i = 0; i < POOL_LINES; i++)
		(void)pthread_cond_destroy(&pool->line[i].progress);
	(void)sem_destroy(&pool->started);
	(void)pthread_cond_destroy(&pool->filled);
	(void)pthread_mutex_destroy(&pool->lock);
}
