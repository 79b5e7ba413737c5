/* The pump's TCP connections, from accept4(2) to their end. */
#ifndef ADIT_RELAY_CONNECTIONS_H
#define ADIT_RELAY_CONNECTIONS_H

#include "base/address.h"
#include "relay/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters;
struct limits;

struct accepted {
	int fd;
	uint32_t slot;	      /* whose counters */
	uint16_t inside_port; /* host byte order */
	bool has_proxy_header;
	union endpoint client;
	union endpoint server; /* what the client connected to */
};

struct connections;

/* counters: borrowed, one for each slot.  NULL: out of memory. */
struct connections *connections_new(const struct limits *limits, int epoll,
				    struct counters *counters);
void connections_free(struct connections *connections); /* accepts NULL; resets them all */

bool connections_has_room(const struct connections *connections);
/* Takes the descriptor over; there is room. */
void connections_add(struct connections *connections, const struct accepted *accepted);
/* Asks the connector for what is waiting; true: not all could be asked. */
bool connections_ask(struct connections *connections, int connector);
/* There is another connector: what the last one has not answered waits again. */
void connections_ask_again(struct connections *connections);
/* Its answer: a descriptor, taken over, or an errno. */
void connections_answer(struct connections *connections, uint32_t id, int error, int fd);

/* A socket's edges: FLOW_STREAM. */
void connections_note(struct connections *connections, uint32_t id, enum stream_side side,
		      uint32_t events);
/* Moves what can be moved, each in its turn; true: there is more. */
bool connections_move(struct connections *connections);
void connections_end_slot(struct connections *connections, uint32_t slot);

#endif
