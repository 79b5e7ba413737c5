#include "supervise/seal.h"

#include "apply/apply.h"
#include "apply/observe.h"
#include "apply/record.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "confine/namespaces.h"
#include "net/nlsock.h"
#include "plan/plan.h"
#include "supervise/names.h"
#include "supervise/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

enum { PATH_LEN = 64 };

/* What the file says. */
struct pinned {
	dev_t device;
	ino_t inode;
	pid_t holder; /* 0: it is pinned */
};

/* ---- the record ---- */

/* Held while something is made or removed; waits for whoever has it.  A record
 * that was removed meanwhile counts for nothing.
 */
static int open_record(const struct place *place, struct error *err)
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

/* 1, or 0: there is none, or it is empty. */
static int read_pinned(const char *path, struct pinned *ret, struct error *err)
{
	unsigned long long device;
	unsigned long long inode;
	char text[96];
	int holder;
	int r = fd_read_file(path, text, sizeof(text));

	if (r < 0 && r != -ENOENT)
		return error_errno(err, -r, "cannot read '%s'", path);
	if (r < 0 || sscanf(text, "%llu %llu %d", &device, &inode, &holder) != 3)
		return 0;
	*ret = (struct pinned){(dev_t)device, (ino_t)inode, holder};
	return 1;
}

static int write_pinned(int fd, const struct pinned *record, struct error *err)
{
	char text[96];
	int len = snprintf(text, sizeof(text), "%llu %llu %d\n", (unsigned long long)record->device,
			   (unsigned long long)record->inode, record->holder);

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) != len)
		return error_errno(err, errno, "cannot write which namespace is adit's");
	return 0;
}

/* ---- what is there ---- */

enum found {
	FOUND_NOTHING,
	FOUND_OURS,
	FOUND_REMAINS, /* a file without a namespace, or a record of one that is gone */
	FOUND_OTHERS,
};

static void path_of(const struct place *place, const struct pinned *record, char ret[PATH_LEN],
		    const char **ret_path)
{
	(void)snprintf(ret, PATH_LEN, "/proc/%d/ns/net", record->holder);
	*ret_path = record->holder > 0 ? ret : place->netns;
}

/* A holder that has ended, and whose number is another user's process by now. */
static bool is_absent(const struct pinned *record, int code)
{
	return code == ENOENT || (record->holder > 0 && (code == ESRCH || code == EACCES));
}

/* An enum found.  What cannot be read is never taken for absent: `down` would leave
 * a namespace behind that nobody knows to be adit's.
 */
static int look(const struct place *place, struct pinned *ret, struct error *err)
{
	struct pinned record = {0};
	int has_record = read_pinned(place->seal, &record, err);
	char holder[PATH_LEN];
	const char *path;
	struct statfs system;
	struct stat info;

	if (has_record < 0)
		return has_record;
	path_of(place, &record, holder, &path);
	if (stat(path, &info) < 0 || statfs(path, &system) < 0) {
		if (!is_absent(&record, errno))
			return error_errno(err, errno, "cannot look at '%s'", path);
		return has_record ? FOUND_REMAINS : FOUND_NOTHING;
	}
	if (system.f_type != NSFS_MAGIC)
		return has_record ? FOUND_REMAINS : FOUND_OTHERS;
	if (!has_record || info.st_dev != record.device || info.st_ino != record.inode)
		return record.holder > 0 ? FOUND_REMAINS : FOUND_OTHERS;
	*ret = record;
	return FOUND_OURS;
}

static int refuse_others(const struct place *place, struct error *err)
{
	(void)error_set(err, EEXIST, "'%s' is there already and is not adit's", place->netns);
	error_hint(err, "remove it (ip netns del %s) or give this configuration another name",
		   place->name);
	return -EEXIST;
}

/* ---- the child ---- */

/* What it says when the namespace is sealed, or why it is not. */
struct sealed {
	int r;
	struct error err;
};

/* What the child has to do it with. */
struct making {
	const struct place *place;
	const struct plan *plan; /* NULL: no tunnel */
	uid_t uid;		 /* whose it is; in the child they are nobody's until mapped */
	gid_t gid;
};

