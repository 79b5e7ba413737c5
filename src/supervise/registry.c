#include "supervise/registry.h"

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const char lock_end[] = ".lock";
static const char socket_end[] = ".sock";

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
	if (registry.listen < 0) {
		(void)unlink(registry.lock_path);
		return registry.listen;
	}
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

/* Takes the lock for a moment, so that nobody else has the names that go. */
static void sweep(const char *folder, const char *lock_name)
{
	char path[FOLDER_PATH_LEN];
	AUTO_FD int lock = -1;
	struct text text;
	pid_t holder;

	text_init(&text, path, sizeof(path));
	text_add(&text, "%s/%s", folder, lock_name);
	if (text.is_truncated)
		return;
	lock = folder_lock(path, &holder, NULL);
	if (lock < 0)
		return;
	memcpy(path + strlen(path) - strlen(lock_end), socket_end, sizeof(socket_end));
	(void)unlink(path);
	memcpy(path + strlen(path) - strlen(socket_end), lock_end, sizeof(lock_end));
	(void)unlink(path);
}

static bool is_lock(const char *name)
{
	size_t len = strlen(name);

	return len > strlen(lock_end) && strcmp(name + len - strlen(lock_end), lock_end) == 0;
}

void registry_sweep(void)
{
	char folder[FOLDER_PATH_LEN];
	struct dirent *entry;
	DIR *all;

	if (folder_find(folder, NULL) < 0 || !(all = opendir(folder)))
		return;
	while ((entry = readdir(all)))
		if (is_lock(entry->d_name))
			sweep(folder, entry->d_name);
	(void)closedir(all);
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
