#include "supervise/orphan.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "net/residents.h"
#include "supervise/inside.h"
#include "supervise/pinned.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

struct search {
	const struct stat *namespace;
	struct inside *ret;
};

/* 0: it has gone elsewhere, or is not ours to look at. */
static int open_by(void *context, pid_t pid)
{
	const struct search *search = context;
	char path[PINNED_PATH_LEN];
	struct stat info;
	AUTO_FD int netns = -1;
	int userns;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0 || fstat(netns, &info) < 0 || info.st_dev != search->namespace->st_dev ||
	    info.st_ino != search->namespace->st_ino)
		return 0;
	userns = ioctl(netns, NS_GET_USERNS);
	if (userns < 0)
		return 0;
	(void)fd_set_cloexec(userns, 1);
	*search->ret = (struct inside){.netns = take_fd(&netns), .userns = userns};
	return 1;
}

int orphan_find(const struct pinned *record, struct inside *ret)
{
	const struct stat namespace = {.st_dev = record->device, .st_ino = record->inode};
	struct search search = {&namespace, ret};

	if (record->cookie == 0 || residents_each(&namespace, open_by, &search) <= 0)
		return -ENOENT;
	return 0;
}
