/* One data plane after the other for one device, and what they must know.
 *
 * How it works: the engine holds what outlives a data plane: the TUN, the UDP
 * sockets, the port and the mark, and in its journal everything that was set.
 * When a data plane dies, the next one is told all of it before it reads a
 * packet, and begins handshakes with the peers that had a session.  When that
 * is to happen is in supervise/takeover.h.
 *
 * The sockets are there while the link is up, as with the kernel's module: they
 * are opened here, where the privileges are, and shared with the data plane.
 *
 * A set is done in full or not at all: it was read before (syntax.h), the socket
 * for a new port is opened first, and the data plane has then no reason to
 * refuse it.
 */
#ifndef ADIT_DEVICE_ENGINE_H
#define ADIT_DEVICE_ENGINE_H

#include "device/journal.h"
#include "supervise/takeover.h"
#include "tunnel/process.h"
#include "tunnel/tunnel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct nlsock;
struct syntax_set;

enum { ENGINE_WAIT_S = 20 }; /* for an answer: ten thousand new peers take a second */

struct engine {
	int tun;      /* borrowed */
	uint32_t mtu; /* bytes of inner packet */
	bool is_up;   /* the link is */
	struct sandbox_options sandbox;

	struct process process; /* PROCESS_NONE: it is dead */
	struct takeover takeover;
	struct journal journal;
	struct tunnel_stats last; /* as last read: where peers are, and who has a session */
	struct instant last_read;
	size_t n_peers; /* then */

	struct udp_sockets sockets; /* while the link is up */
	uint16_t port;		    /* host byte order; 0: any, and none was open yet */
	bool is_port_asked;	    /* no other will do */
	uint32_t mark;		    /* 0: off */
};

#define ENGINE_NONE                                                                                \
	((struct engine){.tun = -1, .process = PROCESS_NONE, .sockets = {.fd = {-1, -1}}})

/* Starts a data plane, the first or the next, and tells it everything. */
int engine_start(struct engine *engine, struct error *err);
/* It has died: takeover.due says when to start the next. */
void engine_note_death(struct engine *engine);
bool engine_is_alive(const struct engine *engine);
void engine_done(struct engine *engine);

/* 0 or a negative errno, which is the client's answer; -EAGAIN: none is alive. */
int engine_set(struct engine *engine, const struct syntax_set *set);
int engine_get(struct engine *engine, char **ret, size_t *ret_len);

/* What the link has become.  A failure to open sockets leaves it down, and is told
 * in err; what the data plane does not hear the next one will be told.
 */
int engine_set_up(struct engine *engine, bool is_up, struct error *err);
void engine_set_mtu(struct engine *engine, uint32_t mtu);
/* Routes or addresses have changed: which of ours to send from is asked anew for
 * the peers whose address is no good any more.  When it may be called again.
 */
struct instant engine_check_sources(struct engine *engine, struct nlsock *sock);

/* Something happened in the data plane: reads what a successor would need, unless
 * it was read a moment ago; when it should be called again, 0: after the next
 * event.
 */
struct instant engine_look(struct engine *engine, struct instant now);
/* When that may be next. */
struct instant engine_look_later(const struct engine *engine, struct instant now);

#endif
