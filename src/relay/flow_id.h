/* Numbers by which the pump, the connector and the kernel's events name a flow:
 * a place in a table, and how often it has been taken, so that what comes late
 * for an earlier flow does not reach its successor.
 */
#ifndef ADIT_RELAY_FLOW_ID_H
#define ADIT_RELAY_FLOW_ID_H

#include <stdbool.h>
#include <stdint.h>

enum { FLOW_PLACES_MAX = 1 << 16, FLOW_GENERATIONS = 1 << 15 };

/* generation: counts up; wraps. */
static inline uint32_t flow_id(bool is_udp, uint32_t generation, uint32_t place)
{
	return (is_udp ? UINT32_C(1) << 31 : 0) | (generation % FLOW_GENERATIONS) << 16 | place;
}

static inline bool flow_is_udp(uint32_t id)
{
	return id >> 31;
}

static inline uint32_t flow_place(uint32_t id)
{
	return id & (FLOW_PLACES_MAX - 1);
}

/* What an epoll event of the pump's is about. */
enum flow_event {
	FLOW_CONTROL,
	FLOW_CONNECTOR,
	FLOW_ACCEPT,
	FLOW_LISTENER, /* UDP; id: its place */
	FLOW_STREAM,
	FLOW_CLIENT,
};

static inline uint64_t flow_event_key(enum flow_event kind, unsigned int side, uint32_t id)
{
	return (uint64_t)kind << 56 | (uint64_t)side << 48 | id;
}

static inline enum flow_event flow_event_kind(uint64_t key)
{
	return (enum flow_event)(key >> 56);
}

static inline unsigned int flow_event_side(uint64_t key)
{
	return (unsigned int)(key >> 48) & 1;
}

static inline uint32_t flow_event_id(uint64_t key)
{
	return (uint32_t)key;
}

#endif
