#include "supervise/counters.h"

#include "apply/observe.h"
#include "base/cleanup.h"
#include "net/nftables.h"
#include "net/nlsock.h"
#include "supervise/inside.h"

#include <errno.h>
#include <sys/mman.h>

DEFINE_AUTO(nlsock, nlsock_close);

/* Shared with the child.  The texts are static, so the same in both. */
struct shared {
	struct observed_counter counter[OBSERVE_COUNTERS_MAX];
	int n_counters;
	const char *device;
};

/* In the child, inside. */
static int ask(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	AUTO(nlsock) struct nlsock *nftables = NULL;
	struct shared *shared = context;
	int r = nftables_open(&nftables, err);

	(void)ret_fds;
	(void)ret_n_fds;
	if (r == 0)
		r = observe_counters(nftables, shared->device, shared->counter, err);
	if (r < 0)
		return r;
	shared->n_counters = r;
	return 0;
}

static json_t *to_json(const struct shared *shared)
{
	json_t *list = json_array();

	for (int i = 0; i < shared->n_counters; i++) {
		const struct observed_counter *counter = &shared->counter[i];

		(void)json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I}", "name", counter->name, "meaning",
					counter->meaning, "packets", (json_int_t)counter->packets,
					"bytes", (json_int_t)counter->bytes));
	}
	return list;
}

json_t *counters_json(const struct inside *inside, const char *device)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	json_t *list;

	if (shared == MAP_FAILED)
		return json_array();
	shared->device = device;
	(void)inside_call(inside, ask, shared, NULL, NULL, NULL);
	list = to_json(shared);
	(void)munmap(shared, sizeof(*shared));
	return list;
}
