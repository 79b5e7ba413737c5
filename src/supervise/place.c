#include "supervise/place.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "config/value.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int place_root(char ret[FOLDER_PATH_LEN], struct error *err)
{
	char folder[FOLDER_PATH_LEN];
	int r = folder_find(folder, err);

	if (r == 0 && snprintf(ret, FOLDER_PATH_LEN, "%s/netns", folder) >= FOLDER_PATH_LEN)
		r = error_set(err, ENAMETOOLONG, "'%s' is too long for a socket", folder);
	return r;
}

int place_find(const char *name, struct place *ret, struct error *err)
{
	struct place place = {0};
	char root[FOLDER_PATH_LEN];
	struct fault fault;
	const struct {
		char *path;
		const char *file;
		size_t size;
	} files[] = {
		{place.folder, "", sizeof(place.folder)},
		{place.lock, "/lock", sizeof(place.lock)},
		{place.control, "/control", sizeof(place.control)},
		{place.seal, "/seal", sizeof(place.seal)},
		{place.before, "/before", sizeof(place.before)},
		{place.record, "/record", sizeof(place.record)},
		{place.ledger, "/ledger", sizeof(place.ledger)},
		{place.resolv_conf, "/resolv.conf", sizeof(place.resolv_conf)},
		{place.nsswitch, "/nsswitch.conf", sizeof(place.nsswitch)},
		{place.hidden, "/hidden", sizeof(place.hidden)},
		{place.log, "/log", sizeof(place.log)},
	};
	int r;

	if (!value_profile_name(name, strlen(name), &fault))
		return error_set(err, EINVAL,
				 "'%.100s' is no name: letters, digits, '_', '.' and '-', at most "
				 "64, a letter or digit first",
				 name);
	r = place_root(root, err);
	if (r < 0)
		return r;
	(void)snprintf(place.name, sizeof(place.name), "%s", name);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct text text;

		text_init(&text, files[i].path, files[i].size);
		text_add(&text, "%s/%s%s", root, name, files[i].file);
		if (text.is_truncated)
			return error_set(err, ENAMETOOLONG, "'%s' is too long for a socket", root);
	}
	(void)snprintf(place.netns, sizeof(place.netns), PLACE_PINS "/%s", name);
	*ret = place;
	return 0;
}

int place_make(const struct place *place, struct error *err)
{
	char path[FOLDER_PATH_LEN];
	int r = folder_find(path, err);

	if (r == 0)
		r = folder_make(path, err);
	if (r == 0)
		r = place_root(path, err);
	if (r == 0)
		r = folder_make(path, err);
	return r == 0 ? folder_make(place->folder, err) : r;
}

/* Also what was half written when somebody was killed.  The seal's record goes last:
 * until then the next one finds what is left to do.
 */
void place_remove(const struct place *place)
{
	DIR *folder = opendir(place->folder);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (strcmp(entry->d_name, strrchr(place->seal, '/') + 1) != 0)
			(void)unlinkat(dirfd(folder), entry->d_name, 0);
	if (folder)
		(void)closedir(folder);
	(void)unlink(place->seal);
	(void)rmdir(place->folder);
}

int place_lock(const struct place *place, pid_t *ret_holder, struct error *err)
{
	int lock = folder_lock(place->lock, ret_holder, err);

	if (lock != -EBUSY)
		return lock;
	(void)error_set(err, EBUSY, "'%s' is up already (process %d)", place->name, *ret_holder);
	error_hint(err, "after a change of its file: adit reload %s", place->name);
	return -EBUSY;
}

pid_t place_holder(const struct place *place)
{
	return folder_lock_holder(place->lock);
}

/* ---- all of them ---- */

static int is_name(const struct dirent *entry)
{
	struct fault fault;

	return value_profile_name(entry->d_name, strlen(entry->d_name), &fault);
}

int place_names(char ***ret, struct error *err)
{
	AUTO_FREE struct dirent **entry = NULL;
	char root[FOLDER_PATH_LEN];
	char **names;
	int r = place_root(root, err);
	int n;

	if (r < 0)
		return r;
	n = scandir(root, &entry, is_name, alphasort);
	if (n < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot read '%s'", root);
	if (n < 0)
		n = 0;
	names = calloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (names && !(names[i] = strdup(entry[i]->d_name)))
			r = -ENOMEM;
		free(entry[i]);
	}
	if (!names || r < 0) {
		place_names_free(names, n);
		return error_set(err, ENOMEM, "out of memory");
	}
	*ret = names;
	return n;
}

void place_names_free(char **names, int n)
{
	for (int i = 0; names && i < n; i++)
		free(names[i]);
	free(names);
}
