#include "wireguard/stage.h"

#include "base/bytes.h"
#include "wireguard/constants.h"
#include "wireguard/device.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
	LEN_LEN = 4, /* a slot begins with its packet's length */
	SLOT_SIZE_MIN = 256,
	PACKET_LEN_MAX = WG_DATAGRAM_MAX - WG_OVERHEAD_LEN - (WG_PADDING - 1),
};
static_assert((WG_STAGED_MAX & (WG_STAGED_MAX - 1)) == 0, "slot numbers wrap by masking");
static_assert(WG_STAGED_MAX <= UINT8_MAX, "struct stage counts in bytes");

static uint8_t *slot_at(const struct stage *stage, unsigned int age)
{
	return stage->slots + (size_t)stage->slot_size * ((stage->first + age) % WG_STAGED_MAX);
}

static uint32_t fitting_slot_size(size_t len)
{
	uint32_t size = SLOT_SIZE_MIN;

	while (size < len + LEN_LEN)
		size *= 2;
	return size;
}

/* Moves what waits into slots that hold `len`.  False: out of memory. */
static bool grow(struct stage *stage, size_t len)
{
	struct stage larger = {.slot_size = fitting_slot_size(len), .n = stage->n};

	larger.slots = malloc((size_t)larger.slot_size * WG_STAGED_MAX);
	if (!larger.slots)
		return false;
	for (unsigned int i = 0; i < stage->n; i++) {
		const uint8_t *from = slot_at(stage, i);

		memcpy(slot_at(&larger, i), from, LEN_LEN + le32_load(from));
	}
	free(stage->slots);
	*stage = larger;
	return true;
}

unsigned int stage_push(struct stage *stage, const uint8_t *packet, size_t len)
{
	unsigned int n_lost = 0;
	uint8_t *slot;

	if (len == 0 || len > PACKET_LEN_MAX)
		return 1;
	if (len + LEN_LEN > stage->slot_size && !grow(stage, len))
		return 1;
	if (stage->n == WG_STAGED_MAX) {
		stage->first = (uint8_t)((stage->first + 1) % WG_STAGED_MAX);
		stage->n--;
		n_lost = 1;
	}
	slot = slot_at(stage, stage->n);
	le32_store(slot, (uint32_t)len);
	memcpy(slot + LEN_LEN, packet, len);
	stage->n++;
	return n_lost;
}

const uint8_t *stage_peek(const struct stage *stage, size_t *ret_len)
{
	const uint8_t *slot;

	if (stage->n == 0)
		return NULL;
	slot = slot_at(stage, 0);
	*ret_len = le32_load(slot);
	return slot + LEN_LEN;
}

void stage_pop(struct stage *stage)
{
	if (stage->n == 0)
		return;
	stage->first = (uint8_t)((stage->first + 1) % WG_STAGED_MAX);
	stage->n--;
	if (stage->n == 0)
		(void)stage_clear(stage);
}

unsigned int stage_clear(struct stage *stage)
{
	unsigned int n = stage->n;

	free(stage->slots);
	*stage = (struct stage){0};
	return n;
}
