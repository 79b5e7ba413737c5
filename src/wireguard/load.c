#include "wireguard/load.h"

#include "wireguard/constants.h"

static const uint64_t message_ns = NS_PER_S / LOAD_DRAIN_PER_S;

bool load_is_high(const struct load *load, struct instant now)
{
	return instant_is_set(load->until) && !instant_is_due(load->until, now);
}

void load_count(struct load *load, struct instant now)
{
	uint64_t leaked = instant_since(now, load->counted);

	load->level_ns = load->level_ns > leaked ? load->level_ns - leaked : 0;
	load->counted = now;
	if (load->level_ns <= LOAD_MAX * message_ns)
		load->level_ns += message_ns;
	if (load->level_ns > LOAD_MAX * message_ns)
		load->until = instant_add(now, WG_UNDER_LOAD_TIME);
}
