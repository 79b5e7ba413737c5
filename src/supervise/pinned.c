#include "supervise/pinned.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "net/netns.h"
#include "supervise/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { TEXT_LEN = 128 };

/* ---- the file ---- */

int pinned_lock(const struct place *place, struct error *err)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (;;) {
		AUTO_FD int fd = open(place->seal, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		struct stat info;
		int r;

		if (fd < 0)
			return error_errno(err, errno, "cannot open '%s'", place->seal);
		do
			r = fcntl(fd, F_OFD_SETLKW, &whole);
		while (r < 0 && errno == EINTR);
		if (r < 0 || fstat(fd, &info) < 0)
			return error_errno(err, errno, "cannot lock '%s'", place->seal);
		if (info.st_nlink > 0)
			return take_fd(&fd);
	}
}

/* What has the three numbers only was made by adit. */
int pinned_read(const struct place *place, struct pinned *ret, struct error *err)
{
	unsigned long long device;
	unsigned long long inode;
	unsigned long long cookie = 0;
	unsigned int is_sealed = 1;
	unsigned int origin = PINNED_OWN;
	char text[TEXT_LEN];
	int holder;
	int r = fd_read_file(place->seal, text, sizeof(text));

	if (r < 0 && r != -ENOENT)
		return error_errno(err, -r, "cannot read '%s'", place->seal);
	if (r < 0 || sscanf(text, "%llu %llu %d %u %u %llu", &device, &inode, &holder, &origin,
			    &is_sealed, &cookie) < 3)
		return 0;
	*ret = (struct pinned){
		.device = (dev_t)device,
		.inode = (ino_t)inode,
		.holder = holder,
		.origin = origin <= PINNED_OTHERS ? (enum pinned_origin)origin : PINNED_OTHERS,
		.is_sealed = is_sealed != 0,
		.cookie = cookie,
	};
	return 1;
}

int pinned_write(int fd, const struct pinned *record, struct error *err)
{
	char text[TEXT_LEN];
	int len = snprintf(text, sizeof(text), "%llu %llu %d %u %u %llu\n",
			   (unsigned long long)record->device, (unsigned long long)record->inode,
			   record->holder, (unsigned int)record->origin, record->is_sealed,
			   (unsigned long long)record->cookie);

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return error_errno(err, errno, "cannot write which namespace is adit's");
	return 0;
}

/* ---- what is there ---- */

const char *pinned_path(const struct place *place, const struct pinned *record,
			char buffer[PINNED_PATH_LEN])
{
	if (record->holder == 0)
		return place->netns;
	(void)snprintf(buffer, PINNED_PATH_LEN, "/proc/%d/ns/net", record->holder);
	return buffer;
}

/* A holder that has ended, and whose number is another user's process by now. */
static bool is_absent(const struct pinned *record, int code)
{
	return code == ENOENT || (record->holder > 0 && (code == ESRCH || code == EACCES));
}

/* An enum pinned_found, where something stands that is not the one of the record. */
static int judge_another(const struct pinned *record)
{
	return record->holder > 0 || record->origin == PINNED_OTHERS ? FOUND_REMAINS : FOUND_OTHERS;
}

/* An enum pinned_found, of what has the numbers of the record. */
static int compare_cookie(const struct place *place, const char *path, const struct pinned *record,
			  struct error *err)
{
	AUTO_FD int netns = -1;
	uint64_t cookie = 0;
	int r = netns_open(path, &netns, err);

	if (r == 0)
		r = netns_cookie(netns, &cookie, err);
	if (r == -EPERM)
		error_hint(err,
			   "it takes CAP_SYS_ADMIN: CapabilityBoundingSet=CAP_SYS_ADMIN in a "
			   "drop-in of adit@%s, adit.conf(5)",
			   place->name);
	if (r < 0)
		return r;
	return cookie == record->cookie ? FOUND_OURS : judge_another(record);
}

int pinned_find(const struct place *place, struct pinned *ret, struct error *err)
{
	struct pinned record = {0};
	int has_record = pinned_read(place, &record, err);
	char buffer[PINNED_PATH_LEN];
	const char *path = pinned_path(place, &record, buffer);
	struct statfs system;
	struct stat info;
	int r = FOUND_OURS;

	if (has_record < 0)
		return has_record;
	if (stat(path, &info) < 0 || statfs(path, &system) < 0) {
		if (!is_absent(&record, errno))
			return error_errno(err, errno, "cannot look at '%s'", path);
		return has_record ? FOUND_REMAINS : FOUND_NOTHING;
	}
	if (system.f_type != NSFS_MAGIC)
		return has_record ? FOUND_REMAINS : FOUND_OTHERS;
	if (!has_record || info.st_dev != record.device || info.st_ino != record.inode)
		return (int)judge_another(&record);
	if (record.origin != PINNED_OWN)
		r = compare_cookie(place, path, &record, err);
	if (r == FOUND_OURS)
		*ret = record;
	return r;
}
