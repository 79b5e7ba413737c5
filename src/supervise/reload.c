/* Another configuration for a namespace that is in use.
 *
 * How it works.  The file is read and checked whole before anything changes.
 * Peers that stay keep the address they were last heard from, and their
 * sessions.  First come the files by which names are looked up, then the network
 * inside, then the tunnel; when one fails, all go back to what they were.
 *
 * Another backend needs another link.  The old tunnel is closed first, since both
 * may want one port; then the old link goes and the new one comes in its place, by
 * its name, with addresses and routes.  In between there is none, and what is sent
 * meets the unreachable routes behind: an error, for which TCP waits and tries
 * again.  Sessions begin anew.
 */
#include "supervise/life.h"

#include "base/error.h"
#include "base/log.h"
#include "supervise/bystanders.h"
#include "supervise/names.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* What replaces what the life has, or what it had. */
struct fresh {
	struct prepared prepared;
	const struct tunnel_backend *backend;
	struct registry registry; /* lock -1: the key is the same */
};

static const struct profile_peer *find_peer(const struct profile *profile, const uint8_t key[32],
					    size_t *ret_index)
{
	for (size_t i = 0; i < profile->n_peers; i++) {
		if (memcmp(profile->peer[i].public_key, key, 32) != 0)
			continue;
		*ret_index = i;
		return &profile->peer[i];
	}
	return NULL;
}

static bool is_same_endpoint(const struct profile_peer *a, const struct profile_peer *b)
{
	if (a->endpoint_host[0] || b->endpoint_host[0])
		return strcmp(a->endpoint_host, b->endpoint_host) == 0 &&
		       a->endpoint_port == b->endpoint_port;
	return endpoint_equal(&a->endpoint, &b->endpoint);
}

/* Where the file names the same endpoint, the peer is where it was heard last. */
static void carry_endpoints(const struct life *life, struct profile *profile)
{
	const struct takeover *takeover = &life->keeper.takeover;

	for (size_t i = 0; i < profile->n_peers; i++) {
		struct profile_peer *peer = &profile->peer[i];
		size_t at = 0;
		const struct profile_peer *old =
			find_peer(life->prepared.profile, peer->public_key, &at);

		if (old && is_same_endpoint(old, peer) && at < takeover->n_endpoints)
			peer->endpoint = takeover->endpoint[at];
	}
}

static int claim_key(const struct life *life, struct fresh *fresh, struct error *err)
{
	pid_t holder = 0;

	if (memcmp(life->prepared.profile->public_key, fresh->prepared.profile->public_key, 32) ==
	    0)
		return 0;
	return registry_claim(fresh->prepared.profile->public_key, &fresh->registry, &holder, err);
}

/* Who is inside cannot be moved. */
static int refuse_path(const struct life *life, const struct profile *fresh, struct error *err)
{
	const struct source_pos pos = profile_pos(fresh, &fresh->path_place);

	if (strcmp(life->prepared.profile->path, fresh->path) == 0)
		return 0;
	(void)error_set(err, EBUSY, "Path: '%s' is up in another namespace", life->place.name);
	if (pos.line > 0)
		(void)error_wrap(err, "%s:%u:%u", pos.path, pos.line, pos.column);
	error_hint(err, "adit down %s, then adit up %s; nothing was changed", life->place.name,
		   life->place.name);
	return -EBUSY;
}

static int read_fresh(const struct life *life, struct fresh *ret, struct error *err)
{
	int r = prepare_profile(life->place.name, CONFIG_FOR_LASTING, &ret->prepared, err);

	if (r == -EBADMSG) {
		(void)error_set(err, EBADMSG, "the configuration of '%s' has errors",
				life->place.name);
		error_hint(err, "adit plan %s names them; nothing was changed", life->place.name);
	}
	if (r == 0)
		r = refuse_path(life, ret->prepared.profile, err);
	if (r < 0)
		return r;
	r = tunnel_choose(ret->prepared.profile, &ret->backend, err);
	if (r == 0)
		r = claim_key(life, ret, err);
	if (r < 0)
		return r;
	carry_endpoints(life, ret->prepared.profile);
	return prepare_plan(&ret->prepared, life_backend(ret->backend), err);
}

static void swap(struct life *life, struct fresh *fresh)
{
	struct prepared prepared = life->prepared;
	const struct tunnel_backend *backend = life->backend;

	life->prepared = fresh->prepared;
	life->backend = fresh->backend;
	fresh->prepared = prepared;
	fresh->backend = backend;
}

/* The tunnel of the life's profile, in place of that of another one. */
static int change_tunnel(struct life *life, bool is_reopened, struct error *err)
{
	struct keeper *keeper = &life->keeper;
	int r = keeper_set_profile(keeper, life->prepared.profile, err);

	if (r < 0)
		return r;
	if (is_reopened || !keeper->tunnel) {
		keeper_close(keeper);
		keeper->has_handshake = false;
		return keeper_open(keeper, err);
	}
	return keeper_configure(keeper, err);
}

/* On failure the life has the new parts still. */
static int change(struct life *life, const struct tunnel_backend *before, struct error *err)
{
	int tun = life->tun;
	int r;

	if (life->backend != before)
		keeper_close(&life->keeper);
	r = life_converge(life, err);
	if (r < 0)
		return r;
	r = change_tunnel(life, life->tun != tun || life->backend != before, err);
	return r < 0 ? r : lan_configure(&life->lan, life->prepared.profile, err);
}

/* To what the life had, which is in `fresh`; as far as that goes. */
static void change_back(struct life *life, struct fresh *fresh)
{
	const struct tunnel_backend *failed = life->backend;
	struct error err = {0};

	swap(life, fresh);
	if (change(life, failed, &err) < 0)
		log_error(&err);
	if (names_write(&life->place, life->prepared.profile, &err) < 0)
		log_error(&err);
}

int life_reload(struct life *life, struct error *err)
{
	struct fresh fresh = {.registry = {.lock = -1, .listen = -1}};
	const struct tunnel_backend *before = life->backend;
	int r = read_fresh(life, &fresh, err);

	if (r == 0) {
		swap(life, &fresh);
		r = names_write(&life->place, life->prepared.profile, err);
		if (r == 0)
			r = change(life, before, err);
		if (r < 0)
			change_back(life, &fresh);
	}
	if (r < 0) {
		registry_release(&fresh.registry);
		prepare_done(&fresh.prepared);
		return r;
	}
	if (fresh.registry.lock >= 0) {
		registry_release(&life->registry);
		life->registry = fresh.registry;
	}
	prepare_done(&fresh.prepared);
	bystanders_warn(life->prepared.profile, &life->prepared.host);
	return 0;
}
