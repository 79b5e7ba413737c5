/* Two devices back to back: one made-up clock, made-up randomness that repeats,
 * and a wire that loses, doubles, delays and corrupts as a test asks.
 *
 * Every inner packet has a number and bytes that follow from it.  The fixture
 * asserts, for every test, that what comes out is what went in and comes out at
 * most once.
 */
#ifndef ADIT_TESTS_UNIT_WIREGUARD_PAIR_H
#define ADIT_TESTS_UNIT_WIREGUARD_PAIR_H

#include "wireguard/device.h"
#include "wireguard/message.h"

#include <stdbool.h>

enum pair_name { ALICE, BOB, PAIR_SIDES };

enum {
	PAIR_TYPES = MESSAGE_DATA + 1, /* counted by enum message_type */
	PAIR_PACKET_LEN = 84,	       /* of a ping */
	PAIR_IN_FLIGHT_MAX = 4096,
};

/* A datagram on the wire. */
struct pair_datagram {
	uint8_t *bytes;
	size_t len;
	union endpoint from;
	union endpoint to;
	uint8_t tos;
	struct instant arrival;
};

/* Chances are per mille. */
struct pair_wire {
	unsigned int loss;
	unsigned int duplication;
	unsigned int corruption;
	unsigned int reordering; /* up to a second late */
	uint64_t latency_ns;
	bool is_cut[PAIR_SIDES]; /* what this side sends is lost */
};

struct pair_side {
	struct wg_device *device;
	struct wg_peer *peer; /* the other one */
	uint8_t private_key[32];
	uint8_t public_key[32];
	union endpoint at;	    /* where it sends from */
	struct wall_time boot_wall; /* what it believes */

	uint32_t n_offered; /* inner packets numbered from 0 */
	uint32_t n_refused; /* by wg_seal_begin(), with `refusal` */
	int refusal;
	uint32_t n_delivered;  /* of the other side's */
	size_t last_len;       /* of the last one of these */
	uint8_t *is_delivered; /* bits by the other side's numbers */
	size_t n_bits;

	unsigned int n_sent[PAIR_TYPES];       /* datagrams put on the wire */
	unsigned int n_keepalives;	       /* of the data ones */
	struct pair_datagram last[PAIR_TYPES]; /* the last one of each type sent */
};

struct pair {
	struct instant now;
	struct pair_wire wire;
	struct pair_side side[PAIR_SIDES];
	struct pair_datagram in_flight[PAIR_IN_FLIGHT_MAX];
	size_t n_in_flight;
	uint64_t random;
};

/* cmocka's set-up and tear-down; *state is the struct pair.  Both devices are
 * up, know each other's keys and allowed IPs; only Alice knows an endpoint.
 */
int pair_start(void **state);
int pair_stop(void **state);

/* A new device with the same key in the place of the old one, as after a crash. */
void pair_restart(struct pair *pair, enum pair_name name);
enum pair_name pair_other(enum pair_name name);

/* Offers one inner packet to the other side. */
void pair_send(struct pair *pair, enum pair_name from);
void pair_send_len(struct pair *pair, enum pair_name from, size_t len);
/* Lets the time go on: timers run and datagrams arrive. */
void pair_advance_ns(struct pair *pair, uint64_t ns);
void pair_advance(struct pair *pair, unsigned int seconds);
void pair_advance_ms(struct pair *pair, unsigned int ms);
/* Puts on the wire what the device has to send. */
void pair_pump(struct pair *pair, enum pair_name name);
/* A handshake from Alice and a packet each way: there is a session. */
void pair_connect(struct pair *pair);

/* Hands a device a datagram, past the wire; `bytes` is copied first. */
enum wg_verdict pair_inject(struct pair *pair, enum pair_name to, const struct pair_datagram *what);
/* The same without any check of what comes out; ret points into `what`. */
enum wg_verdict pair_receive(struct pair *pair, enum pair_name to, struct pair_datagram *what,
			     struct wg_packet *ret);
/* A copy that lives on; pair_datagram_done() frees it. */
struct pair_datagram pair_datagram_copy(const struct pair_datagram *from);
void pair_datagram_done(struct pair_datagram *datagram);
/* Encrypts `packet` by `from`'s session with this counter's turn, for pair_inject(). */
struct pair_datagram pair_seal(struct pair *pair, enum pair_name from, const uint8_t *packet,
			       size_t len);

/* Writes an IPv4 packet of that number from one inner address to the other. */
void pair_write_packet(enum pair_name from, uint32_t number, uint8_t *ret, size_t len);
struct address pair_inner(enum pair_name name);
struct prefix pair_prefix(const char *text);
union endpoint pair_endpoint(const char *text);
/* An initiation with random contents and a valid mac1, as anybody can make who
 * knows the public key.
 */
struct pair_datagram pair_forge_initiation(struct pair *pair, enum pair_name to,
					   const union endpoint *from);
uint64_t pair_random(struct pair *pair);
void pair_fill_random(void *pair, uint8_t *ret, size_t len); /* a wg_random */

struct wg_peer_stats pair_peer_stats(const struct pair *pair, enum pair_name of);
struct wg_device_stats pair_stats(const struct pair *pair, enum pair_name of);

#endif
