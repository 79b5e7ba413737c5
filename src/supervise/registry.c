#include "supervise/registry.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <errno.h>

static int make_paths(const uint8_t public_key[32], struct registry *registry, struct error *err)
{
	char folder[FOLDER_PATH_LEN];
	char name[33];
	struct text lock;
	struct text socket;
	int r = folder_find(folder, err);

	if (r == 0)
		r = folder_make(folder, err);
	if (r < 0)
		return r;
	hex_encode(public_key, 16, name); /* half a key is unique enough, and sun_path is short */
	text_init(&lock, registry->lock_path, FOLDER_PATH_LEN);
	text_init(&socket, registry->socket_path, FOLDER_PATH_LEN);
	text_add(&lock, "%s/%s.lock", folder, name);
	text_add(&socket, "%s/%s.sock", folder, name);
	if (lock.is_truncated || socket.is_truncated)
		return error_set(err, ENAMETOOLONG, "'%s' is too long for a socket", folder);
	return 0;
}

int registry_claim(const uint8_t public_key[32], struct registry *ret, pid_t *ret_holder,
		   struct error *err)
{
	struct registry registry = {.lock = -1, .listen = -1};
	int r = make_paths(public_key, &registry, err);
	AUTO_FD int lock = -1;

	if (r < 0)
		return r;
	lock = folder_lock(registry.lock_path, ret_holder, err);
	if (lock == -EBUSY)
		return error_set(err, EBUSY, "this file's key is in use by process %d",
				 *ret_holder);
	if (lock < 0)
		return lock;
	registry.listen = folder_listen(registry.socket_path, err);
	if (registry.listen < 0)
		return registry.listen;
	registry.lock = take_fd(&lock);
	*ret = registry;
	return 0;
}

void registry_release(struct registry *registry)
{
	if (registry->lock < 0)
		return;
	(void)unlink(registry->socket_path);
	(void)unlink(registry->lock_path);
	(void)close(registry->listen);
	(void)close(registry->lock);
	*registry = (struct registry){.lock = -1, .listen = -1};
}

int registry_accept(const struct registry *registry)
{
	return folder_accept(registry->listen);
}

int registry_connect(const uint8_t public_key[32], int *ret_socket, struct error *err)
{
	struct registry registry = {.lock = -1, .listen = -1};
	int r = make_paths(public_key, &registry, err);
	int fd;

	if (r < 0)
		return r;
	fd = folder_connect(registry.socket_path, err);
	if (fd < 0)
		return fd == -ENOENT
			       ? error_set(err, ENOENT, "no adit of this user's holds this key")
			       : fd;
	*ret_socket = fd;
	return 0;
}
