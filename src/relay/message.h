/* What the relay's processes say to each other: fixed structs over two
 * SOCK_SEQPACKET pairs, descriptors beside them.  All are the same program, so
 * the structs need no wire format.
 *
 * What comes from the pump or from the connector is a stranger's once that
 * process has been broken into: it goes through the readers here.
 */
#ifndef ADIT_RELAY_MESSAGE_H
#define ADIT_RELAY_MESSAGE_H

#include "base/address.h"
#include "base/fd.h"
#include "relay/forward.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- pump to connector ---- */

/* One connection that is wanted inside; a message has 1 to CONNECT_BATCH_MAX. */
struct connect_request {
	uint32_t id;
	uint16_t port; /* host byte order */
	uint8_t protocol;
	uint8_t attempt; /* UDP, where nobody refuses at once: which address to begin with */
};

enum { CONNECT_BATCH_MAX = 64 };

/* How many; -EBADMSG. */
int message_count_requests(size_t len);

/* ---- connector to pump ---- */

/* A message has 1 to CONNECT_RESULTS_MAX, and a descriptor for each without error. */
struct connect_result {
	uint32_t id;
	int32_t error; /* positive errno; 0: connected */
};

enum { CONNECT_RESULTS_MAX = FD_PASS_MAX };

/* How many; -EBADMSG. */
int message_count_results(const struct connect_result *results, size_t len, size_t n_fds);

/* ---- supervisor to pump ---- */

enum control_kind {
	CONTROL_LISTEN,	   /* fd: a listening socket, or UDP */
	CONTROL_CLOSE,	   /* that listener; its flows stay */
	CONTROL_END,	   /* flows of that slot are reset */
	CONTROL_SOURCES,   /* which clients a link has */
	CONTROL_CONNECTOR, /* fd: the channel to a fresh one */
	CONTROL_CLIENT,	   /* fd, unless error: a socket for that UDP client */
};

enum { CONTROL_SOURCES_MAX = 256 };

struct control_head {
	enum control_kind kind;
	uint32_t listener;
	uint32_t slot; /* a forward's place among the counters */
	uint32_t link; /* whose sources */
	uint32_t client;
	int32_t error;
	uint16_t inside_port; /* host byte order */
	uint8_t protocol;
	uint8_t has_proxy_header;
	uint32_t n_sources; /* CONTROL_SOURCES: so many follow */
};

struct control {
	struct control_head head;
	struct prefix source[CONTROL_SOURCES_MAX];
};

size_t message_control_len(const struct control *control);
/* The whole message is there, and no source has more bits than its family. */
bool message_is_control(const struct control *control, size_t len);

/* ---- pump to supervisor ---- */

/* A UDP client has come: a socket is wanted that can only send to it. */
struct client_request {
	uint32_t client; /* the pump's number for it */
	uint32_t listener;
	union endpoint from;
};

/* A unicast address and a port of that family. */
bool message_is_client_request(const struct client_request *request, size_t len, int family);

#endif
