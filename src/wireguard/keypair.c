#include "wireguard/keypair.h"

#include "base/vault.h"
#include "wireguard/constants.h"
#include "wireguard/noise.h"

struct wg_keypair *keypair_new(struct vault *vault, const struct noise_session *session,
			       struct instant now, struct wg_peer *peer)
{
	struct wg_keypair *keypair = vault_take(vault, sizeof(*keypair));

	if (!keypair)
		return NULL;
	keypair->send = session->send;
	keypair->receive = session->receive;
	keypair->born = now;
	keypair->index.kind = INDEX_KEYPAIR;
	keypair->index.owner = keypair;
	keypair->remote_index = session->remote_index;
	keypair->is_initiator = session->is_initiator;
	keypair->peer = peer;
	keypair->n_owners = 1;
	return keypair;
}

void keypair_ref(struct wg_keypair *keypair)
{
	keypair->n_owners++;
}

bool keypair_unref(struct wg_keypair *keypair)
{
	if (--keypair->n_owners > 0)
		return false;
	vault_give(keypair);
	return true;
}

static bool is_older(const struct wg_keypair *keypair, struct instant now, uint64_t ns)
{
	return instant_since(now, keypair->born) >= ns;
}

bool keypair_can_send(const struct wg_keypair *keypair, struct instant now, unsigned int n)
{
	return keypair && !keypair->is_send_refused &&
	       !is_older(keypair, now, WG_REJECT_AFTER_TIME) &&
	       keypair->send_counter <= WG_REJECT_AFTER_MESSAGES - n;
}

bool keypair_can_receive(const struct wg_keypair *keypair, struct instant now)
{
	return !is_older(keypair, now, WG_REJECT_AFTER_TIME);
}

bool keypair_is_stale_for_sending(const struct wg_keypair *keypair, struct instant now)
{
	return keypair && !keypair->is_send_refused &&
	       (keypair->send_counter > WG_REKEY_AFTER_MESSAGES ||
		(keypair->is_initiator && is_older(keypair, now, WG_REKEY_AFTER_TIME)));
}

bool keypair_is_stale_for_receiving(const struct wg_keypair *keypair, struct instant now)
{
	return keypair && !keypair->is_send_refused && keypair->is_initiator &&
	       is_older(keypair, now, WG_REKEY_ON_RECEIVE_TIME);
}

/* As initiator we know by the response that the other side has the keys.  A
 * next one, which the other side never used, is kept as the previous one: its
 * first packet may be under way.
 */
static struct keypairs_dropped add_as_initiator(struct keypairs *keypairs,
						struct wg_keypair *keypair)
{
	struct keypairs_dropped dropped = {{keypairs->previous, NULL}};

	if (keypairs->next) {
		dropped.keypair[1] = keypairs->current;
		keypairs->previous = keypairs->next;
		keypairs->next = NULL;
	} else {
		keypairs->previous = keypairs->current;
	}
	keypairs->current = keypair;
	return dropped;
}

static struct keypairs_dropped add_as_responder(struct keypairs *keypairs,
						struct wg_keypair *keypair)
{
	struct keypairs_dropped dropped = {{keypairs->previous, keypairs->next}};

	keypairs->previous = NULL;
	keypairs->next = keypair;
	return dropped;
}

struct keypairs_dropped keypairs_add(struct keypairs *keypairs, struct wg_keypair *keypair)
{
	if (keypair->is_initiator)
		return add_as_initiator(keypairs, keypair);
	return add_as_responder(keypairs, keypair);
}

bool keypairs_confirm(struct keypairs *keypairs, const struct wg_keypair *keypair,
		      struct keypairs_dropped *ret)
{
	if (keypair != keypairs->next)
		return false;
	*ret = (struct keypairs_dropped){{keypairs->previous, NULL}};
	keypairs->previous = keypairs->current;
	keypairs->current = keypairs->next;
	keypairs->next = NULL;
	return true;
}
