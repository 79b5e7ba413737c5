/* The protocol's numbers.  Times are in nanoseconds of boot time.
 *
 * Source: WireGuard whitepaper (Donenfeld, 2020), sections 5.3, 5.4.7, 6.1 to
 * 6.6; where the paper leaves a number open, that of the Linux module.
 */
#ifndef ADIT_WIREGUARD_CONSTANTS_H
#define ADIT_WIREGUARD_CONSTANTS_H

#include "base/clock.h"

#include <stdint.h>

/* Section 6.1: transport messages under one key. */
enum {
	WG_REPLAY_BITS = 8192,			/* bits kept, RFC 6479 */
	WG_REPLAY_WINDOW = WG_REPLAY_BITS - 64, /* counters that may still come late */
};
#define WG_REKEY_AFTER_MESSAGES	 (UINT64_C(1) << 60)
#define WG_REJECT_AFTER_MESSAGES (UINT64_MAX - WG_REPLAY_WINDOW - 1)

/* Section 6.1: ages of a key and of what waits for an answer. */
#define WG_REKEY_AFTER_TIME	(120 * NS_PER_S)
#define WG_REJECT_AFTER_TIME	(180 * NS_PER_S)
#define WG_REKEY_ATTEMPT_TIME	(90 * NS_PER_S)
#define WG_REKEY_TIMEOUT	(5 * NS_PER_S)
#define WG_REKEY_TIMEOUT_JITTER (333 * NS_PER_MS) /* 0 to this is added (Linux module) */
#define WG_KEEPALIVE_TIMEOUT	(10 * NS_PER_S)

/* Section 6.3: silence after data was sent, before a new handshake. */
#define WG_NEW_HANDSHAKE_TIME (WG_KEEPALIVE_TIMEOUT + WG_REKEY_TIMEOUT)
/* Section 6.2: the initiator, receiving, renews a key older than this. */
#define WG_REKEY_ON_RECEIVE_TIME (WG_REJECT_AFTER_TIME - WG_KEEPALIVE_TIMEOUT - WG_REKEY_TIMEOUT)
/* Section 6.3: keys are wiped this long after the last was derived. */
#define WG_ZERO_KEYS_TIME (3 * WG_REJECT_AFTER_TIME)

/* Section 5.4.7: cookies. */
#define WG_COOKIE_SECRET_MAX_AGE (120 * NS_PER_S)
#define WG_COOKIE_LATENCY	 (5 * NS_PER_S) /* Linux module: on the way back */
#define WG_COOKIE_MAX_AGE	 (WG_COOKIE_SECRET_MAX_AGE - WG_COOKIE_LATENCY)

/* Ours: after the host's routes have changed, the kernel chooses our address. */
#define WG_SOURCE_DOUBT_TIME NS_PER_S

/* Linux module: a load once seen counts for this long. */
#define WG_UNDER_LOAD_TIME NS_PER_S

enum {
	WG_MAX_HANDSHAKE_RETRIES = (int)(WG_REKEY_ATTEMPT_TIME / WG_REKEY_TIMEOUT), /* 18 */

	/* Linux module: of one peer; also what a timestamp is rounded down to. */
	WG_INITIATIONS_PER_SECOND = 50,

	/* Linux module: handshake messages of one source, when under load. */
	WG_RATELIMIT_PER_SECOND = 20,
	WG_RATELIMIT_BURST = 5,

	WG_QUEUED_HANDSHAKES_MAX = 4096, /* Linux module: incoming ones that wait */
	WG_UNDER_LOAD_HANDSHAKES = WG_QUEUED_HANDSHAKES_MAX / 8,

	WG_PEERS_MAX = 1 << 20,	 /* Linux module */
	WG_PADDING = 16,	 /* bytes, section 5.4.6 */
	WG_HANDSHAKE_TOS = 0x88, /* DSCP AF41, ECN 00 (Linux module) */
};

/* Nanoseconds between two initiations of one peer. */
#define WG_INITIATION_INTERVAL (NS_PER_S / WG_INITIATIONS_PER_SECOND)

#endif
