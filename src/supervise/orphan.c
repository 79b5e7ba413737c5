#include "supervise/orphan.h"

#include "base/cleanup.h"
#include "base/fd.h"
#include "supervise/inside.h"
#include "supervise/pinned.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

/* False: it is elsewhere, or not ours to look at. */
static bool open_by(const char *pid, const struct pinned *record, struct inside *ret)
{
	char path[sizeof(((struct dirent *)NULL)->d_name) + 16];
	struct stat info;
	AUTO_FD int netns = -1;
	int userns;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0 || fstat(netns, &info) < 0 || info.st_dev != record->device ||
	    info.st_ino != record->inode)
		return false;
	userns = ioctl(netns, NS_GET_USERNS);
	if (userns < 0)
		return false;
	(void)fd_set_cloexec(userns, 1);
	*ret = (struct inside){.netns = take_fd(&netns), .userns = userns};
	return true;
}

int orphan_find(const struct pinned *record, struct inside *ret)
{
	DIR *proc = record->cookie != 0 ? opendir("/proc") : NULL;
	const struct dirent *entry;
	bool is_found = false;

	while (proc && !is_found && (entry = readdir(proc)))
		is_found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			   open_by(entry->d_name, record, ret);
	if (proc)
		(void)closedir(proc);
	return is_found ? 0 : -ENOENT;
}
