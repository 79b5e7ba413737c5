/* A WireGuard interface without its input and output: what the kernel module
 * calls a device.  Bytes and times go in, bytes and deadlines come out; nothing
 * here touches a socket or a clock.  Memory is asked for at configuration, when
 * a session begins and when packets begin to wait for one, never for a packet.
 *
 * Packets go the fast way, in batches: wg_seal_begin() looks up the peer and
 * reserves counters for a batch of inner packets of one flow, wg_seal_many()
 * then encrypts them straight into the caller's send buffer.  Everything else
 * (handshakes, cookies, keepalives, packets that waited for a handshake) waits
 * inside and is fetched with wg_next_output() after every call to wg_receive(),
 * wg_seal_begin(), wg_seal_end(), wg_stage(), wg_tick() or a configuration call.
 *
 * Threads: one at a time may be inside, under a lock of the caller's, except
 * that wg_seal(), wg_seal_many() and wg_open_many() take no lock when the batch
 * has a struct crypto of the thread's own.  Between begin and end anything may
 * happen to the device: the batch is an owner of its keypair, which is wiped
 * and freed with the last owner, even when its peer is gone by then.  Outputs
 * leave in order only when one thread fetches them and begins batches.
 *
 * Source: WireGuard whitepaper (Donenfeld, 2020), sections 5 and 6.
 */
#ifndef ADIT_WIREGUARD_DEVICE_H
#define ADIT_WIREGUARD_DEVICE_H

#include "base/address.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crypto;
struct wg_device;
struct wg_peer;
struct wg_keypair;

enum {
	WG_HEADER_LEN = 16,	 /* struct message_data */
	WG_OVERHEAD_LEN = 32,	 /* header and tag */
	WG_DATAGRAM_MAX = 65535, /* bytes of UDP payload that are looked at */
	WG_STAGED_MAX = 128,	 /* packets a peer, the oldest dropped first */
};

/* The caller's randomness, so that tests can repeat a run.  Must not fail. */
typedef void (*wg_random)(void *context, uint8_t *ret, size_t len);

struct wg_device *wg_device_new(wg_random random, void *random_context, struct wall_time boot_wall);
/* Wipes; accepts NULL.  No batch is under way. */
void wg_device_free(struct wg_device *device);

/* ---- in: a datagram of the UDP socket ---- */

enum wg_verdict {
	WG_DROP,    /* not for us, or not authentic: say nothing */
	WG_CONTROL, /* handshake, cookie or keepalive taken; look at wg_next_output() */
	WG_DELIVER, /* *ret is an inner IP packet for the tunnel device */
};

/* Whether the contents are as they came, or wg_open_many() was there. */
enum wg_sealing_state { WG_SEALED, WG_OPENED, WG_FORGED };

struct wg_datagram {
	uint8_t *bytes; /* borrowed; decrypted in place, so overwritten */
	size_t len;
	const union endpoint *from;
	/* The address of ours it came to, and the interface: for the reply's source
	 * (sticky source address).  AF_UNSPEC: not known.
	 */
	const union endpoint *to;
	uint32_t ifindex;
	uint8_t tos; /* outer TOS or traffic class: its ECN bits are RFC 6040's outer field */
	enum wg_sealing_state state;	  /* WG_SEALED, but for wg_open_many() */
	const struct wg_keypair *keypair; /* by whose keys that was; borrowed */
};

struct wg_packet {
	uint8_t *bytes; /* inside the datagram's bytes; trimmed to the IP length */
	size_t len;
	struct wg_peer *peer; /* borrowed, until it is removed */
};

/* A batch to be decrypted ahead of wg_receive(): many at once is faster, and takes
 * no lock.
 */
struct wg_open {
	struct wg_keypair *keypair;
	struct crypto *crypto; /* the device's; a thread without the lock puts its own here */
	uint32_t receiver;     /* whose data is meant */
};

/* The sessions that the datagrams are data of, n_max of them at the most; how many
 * there are.
 */
unsigned int wg_open_begin(struct wg_device *device, struct instant now,
			   const struct wg_datagram *datagrams, size_t n, struct wg_open *ret,
			   unsigned int n_max);
/* Decrypts what belongs to one of them.  Nothing else happens to the session:
 * each datagram must go through wg_receive() next, in order, before the end.
 */
void wg_open_many(const struct wg_open *open, struct wg_datagram *datagrams, size_t n);
void wg_open_end(struct wg_device *device, struct wg_open *open);

/* Fills ret with WG_DELIVER only.  ECN is decapsulated, the source is checked
 * against the peer's allowed IPs, the replay window is passed.
 */
enum wg_verdict wg_receive(struct wg_device *device, struct instant now,
			   const struct wg_datagram *datagram, struct wg_packet *ret);

