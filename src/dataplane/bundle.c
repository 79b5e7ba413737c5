#include "dataplane/bundle.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	PADDING_MAX = 15,
	SEAL_MAX = 64, /* packets sealed at once */
	HEADS_SIZE = SEAL_MAX * SPLIT_HEAD_MAX,
	FRAMES_SIZE = BUNDLE_ENOUGH_LEN + BUNDLE_FRAME_SIZE,
	MEMORY_SIZE = FRAMES_SIZE + HEADS_SIZE,
	/* of what packets sealed at once become, however they are cut */
	SEAL_ROOM = SPLIT_FRAME_MAX + HEADS_SIZE + SEAL_MAX * (PADDING_MAX + WG_OVERHEAD_LEN),
	SEALED_MAX = BATCH_SIZE - SEAL_ROOM,
	RUNS_MAX = BATCH_RUNS_MAX - BATCH_FRAME_RUNS_MAX,
};

/* Mapped, so that pages come as they are first written. */
struct bundle *bundle_new(void)
{
	struct bundle *bundle = calloc(1, sizeof(*bundle));
	void *memory;

	if (!bundle)
		return NULL;
	memory =
		mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory != MAP_FAILED)
		bundle->memory = memory;
	if (memory == MAP_FAILED || batch_init(&bundle->batch) < 0) {
		bundle_free(bundle);
		return NULL;
	}
	return bundle;
}

void bundle_free(struct bundle *bundle)
{
	if (!bundle)
		return;
	if (bundle->memory)
		(void)munmap(bundle->memory, MEMORY_SIZE);
	batch_done(&bundle->batch);
	free(bundle);
}

void bundle_clear(struct bundle *bundle, struct instant now)
{
	bundle->n_used = 0;
	bundle->n_frames = 0;
	bundle->n_groups = 0;
	bundle->sealed_max = 0;
	bundle->runs_max = 0;
	bundle->is_oversize = false;
	bundle->now = now;
}

/* ---- filling ---- */

uint8_t *bundle_room(const struct bundle *bundle)
{
	if (bundle->n_frames == BUNDLE_FRAMES_MAX || bundle->n_used >= BUNDLE_ENOUGH_LEN ||
	    bundle->is_oversize)
		return NULL;
	return bundle->memory + bundle->n_used;
}

static void measure(struct bundle *bundle, const struct bundle_frame *frame)
{
	const struct split *split = &frame->split;
	size_t head_len = split->n_packets > 1 ? split->head_len : 0;
	size_t each = head_len + PADDING_MAX + WG_OVERHEAD_LEN;
	size_t sealed = frame->len + split->n_packets * each;

	bundle->sealed_max += sealed;
	/* by number, by length (half a run is lost at the most), and what is left */
	bundle->runs_max +=
		split->n_packets / BATCH_RUN_DATAGRAMS_MAX + 2 * sealed / BATCH_RUN_LEN_MAX + 3;
	bundle->is_oversize = bundle->sealed_max > SEALED_MAX || bundle->runs_max > RUNS_MAX;
}

int bundle_add(struct bundle *bundle, const struct virtio_net_hdr *header, size_t len)
{
	struct bundle_frame *frame = &bundle->frame[bundle->n_frames];
	int r;

	frame->bytes = bundle->memory + bundle->n_used;
	frame->len = len;
	r = split_begin(&frame->split, header, frame->bytes, len);
	if (r < 0)
		return r;
	bundle->n_frames++;
	bundle->n_used += len;
	measure(bundle, frame);
	return 0;
}

void bundle_assign(struct bundle *bundle, struct wg_device *device, unsigned int i,
		   struct wg_seal *seal)
{
	struct bundle_group *last =
		bundle->n_groups > 0 ? &bundle->group[bundle->n_groups - 1] : NULL;

