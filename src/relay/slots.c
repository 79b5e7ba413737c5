#include "relay/slots.h"

#include <string.h>

static bool is_same(const struct relay_forward *a, const struct relay_forward *b)
{
	if (a->protocol != b->protocol || a->has_address != b->has_address)
		return false;
	if (a->has_address ? !address_equal(&a->address, &b->address)
			   : strcmp(a->interface, b->interface) != 0)
		return false;
	return a->outside.first == b->outside.first && a->outside.last == b->outside.last &&
	       a->inside.first == b->inside.first && a->inside.last == b->inside.last;
}

static bool is_taken(const bool taken[RELAY_FORWARDS_MAX], uint32_t slot)
{
	return slot < RELAY_FORWARDS_MAX && taken[slot];
}

/* RELAY_FORWARDS_MAX: it had none, or a twin has it. */
static uint32_t find_before(const struct slots *before, const struct relay_forward *forward,
			    const bool taken[RELAY_FORWARDS_MAX])
{
	for (size_t i = 0; i < before->n_forwards; i++)
		if (!is_taken(taken, before->slot[i]) && is_same(&before->forward[i], forward))
			return before->slot[i];
	return RELAY_FORWARDS_MAX;
}

/* The first passes are for those that stay: nobody takes their place. */
void slots_assign(const struct slots *before, const struct relay_forward *forward,
		  size_t n_forwards, struct slots *ret)
{
	bool taken[RELAY_FORWARDS_MAX] = {false};
	struct slots slots = {.n_forwards = n_forwards};
	uint32_t next = 0;

	for (size_t i = 0; i < n_forwards; i++) {
		slots.forward[i] = forward[i];
		slots.slot[i] = find_before(before, &forward[i], taken);
		if (slots.slot[i] < RELAY_FORWARDS_MAX)
			taken[slots.slot[i]] = true;
	}
	for (size_t i = 0; i < n_forwards; i++) {
		if (slots.slot[i] < RELAY_FORWARDS_MAX)
			continue;
		while (is_taken(taken, next))
			next++;
		slots.slot[i] = next;
		taken[next] = true;
	}
	*ret = slots;
}

bool slots_has_both(const struct slots *slots, const struct slots *other, uint32_t slot)
{
	for (size_t i = 0; i < slots->n_forwards; i++)
		for (size_t j = 0; slots->slot[i] == slot && j < other->n_forwards; j++)
			if (other->slot[j] == slot)
				return is_same(&slots->forward[i], &other->forward[j]);
	return false;
}