/* ---- out: packets of the tunnel device ---- */

/* A batch under way. */
struct wg_seal {
	struct wg_keypair *keypair;
	struct crypto *crypto; /* the device's; a thread without the lock puts its own here */
	uint64_t next_counter;
	unsigned int n_left;
	union endpoint to;     /* where the datagrams go */
	union endpoint source; /* sticky source; AF_UNSPEC: the kernel chooses */
	uint32_t ifindex;      /* with source; 0: none */
};

/* `inner` is the first packet of the batch (all have its addresses).
 * 0; or -EAGAIN: no session yet, a handshake is under way, so hand each packet
 * to wg_stage(); -EBUSY: packets that waited for the session must leave before
 * these, so fetch them with wg_next_output() and ask again; -ENOKEY: no peer has
 * the destination (answer with ICMP); -EDESTADDRREQ: the peer has no endpoint
 * (likewise); -EINVAL: not IP; -ENETDOWN: the device is down.
 *
 * When it returns 0, ret->n_left is n_packets, and wg_seal_end() must follow.
 */
int wg_seal_begin(struct wg_device *device, struct instant now, const uint8_t *inner, size_t len,
		  unsigned int n_packets, struct wg_seal *ret);

/* One packet: `head` then `body` (either may be empty) encrypted into out,
 * which must not overlap them unless body == out + WG_HEADER_LEN + head_len.
 * `padded_mtu` bounds the padding to a multiple of 16.  Returns the datagram's
 * length; out holds head_len + body_len + 15 + WG_OVERHEAD_LEN bytes.
 */
size_t wg_seal(struct wg_seal *seal, uint8_t *out, const uint8_t *head, size_t head_len,
	       const uint8_t *body, size_t body_len, size_t padded_mtu);
/* True: `next` has the counters after those of `seal`, which takes them over and
 * ends for both; `next` is no seal any more.
 */
bool wg_seal_join(struct wg_device *device, struct wg_seal *seal, struct wg_seal *next);

/* Many packets of the batch at once, which is faster: each as wg_seal() takes it.
 * No `out` overlaps what any of them reads.
 */
struct wg_sealing {
	const uint8_t *head;
	size_t head_len;
	const uint8_t *body;
	size_t body_len;
	uint8_t *out; /* wg_sealed_len() bytes are written */
};
void wg_seal_many(struct wg_seal *seal, const struct wg_sealing *packets, unsigned int n,
		  size_t padded_mtu);
/* Of the datagram that a packet of `len` bytes becomes. */
size_t wg_sealed_len(size_t len, size_t padded_mtu);

/* After the batch: timers and counters.  `n_sent` and `n_bytes` are of UDP payload.
 * Of a peer that is gone, nothing is counted.
 */
void wg_seal_end(struct wg_device *device, struct instant now, struct wg_seal *seal,
		 unsigned int n_sent, size_t n_bytes);

/* Keeps a copy of an inner packet until there is a session.  Segmented and
 * with its checksum in place, since it goes out as it is.
 */
void wg_stage(struct wg_device *device, struct instant now, const uint8_t *inner, size_t len);

/* The outer TOS or traffic class of a data packet: the inner one's ECN field,
 * nothing else (RFC 6040 section 4.1, normal mode).
 */
uint8_t wg_outer_tos(const uint8_t *inner, size_t len);

/* ---- what waits to be sent ---- */

struct wg_output {
	uint8_t *bytes; /* the caller's buffer of WG_DATAGRAM_MAX bytes */
	size_t len;	/* written by us */
	union endpoint to;
	union endpoint source;
	uint32_t ifindex;
	uint8_t tos; /* 0x88 for handshakes (AF41), the inner ECN for data */
};

/* Whether wg_next_output() has something to look at. */
bool wg_has_output(const struct wg_device *device);
/* Writes the next waiting datagram; false when there is none. */
bool wg_next_output(struct wg_device *device, struct instant now, struct wg_output *ret);

/* ---- time ---- */

/* When wg_tick() must next be called; 0: not before something arrives. */
struct instant wg_next_deadline(const struct wg_device *device);
void wg_tick(struct wg_device *device, struct instant now);

/* The sticky source of this peer did not work (EINVAL from sendmsg): forget it. */
void wg_clear_source(struct wg_device *device, const union endpoint *to);

/* ---- configuration, as the cross-platform UAPI says it ---- */

/* All zeroes: no key.  Sessions stop sending, and a peer with the new key's
 * own public key is removed.  -EINVAL: the crypto library refused the key.
 */
