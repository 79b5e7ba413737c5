#include "confine/socktable.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TABLE_MAX = 64 << 20, NAMESPACES_MAX = 1024 };

/* Each network namespace has a file of its own, with an inode of its own. */
struct tables {
	ino_t seen[NAMESPACES_MAX];
	size_t n_seen;
	FILE *to;
	int r;
};

/* Num RefCount Protocol Flags Type St Inode Path, the last only when bound; an
 * abstract name begins with '@'.  net/unix/af_unix.c, unix_seq_show().
 */
void socktable_each(const char *table, void (*each)(void *context, const char *name, size_t len),
		    void *context)
{
	const char *line = table;

	while (*line) {
		size_t len = strcspn(line, "\n");
		int at = -1;

		(void)sscanf(line, "%*[0-9a-fA-F]: %*x %*x %*x %*x %*x %*u%n", &at);
		if (at > 0 && (size_t)at + 1 < len && line[at] == ' ' && line[at + 1] != '@')
			each(context, line + at + 1, len - (size_t)at - 1);
		line += len + (line[len] == '\n');
	}
}

/* Calls back for each process that /proc shows. */
static int each_process(void (*each)(struct tables *tables, const char *pid), struct tables *tables)
{
	DIR *dir = opendir("/proc");
	struct dirent *found;
	int r;

	if (!dir)
		return -errno;
	for (errno = 0; (found = readdir(dir)); errno = 0)
		if (isdigit((unsigned char)found->d_name[0]))
			each(tables, found->d_name);
	r = -errno;
	(void)closedir(dir);
	return r;
}

static bool is_new(struct tables *tables, ino_t inode)
{
	for (size_t i = 0; i < tables->n_seen; i++)
		if (tables->seen[i] == inode)
			return false;
	if (tables->n_seen < NAMESPACES_MAX)
		tables->seen[tables->n_seen++] = inode;
	return true;
}

static int copy_table(struct tables *tables, const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r = fd < 0 ? -errno : fd_read_all(fd, TABLE_MAX, FD_PLAIN, &text, &len);

	if (r < 0)
		return r;
	return fwrite(text, 1, len, tables->to) == len ? 0 : -ENOMEM;
}

/* A process that has ended meanwhile is none of which a socket is left. */
static void add_namespace(struct tables *tables, const char *pid)
{
	char path[sizeof("/proc//net/unix") + NAME_MAX];
	struct stat status;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%s/net/unix", pid);
	if (stat(path, &status) < 0 || !is_new(tables, status.st_ino))
		return;
	r = copy_table(tables, path);
	if (r < 0 && r != -ENOENT && r != -ESRCH && r != -EINVAL && r != -EACCES)
		tables->r = r;
}

/* ---- names that are relative to a folder ---- */

struct relative {
	struct tables *tables;
	char name[PATH_MAX];
};

static void add_below(const struct relative *relative, const char *pid)
{
	char link[sizeof("/proc//cwd") + NAME_MAX];
	char path[2 * PATH_MAX];
	struct stat status;
	ssize_t len;

	(void)snprintf(link, sizeof(link), "/proc/%s/cwd", pid);
	len = readlink(link, path, PATH_MAX);
	if (len <= 0 || path[0] != '/')
		return;
	(void)snprintf(path + len, sizeof(path) - (size_t)len, "/%s", relative->name);
	if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		(void)fprintf(relative->tables->to, "0: 0 0 0 0 0 0 %s\n", path);
}

static void look_for(void *context, const char *name, size_t len)
{
	struct relative *relative = context;
	DIR *dir;
	struct dirent *found;

	if (name[0] == '/' || len >= sizeof(relative->name))
		return;
	memcpy(relative->name, name, len);
	relative->name[len] = '\0';
	dir = opendir("/proc");
	while (dir && (found = readdir(dir)))
		if (isdigit((unsigned char)found->d_name[0]))
			add_below(relative, found->d_name);
	if (dir)
		(void)closedir(dir);
}

/* ---- all of it ---- */

static int add_tables(struct tables *tables)
{
	struct stat status;
	int r = stat("/proc/net/unix", &status) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	(void)is_new(tables, status.st_ino);
	r = copy_table(tables, "/proc/net/unix");
	if (r == 0)
		r = each_process(add_namespace, tables);
	return r < 0 ? r : tables->r;
}

static int add_absolute(struct tables *tables, char *const *text)
{
	struct relative relative = {.tables = tables};
	char *table;

	if (fflush(tables->to) != 0)
		return -ENOMEM;
	table = strdup(*text); /* the stream's own moves as it grows */
	if (!table)
		return -ENOMEM;
	socktable_each(table, look_for, &relative);
	free(table);
	return 0;
}

int socktable_read(char **ret, struct error *err)
{
	struct tables tables = {0};
	char *text = NULL;
	size_t len;
	int r;

	tables.to = open_memstream(&text, &len);
	if (!tables.to)
		return error_set(err, ENOMEM, "out of memory");
	r = add_tables(&tables);
	if (r == 0)
		r = add_absolute(&tables, &text);
	if (fclose(tables.to) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		free(text);
		return error_errno(err, -r, "cannot read '/proc/net/unix'");
	}
	*ret = text;
	return 0;
}
