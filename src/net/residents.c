#include "net/residents.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_LEN = 64 };

static bool is_in(pid_t pid, const struct stat *netns)
{
	char path[PATH_LEN];
	struct stat info;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	return stat(path, &info) == 0 && info.st_dev == netns->st_dev &&
	       info.st_ino == netns->st_ino;
}

int residents_each(const struct stat *netns, int (*visit)(void *context, pid_t pid), void *context)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int r = 0;

	if (!proc)
		return -errno;
	while (r == 0 && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 0 && is_in(pid, netns))
			r = visit(context, pid);
	}
	(void)closedir(proc);
	return r;
}
