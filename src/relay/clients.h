/* The pump's UDP clients: for each a socket outside that is connected to it, and
 * one inside.
 */
#ifndef ADIT_RELAY_CLIENTS_H
#define ADIT_RELAY_CLIENTS_H

#include "base/address.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counters;

#define CLIENTS_IDLE_NS	      (120 * NS_PER_S)
#define CLIENTS_UNANSWERED_NS (30 * NS_PER_S) /* nothing has ever come from inside */

enum {
	CLIENTS_WAITING_MAX = 8, /* datagrams of one client, until its sockets are there */
	CLIENTS_WAITING_BYTES_MAX = 1024 * 1024, /* of all */
	CLIENTS_DATAGRAM_MAX = 65536,
};

/* Where a datagram came in. */
struct client_place {
	uint32_t listener;
	uint32_t slot;	      /* whose counters */
	uint16_t inside_port; /* host byte order */
};

struct datagram {
	const uint8_t *bytes; /* borrowed for the call */
	size_t len;
};

/* What the clients need of the pump. */
struct clients_options {
	size_t max;
	int epoll;
	int control;		   /* to the supervisor, for sockets outside */
	struct counters *counters; /* borrowed, one for each slot */
	uint32_t seed;		   /* of the hash: strangers choose what is hashed */
};

struct clients;

struct clients *clients_new(const struct clients_options *options); /* NULL: out of memory */
void clients_free(struct clients *clients);			    /* accepts NULL */

/* From somebody who may come.  connector: its channel; -1: there is none now. */
void clients_receive(struct clients *clients, const struct client_place *place,
		     const union endpoint *from, const struct datagram *datagram, int connector);
/* The supervisor's and the connector's answers: a descriptor, taken over, or an errno. */
void clients_outside(struct clients *clients, uint32_t id, int error, int fd);
void clients_inside(struct clients *clients, uint32_t id, int error, int fd);
/* There is another connector: the last one will answer nobody. */
void clients_forget_asked(struct clients *clients);

/* A socket is readable: FLOW_CLIENT. */
void clients_note(struct clients *clients, uint32_t id, unsigned int side, int connector);
void clients_end_slot(struct clients *clients, uint32_t slot);

/* The clock of everything above, once a turn. */
void clients_set_time(struct clients *clients, struct instant now);
/* Ends those that are idle; when the next one will be: 0: none. */
struct instant clients_expire(struct clients *clients);

#endif