	if (last && last->first + last->n_frames == i && wg_seal_join(device, &last->seal, seal)) {
		last->n_frames++;
		return;
	}
	bundle->group[bundle->n_groups++] =
		(struct bundle_group){.seal = *seal, .first = i, .n_frames = 1};
}

/* ---- sealing ---- */

/* What is sealed at once: the packets of a slice, and whose they are. */
struct slice {
	struct wg_sealing sealing[SEAL_MAX];
	size_t len[SEAL_MAX];
	const struct bundle_frame *frame[SEAL_MAX];
	unsigned int n;
	size_t n_bytes;
};

/* Frames from *frame on, which is moved to the first that is not all in it. */
static void cut_slice(struct bundle *bundle, unsigned int *frame, unsigned int end, size_t mtu,
		      struct slice *slice)
{
	uint8_t *head = bundle->memory + FRAMES_SIZE;
	struct split_parts parts;

	slice->n = 0;
	slice->n_bytes = 0;
	while (slice->n < SEAL_MAX && *frame < end) {
		struct bundle_frame *from = &bundle->frame[*frame];

		if (!split_next_parts(&from->split, head, &parts)) {
			++*frame;
			continue;
		}
		slice->sealing[slice->n] = (struct wg_sealing){
			.head = parts.head,
			.head_len = parts.head_len,
			.body = parts.body,
			.body_len = parts.body_len,
		};
		slice->len[slice->n] = wg_sealed_len(parts.head_len + parts.body_len, mtu);
		slice->n_bytes += slice->len[slice->n];
		slice->frame[slice->n++] = from;
		head += parts.head_len;
	}
}

/* Packets of one frame are spread evenly; lone ones of a size go together as they come. */
static void plan_runs(struct batch *batch, const struct bundle_frame *frame)
{
	const struct split *split = &frame->split;

	batch_balance(batch, split->n_packets > 1 ? split->n_packets : 0,
		      (size_t)split->head_len + split->segment + WG_OVERHEAD_LEN);
}

static void commit_slice(struct bundle *bundle, const struct wg_seal *seal,
			 const struct slice *slice, const struct bundle_frame **planned)
{
	struct batch_route route = {
		.to = seal->to, .source = seal->source, .ifindex = seal->ifindex};

	for (unsigned int i = 0; i < slice->n; i++) {
		const struct bundle_frame *frame = slice->frame[i];

		if (!*planned || frame != *planned)
			plan_runs(&bundle->batch, frame);
		*planned = frame;
		route.tos = wg_outer_tos(frame->bytes, frame->len);
		batch_commit(&bundle->batch, &route, slice->len[i]);
	}
}

static void seal_group(struct bundle *bundle, struct bundle_group *group, size_t mtu,
		       void (*send)(void *context, struct bundle *bundle), void *context)
{
	const unsigned int end = group->first + group->n_frames;
	const struct bundle_frame *planned = NULL;
	unsigned int frame = group->first;
	struct slice slice;

	for (;;) {
		uint8_t *out;

		cut_slice(bundle, &frame, end, mtu, &slice);
		if (slice.n == 0)
			return;
		if (bundle->is_oversize)
			send(context, bundle);
		out = batch_reserve(&bundle->batch, SEAL_ROOM);
		for (unsigned int i = 0; i < slice.n; i++) {
			slice.sealing[i].out = out;
			out += slice.len[i];
		}
		wg_seal_many(&group->seal, slice.sealing, slice.n, mtu);
		commit_slice(bundle, &group->seal, &slice, &planned);
		group->n_sealed += slice.n;
		group->n_bytes += slice.n_bytes;
	}
}

void bundle_seal(struct bundle *bundle, struct crypto *crypto, size_t mtu,
		 void (*send)(void *context, struct bundle *bundle), void *context)
{
	for (unsigned int i = 0; i < bundle->n_groups; i++) {
		bundle->group[i].seal.crypto = crypto;
		seal_group(bundle, &bundle->group[i], mtu, send, context);
	}
}
