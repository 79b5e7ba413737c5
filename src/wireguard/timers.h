/* The five timers of a peer and the counts that belong to them.
 *
 * How it works: nothing here sends or wipes anything.  A function named for
 * something that happened sets or clears timers; timers_expire() takes those
 * that are due and says, as a set of enum timer_action, what the peer must do.
 * Whoever calls either looks at timers_first() afterwards.
 *
 *     retransmit     an initiation has had no answer: send another one; after
 *                    18 times give up
 *     keepalive      data was received 10 s ago and nothing sent since
 *     new handshake  data was sent 15 s ago and nothing authentic received since
 *     wipe           the newest session is 540 s old: no key may stay
 *     persistent     the user's keepalive interval
 *
 * Source: whitepaper section 6; where that leaves a choice, the kernel module's.
 */
#ifndef ADIT_WIREGUARD_TIMERS_H
#define ADIT_WIREGUARD_TIMERS_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

enum timer {
	TIMER_RETRANSMIT,
	TIMER_KEEPALIVE,
	TIMER_NEW_HANDSHAKE,
	TIMER_WIPE,
	TIMER_PERSISTENT,
	TIMERS
};

/* What timers_expire() asks for, as bits. */
enum timer_action {
	TIMER_RETRY = 1 << 0,	/* another initiation, counted as a retry */
	TIMER_GIVE_UP = 1 << 1, /* drop the packets that wait */
	TIMER_SEND_KEEPALIVE = 1 << 2,
	TIMER_INITIATE = 1 << 3,      /* a new handshake */
	TIMER_FORGET_SOURCE = 1 << 4, /* the sticky source may be what is wrong */
	TIMER_WIPE_KEYS = 1 << 5,
};

/* Zeroed is at rest. */
struct timers {
	struct instant at[TIMERS];
	struct instant handshake_sent; /* an initiation or a response; never: none yet */
	uint16_t keepalive_s;	       /* persistent keepalive; 0: off */
	uint8_t attempts;	       /* retries of the initiation without an answer */
	bool needs_another_keepalive;  /* data came while one was due already */
	bool has_asked_last_minute;    /* the key is near its end and we asked for a new one */
};

/* The earliest; never when none is set. */
struct instant timers_first(const struct timers *timers);
bool timers_is_set(const struct timers *timers, enum timer timer);
unsigned int timers_expire(struct timers *timers, struct instant now);
/* As if nothing had ever happened; the interval stays. */
void timers_stop(struct timers *timers);

/* No handshake message was sent for 5 s. */
bool timers_may_initiate(const struct timers *timers, struct instant now);
/* `jitter_ns`: 0 to 333 ms, at random. */
void timers_initiation_sent(struct timers *timers, struct instant now, uint64_t jitter_ns);
void timers_response_sent(struct timers *timers, struct instant now);
/* A retry came too early after a response: put it off instead of losing it. */
void timers_retry_later(struct timers *timers, uint64_t jitter_ns);
void timers_session_derived(struct timers *timers, struct instant now);
/* The other side has shown that it has the keys. */
void timers_handshake_complete(struct timers *timers);

/* Data is what is not a keepalive. */
void timers_data_sent(struct timers *timers, struct instant now, uint64_t jitter_ns);
void timers_data_received(struct timers *timers, struct instant now);
/* Anything authentic: data, keepalive, initiation or response. */
void timers_any_sent(struct timers *timers, struct instant now);
void timers_any_received(struct timers *timers, struct instant now);

void timers_set_persistent(struct timers *timers, struct instant now, uint16_t keepalive_s);

#endif