/* Its table is a new one, with the rules that the place's record then says. */
static int apply_beginning(const struct making *making, struct host *host, struct error *err)
{
	const union endpoint nowhere = {.any.sa_family = AF_UNSPEC};
	struct plan_environment environment;
	struct record record = {0};
	struct plan whole = {0};
	struct plan plan = {0};
	int r = 0;

	if (!making->plan) {
		environment = observe_environment(host->route, &nowhere, 0);
		r = plan_seal(&environment, &whole, err);
	}
	if (r == 0)
		r = plan_beginning(making->plan ? making->plan : &whole, &plan, err);
	host->record = &record;
	if (r == 0)
		r = apply_plan(&plan, host, NULL, err);
	host->record = NULL;
	if (r == 0) /* else the table is loaded once more by who makes the tunnel */
		(void)record_save(&record, making->place->record, NULL);
	record_done(&record);
	plan_done(&plan);
	plan_done(&whole);
	return r;
}

static int seal_network(const struct making *making, struct error *err)
{
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	r = apply_beginning(making, &host, err);
	host_done(&host);
	return r;
}

/* A user's namespace lives as long as this process. */
__attribute__((noreturn)) static void hold(void)
{
	sigset_t none;

	(void)prctl(PR_SET_NAME, "adit-holder");
	(void)prctl(PR_SET_DUMPABLE, 1); /* its owner finds the namespace in /proc */
	(void)setsid();
	if (chdir("/") < 0)
		_exit(1);
	(void)close_range(0, ~0U, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (;;)
		(void)pause();
}

/* Root's ids are mapped by the parent, which then says so by a byte. */
static int map_ids(const struct making *making, int socket, struct error *err)
{
	char go;

	if (making->uid != 0)
		return namespaces_map_self(making->uid, making->gid, err);
	return fd_read_exact(socket, &go, 1);
}

/* Tells the parent, whose answer is a byte: to stay. */
__attribute__((noreturn)) static void tell_and_hold(const struct sealed *sealed, int socket)
{
	char go;

	if (fd_write_all(socket, sealed, sizeof(*sealed)) < 0 || fd_read_exact(socket, &go, 1) < 0)
		_exit(1);
	hold();
}

__attribute__((noreturn)) static void seal_and_exit(const struct making *making, int socket)
{
	struct sealed sealed = {0};

	sealed.r = map_ids(making, socket, &sealed.err);
	if (sealed.r == 0)
		sealed.r = seal_network(making, &sealed.err);
	tell_and_hold(&sealed, socket);
}

/* ---- the pin ---- */

/* As ip-netns(8) has it: what is mounted there must be seen in every other mount
 * namespace that shares the host's mounts.
 */
static int prepare_pins(struct error *err)
{
	if (mkdir(PLACE_PINS, 0755) < 0 && errno != EEXIST)
		return error_errno(err, errno, "cannot make '%s'", PLACE_PINS);
	if (mount("", PLACE_PINS, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL || mount(PLACE_PINS, PLACE_PINS, "none", MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", PLACE_PINS, "none", MS_SHARED | MS_REC, NULL) < 0)
		return error_errno(err, errno, "cannot share the mounts of '%s'", PLACE_PINS);
	return 0;
}

static int pin(const struct place *place, const char *namespace, struct error *err)
{
	int r = prepare_pins(err);
	int fd;

	if (r < 0)
		return r;
	fd = open(place->netns, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return error_errno(err, errno, "cannot make '%s'", place->netns);
	(void)close(fd);
	if (mount(namespace, place->netns, "none", MS_BIND, NULL) < 0)
		return error_errno(err, errno, "cannot pin the namespace at '%s'", place->netns);
	return 0;
}

/* ---- making it ---- */

static int take_sealed(int socket, struct error *err)
{
	struct sealed sealed = {0};

	if (fd_read_exact(socket, &sealed, sizeof(sealed)) < 0)
		return error_set(err, ECHILD, "the namespace's first process has ended");
	if (sealed.r < 0 && err)
		*err = sealed.err;
	return sealed.r;
}

static int await_sealed(int socket, pid_t child, struct error *err)
{
	int r = 0;

	if (geteuid() == 0)
		r = namespaces_map_all(child, err);
	if (r == 0 && geteuid() == 0 && fd_write_all(socket, "", 1) < 0)
		r = error_set(err, ECHILD, "the namespace's first process has ended");
	return r < 0 ? r : take_sealed(socket, err);
}

/* The namespace is sealed: from here on it may be found. */
static int publish(const struct place *place, int record_fd, pid_t child, struct error *err)
{
	struct pinned record = {.holder = geteuid() == 0 ? 0 : child};
	char path[PATH_LEN];
	struct stat info;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
	if (stat(path, &info) < 0)
		return error_errno(err, errno, "cannot look at '%s'", path);
	record.device = info.st_dev;
	record.inode = info.st_ino;
	r = write_pinned(record_fd, &record, err);
	return r == 0 && record.holder == 0 ? pin(place, path, err) : r;
}

static void end_child(pid_t child)
{
	(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

/* A record that is there is of another namespace, which has gone. */
static int forget_record(const struct place *place, struct error *err)
{
	if (unlink(place->record) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove '%s'", place->record);
	return 0;
}

static int make(const struct making *making, int record_fd, struct error *err)
{
	int ends[2];
	pid_t child;
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "cannot make a socket pair");
	child = namespaces_fork(CLONE_NEWUSER | CLONE_NEWNET);
	if (child == 0) {
		(void)close(ends[0]);
		(void)close(record_fd);
		seal_and_exit(making, ends[1]);
	}
	(void)close(ends[1]);
	if (child < 0) {
		(void)close(ends[0]);
		return error_errno(err, -child, "cannot make a user and a network namespace");
	}
	r = await_sealed(ends[0], child, err);
	if (r == 0)
		r = publish(making->place, record_fd, child, err);
	if (r == 0 && geteuid() != 0)
		r = fd_write_all(ends[0], "", 1);
	(void)close(ends[0]);
	if (r < 0 || geteuid() == 0)
		end_child(child);
	return r;
}

int seal_make(const struct place *place, const struct plan *plan, bool *ret_was_there,
	      struct error *err)
{
	const struct making making = {place, plan, geteuid(), getegid()};
	struct pinned record = {0};
	int r = place_make(place, err);
	AUTO_FD int fd = r == 0 ? open_record(place, err) : r;
	int found;

	if (fd < 0)
		return fd;
	found = look(place, &record, err);
	if (found < 0)
		return found;
	if (found == FOUND_OTHERS)
		return refuse_others(place, err);
	if (ret_was_there)
		*ret_was_there = found == FOUND_OURS;
	r = names_ensure(place, err);
	if (r < 0 || found == FOUND_OURS)
		return r;
	r = forget_record(place, err);
	return r < 0 ? r : make(&making, fd, err);
}

/* ---- holding it ---- */

/* In the child, which becomes the holder. */
__attribute__((noreturn)) static void enter_and_hold(const struct inside *inside, int socket)
{
	struct sealed sealed = {0};

	sealed.r = inside_enter(inside, &sealed.err);
	tell_and_hold(&sealed, socket);
}

static int open_holder(pid_t holder, struct error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, holder, 0);

	return fd < 0 ? error_errno(err, errno, "cannot watch the holder") : fd;
}

static int hold_again(const struct inside *inside, struct pinned *record, int record_fd,
		      struct error *err)
{
	int ends[2];
	pid_t child;
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_errno(err, errno, "cannot make a socket pair");
	child = namespaces_fork(0);
	if (child == 0) {
		(void)close(ends[0]);
		(void)close(record_fd);
		enter_and_hold(inside, ends[1]);
	}
	(void)close(ends[1]);
	r = child < 0 ? error_errno(err, -child, "cannot fork") : take_sealed(ends[0], err);
	record->holder = child;
	if (r == 0)
		r = write_pinned(record_fd, record, err);
	if (r == 0)
		r = fd_write_all(ends[0], "", 1);
	(void)close(ends[0]);
	if (r < 0 && child > 0)
		end_child(child);
	return r;
}

int seal_hold(const struct place *place, const struct inside *inside, struct error *err)
{
	AUTO_FD int fd = open_record(place, err);
	struct pinned record = {0};
	struct pinned found = {0};
	struct stat info;
	int r;

	if (fd < 0)
		return fd;
	r = read_pinned(place->seal, &record, err);
	if (r < 0)
		return r;
	if (r == 0 || record.holder == 0)
		return -ENOENT;
	if (fstat(inside->netns, &info) < 0 || info.st_dev != record.device ||
	    info.st_ino != record.inode)
		return error_set(err, ESTALE, "another namespace is called '%s' now", place->name);
	r = look(place, &found, err);
	if (r >= 0 && r != FOUND_OURS)
		r = hold_again(inside, &record, fd, err);
	return r < 0 ? r : open_holder(record.holder, err);
}

/* ---- using it ---- */

int seal_open(const struct place *place, struct inside *ret, struct error *err)
{
	struct pinned record = {0};
	char holder[PATH_LEN];
	const char *path;
	AUTO_FD int netns = -1;
	int userns;
	int found = look(place, &record, err);

	if (found < 0)
		return found;
	if (found != FOUND_OURS)
		return error_set(err, ENOENT, "there is no namespace '%s'", place->name);
	path_of(place, &record, holder, &path);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return error_errno(err, errno, "cannot open '%s'", path);
	userns = ioctl(netns, NS_GET_USERNS);
	if (userns < 0)
		return error_errno(err, errno, "cannot tell who owns '%s'", path);
	(void)fd_set_cloexec(userns, 1);
	*ret = (struct inside){.netns = take_fd(&netns), .userns = userns};
	return 0;
}

void seal_close(struct inside *inside)
{
	if (inside->netns >= 0)
		(void)close(inside->netns);
	if (inside->userns >= 0)
		(void)close(inside->userns);
	*inside = (struct inside){.netns = -1, .userns = -1};
}

/* The holder is no guest. */
static bool is_guest(const char *pid, const struct stat *namespace, struct seal_guest *ret)
{
	char path[PATH_LEN + 256];
	struct stat info;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
	if (stat(path, &info) < 0 || info.st_dev != namespace->st_dev ||
	    info.st_ino != namespace->st_ino)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	if (fd_read_file(path, ret->name, sizeof(ret->name)) < 0)
		return false;
	ret->name[strcspn(ret->name, "\n")] = '\0';
	ret->pid = (pid_t)strtol(pid, NULL, 10);
	return strcmp(ret->name, "adit-holder") != 0;
}

size_t seal_guests(const struct inside *inside, struct seal_guest *ret, size_t max)
{
	struct stat namespace;
	struct dirent *entry;
	size_t n = 0;
	DIR *proc;

	if (fstat(inside->netns, &namespace) < 0 || !(proc = opendir("/proc")))
		return 0;
	while ((entry = readdir(proc))) {
		struct seal_guest guest;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !is_guest(entry->d_name, &namespace, &guest))
			continue;
		if (n < max)
			ret[n] = guest;
		n++;
	}
	(void)closedir(proc);
	return n;
}

pid_t seal_holder(const struct place *place)
{
	struct pinned record = {0};

	return read_pinned(place->seal, &record, NULL) > 0 ? record.holder : 0;
}

/* ---- taking it away ---- */

static int unpin(const struct place *place, struct error *err)
{
	/* EINVAL: nothing is mounted there */
	if (umount2(place->netns, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return error_errno(err, errno, "cannot unmount '%s'", place->netns);
	if (unlink(place->netns) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove '%s'", place->netns);
	return 0;
}

int seal_remove(const struct place *place, struct error *err)
{
	struct pinned record = {0};
	AUTO_FD int fd = -1;
	int found;
	int r = 0;

	if (access(place->folder, F_OK) < 0)
		return errno == ENOENT
			       ? 0
			       : error_errno(err, errno, "cannot look at '%s'", place->folder);
	fd = open_record(place, err);
	if (fd < 0)
		return fd;
	found = look(place, &record, err);
	if (found < 0)
		return found;
	if (found == FOUND_OURS && record.holder > 0)
		(void)kill(record.holder, SIGKILL);
	else if (found == FOUND_OURS || (found == FOUND_REMAINS && geteuid() == 0))
		r = unpin(place, err);
	if (r == 0)
		place_remove(place);
	return r;
}
