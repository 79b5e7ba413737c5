#include "config/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct profile *profile_new(void)
{
	struct profile *profile = secret_new(sizeof(*profile));

	if (profile)
		(void)strcpy(profile->device, "wg0");
	return profile;
}

static void release_peer(struct profile_peer *peer)
{
	free(peer->allowed_ip);
	free(peer->allowed_ip_place);
}

void profile_free(struct profile *profile)
{
	if (!profile)
		return;
	for (size_t i = 0; i < profile->n_peers; i++)
		release_peer(&profile->peer[i]);
	for (size_t i = 0; i < profile->n_files; i++)
		free(profile->file[i]);
	for (size_t i = 0; i < profile->n_key_files; i++)
		free(profile->key_file[i]);
	free(profile->key_file);
	secret_free(profile->peer);
	secret_free(profile);
}

/* A growing array doubles when its count reaches a power of two. */
static bool is_full(size_t count)
{
	return (count & (count - 1)) == 0;
}

int profile_add_key_file(struct profile *profile, const char *path)
{
	size_t count = profile->n_key_files;

	if (is_full(count)) {
		size_t room = count ? 2 * count : 1;
		char **larger = realloc(profile->key_file, room * sizeof(*larger));

		if (!larger)
			return -ENOMEM;
		profile->key_file = larger;
	}
	profile->key_file[count] = strdup(path);
	if (!profile->key_file[count])
		return -ENOMEM;
	profile->n_key_files++;
	return 0;
}

struct profile_peer *profile_add_peer(struct profile *profile)
{
	size_t count = profile->n_peers;

	if (count >= PROFILE_PEERS_MAX)
		return NULL;
	if (is_full(count)) {
		size_t room = count ? 2 * count : 1;
		struct profile_peer *larger = secret_new(room * sizeof(*larger));

		if (!larger)
			return NULL;
		if (count > 0)
			memcpy(larger, profile->peer, count * sizeof(*larger));
		secret_free(profile->peer);
		profile->peer = larger;
	}
	profile->n_peers++;
	memset(&profile->peer[count], 0, sizeof(profile->peer[count]));
	return &profile->peer[count];
}

void profile_remove_peer(struct profile *profile, size_t index)
{
	struct profile_peer *peer = &profile->peer[index];

	release_peer(peer);
	profile->n_peers--;
	memmove(peer, peer + 1, (profile->n_peers - index) * sizeof(*peer));
	secret_wipe(&profile->peer[profile->n_peers], sizeof(*peer));
}

static int grow(void *array, size_t count, size_t size)
{
	void **owned = array;
	void *larger = reallocarray(*owned, count ? 2 * count : 1, size);

	if (!larger)
		return -ENOMEM;
	*owned = larger;
	return 0;
}

int profile_add_allowed_ip(struct profile_peer *peer, const struct prefix *prefix,
			   const struct profile_place *place)
{
	size_t count = peer->n_allowed_ips;

	if (is_full(count) && (grow(&peer->allowed_ip, count, sizeof(*prefix)) < 0 ||
			       grow(&peer->allowed_ip_place, count, sizeof(*place)) < 0))
		return -ENOMEM;
	peer->allowed_ip[count] = *prefix;
	peer->allowed_ip_place[count] = *place;
	peer->n_allowed_ips++;
	return 0;
}

struct source_pos profile_pos(const struct profile *profile, const struct profile_place *place)
{
	return (struct source_pos){
		.path = place->file < profile->n_files ? profile->file[place->file] : NULL,
		.line = place->line,
		.column = place->column,
	};
}
