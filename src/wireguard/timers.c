#include "wireguard/timers.h"

#include "wireguard/constants.h"

static void set(struct timers *timers, enum timer timer, struct instant now, uint64_t ns)
{
	timers->at[timer] = instant_add(now, ns);
}

static void clear(struct timers *timers, enum timer timer)
{
	timers->at[timer] = (struct instant){0};
}

bool timers_is_set(const struct timers *timers, enum timer timer)
{
	return instant_is_set(timers->at[timer]);
}

struct instant timers_first(const struct timers *timers)
{
	struct instant first = {0};

	for (unsigned int i = 0; i < TIMERS; i++)
		first = instant_first(first, timers->at[i]);
	return first;
}

void timers_stop(struct timers *timers)
{
	*timers = (struct timers){.keepalive_s = timers->keepalive_s};
}

/* ---- what is due ---- */

static unsigned int expire_retransmit(struct timers *timers, struct instant now)
{
	if (timers->attempts <= WG_MAX_HANDSHAKE_RETRIES) {
		timers->attempts++;
		return TIMER_RETRY | TIMER_FORGET_SOURCE;
	}
	clear(timers, TIMER_KEEPALIVE);
	if (!timers_is_set(timers, TIMER_WIPE))
		set(timers, TIMER_WIPE, now, WG_ZERO_KEYS_TIME);
	return TIMER_GIVE_UP;
}

static unsigned int expire_keepalive(struct timers *timers, struct instant now)
{
	if (timers->needs_another_keepalive) {
		timers->needs_another_keepalive = false;
		set(timers, TIMER_KEEPALIVE, now, WG_KEEPALIVE_TIMEOUT);
	}
	return TIMER_SEND_KEEPALIVE;
}

static unsigned int expire_new_handshake(struct timers *timers, struct instant now)
{
	(void)timers;
	(void)now;
	return TIMER_INITIATE | TIMER_FORGET_SOURCE;
}

static unsigned int expire_wipe(struct timers *timers, struct instant now)
{
	(void)timers;
	(void)now;
	return TIMER_WIPE_KEYS;
}

/* Sets itself again, since a keepalive that cannot be sent (no endpoint yet)
 * sets nothing.
 */
static unsigned int expire_persistent(struct timers *timers, struct instant now)
{
	if (timers->keepalive_s == 0)
		return 0;
	set(timers, TIMER_PERSISTENT, now, timers->keepalive_s * NS_PER_S);
	return TIMER_SEND_KEEPALIVE;
}

static unsigned int (*const expire[TIMERS])(struct timers *timers, struct instant now) = {
	[TIMER_RETRANSMIT] = expire_retransmit,	      [TIMER_KEEPALIVE] = expire_keepalive,
	[TIMER_NEW_HANDSHAKE] = expire_new_handshake, [TIMER_WIPE] = expire_wipe,
	[TIMER_PERSISTENT] = expire_persistent,
};

unsigned int timers_expire(struct timers *timers, struct instant now)
{
	unsigned int actions = 0;

	for (unsigned int i = 0; i < TIMERS; i++) {
		if (!instant_is_due(timers->at[i], now))
			continue;
		clear(timers, i);
		actions |= expire[i](timers, now);
	}
	return actions;
}

/* ---- handshakes ---- */

bool timers_may_initiate(const struct timers *timers, struct instant now)
{
	return !instant_is_set(timers->handshake_sent) ||
	       instant_since(now, timers->handshake_sent) >= WG_REKEY_TIMEOUT;
}

void timers_initiation_sent(struct timers *timers, struct instant now, uint64_t jitter_ns)
{
	timers->handshake_sent = now;
	timers_any_sent(timers, now);
	set(timers, TIMER_RETRANSMIT, now, WG_REKEY_TIMEOUT + jitter_ns);
}

void timers_response_sent(struct timers *timers, struct instant now)
{
	timers->handshake_sent = now;
	timers_any_sent(timers, now);
}

void timers_retry_later(struct timers *timers, uint64_t jitter_ns)
{
	set(timers, TIMER_RETRANSMIT, timers->handshake_sent, WG_REKEY_TIMEOUT + jitter_ns);
}

void timers_session_derived(struct timers *timers, struct instant now)
{
	set(timers, TIMER_WIPE, now, WG_ZERO_KEYS_TIME);
}

void timers_handshake_complete(struct timers *timers)
{
	clear(timers, TIMER_RETRANSMIT);
	timers->attempts = 0;
	timers->has_asked_last_minute = false;
}

/* ---- traffic ---- */

static void restart_persistent(struct timers *timers, struct instant now)
{
	if (timers->keepalive_s > 0)
		set(timers, TIMER_PERSISTENT, now, timers->keepalive_s * NS_PER_S);
}

void timers_data_sent(struct timers *timers, struct instant now, uint64_t jitter_ns)
{
	if (!timers_is_set(timers, TIMER_NEW_HANDSHAKE))
		set(timers, TIMER_NEW_HANDSHAKE, now, WG_NEW_HANDSHAKE_TIME + jitter_ns);
}

void timers_data_received(struct timers *timers, struct instant now)
{
	if (timers_is_set(timers, TIMER_KEEPALIVE))
		timers->needs_another_keepalive = true;
	else
		set(timers, TIMER_KEEPALIVE, now, WG_KEEPALIVE_TIMEOUT);
}

void timers_any_sent(struct timers *timers, struct instant now)
{
	clear(timers, TIMER_KEEPALIVE);
	restart_persistent(timers, now);
}

void timers_any_received(struct timers *timers, struct instant now)
{
	clear(timers, TIMER_NEW_HANDSHAKE);
	restart_persistent(timers, now);
}

void timers_set_persistent(struct timers *timers, struct instant now, uint16_t keepalive_s)
{
	timers->keepalive_s = keepalive_s;
	if (keepalive_s > 0)
		restart_persistent(timers, now);
	else
		clear(timers, TIMER_PERSISTENT);
}
