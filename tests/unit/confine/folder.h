/* A folder of the test's own, removed with all that is in it. */
#ifndef ADIT_TESTS_UNIT_CONFINE_FOLDER_H
#define ADIT_TESTS_UNIT_CONFINE_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static inline int folder_make(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/adit-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_remove_one(const char *path, const struct stat *status, int type,
				    struct FTW *at)
{
	(void)status;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int folder_remove(void **state)
{
	(void)state;
	return nftw(folder, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A path in it; each call has a buffer of its own, eight in turn. */
static inline const char *folder_path(const char *name)
{
	static char paths[8][256];
	static unsigned int next;
	char *path = paths[next++ % 8];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* The folders on the way are made too. */
static inline bool folder_write(const char *name, const char *text, mode_t mode)
{
	char path[256];
	int fd;
	bool is_written;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		     fchmod(fd, mode) == 0;
	if (fd >= 0)
		(void)close(fd);
	return is_written;
}

#endif