int wg_device_set_private_key(struct wg_device *device, struct instant now, const uint8_t key[32]);
bool wg_device_get_private_key(const struct wg_device *device, uint8_t ret[32]);
/* Bounds the padding of packets that waited; 0, as at first: no bound. */
void wg_device_set_mtu(struct wg_device *device, size_t mtu);
/* Forgets every peer's sticky source: the sockets have changed. */
void wg_device_forget_sources(struct wg_device *device);
/* Forgets them and learns none for WG_SOURCE_DOUBT_TIME: the host's routes have
 * changed, and what is under way still comes to an address that may be no good.
 */
void wg_device_doubt_sources(struct wg_device *device, struct instant now);
/* That of one peer is no good any more; meanwhile the others keep theirs. */
void wg_peer_doubt_source(struct wg_device *device, struct instant now, struct wg_peer *peer);
/* The last TAI64N sent, so that a successor's initiations are no replays. */
void wg_device_set_last_timestamp(struct wg_device *device, const uint8_t timestamp[12]);
void wg_device_get_last_timestamp(const struct wg_device *device, uint8_t ret[12]);
/* Up: peers with a keepalive begin.  Down: sessions are wiped, nothing is sent. */
void wg_device_up(struct wg_device *device, struct instant now);
void wg_device_down(struct wg_device *device);

struct wg_peer *wg_peer_find(const struct wg_device *device, const uint8_t public_key[32]);
/* The peer with that key, made unless it is there.  NULL: out of memory, or our
 * own key.
 */
struct wg_peer *wg_peer_add(struct wg_device *device, struct instant now,
			    const uint8_t public_key[32]);
void wg_peer_remove(struct wg_device *device, struct wg_peer *peer);
void wg_peer_remove_all(struct wg_device *device);
void wg_peer_set_preshared_key(struct wg_peer *peer, const uint8_t key[32]);
void wg_peer_get_preshared_key(const struct wg_peer *peer, uint8_t ret[32]);
void wg_peer_set_endpoint(struct wg_peer *peer, const union endpoint *endpoint);
void wg_peer_set_keepalive(struct wg_device *device, struct instant now, struct wg_peer *peer,
			   uint16_t seconds);
/* Takes the prefix from whoever has it.  -ENOMEM. */
int wg_peer_add_allowed_ip(struct wg_device *device, struct wg_peer *peer,
			   const struct prefix *prefix);
void wg_peer_remove_allowed_ip(struct wg_device *device, struct wg_peer *peer,
			       const struct prefix *prefix);
void wg_peer_clear_allowed_ips(struct wg_device *device, struct wg_peer *peer);
/* Starts a handshake now unless one began less than 5 s ago. */
void wg_peer_start_handshake(struct wg_device *device, struct instant now, struct wg_peer *peer);

/* What a predecessor has counted.  Added; a handshake of our own counts more. */
struct wg_peer_past {
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	struct wall_time last_handshake; /* 0: never */
};
void wg_peer_add_past(struct wg_peer *peer, const struct wg_peer_past *past);

struct wg_peer_stats {
	uint8_t public_key[32];
	union endpoint endpoint;
	union endpoint source; /* sticky; AF_UNSPEC: the kernel chooses */
	uint32_t ifindex;      /* with source; 0: none */
	uint64_t rx_bytes;     /* UDP payload of authentic messages, as the kernel module counts */
	uint64_t tx_bytes;
	struct wall_time last_handshake; /* 0: never */
	uint16_t keepalive_s;
	uint64_t handshakes_sent; /* initiations, retries included */
};
void wg_peer_read_stats(const struct wg_peer *peer, struct wg_peer_stats *ret);
/* In the order of addition; NULL ends.  `after` NULL begins. */
struct wg_peer *wg_peer_next(const struct wg_device *device, const struct wg_peer *after);
/* Calls back for each allowed IP of the peer. */
void wg_peer_each_allowed_ip(const struct wg_device *device, const struct wg_peer *peer,
			     void (*each)(void *context, const struct prefix *prefix),
			     void *context);

struct wg_device_stats {
	uint64_t rx_invalid;	  /* not authentic, malformed or not for us */
	uint64_t rx_bad_response; /* handshake responses to our index that do not authenticate */
	uint64_t rx_handshake;	  /* authentic handshake messages */
	uint64_t rx_replayed;
	uint64_t rx_not_allowed; /* inner source not the peer's */
	uint64_t rx_cookie;	 /* cookie replies taken */
	uint64_t tx_cookie;	 /* cookie replies asked for, since we are under load */
	uint64_t tx_no_peer;	 /* batches and packets no peer has the destination of */
	uint64_t tx_staged_lost; /* packets that waited in vain */
};
void wg_device_read_stats(const struct wg_device *device, struct wg_device_stats *ret);

#endif
