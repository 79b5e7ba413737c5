#include "supervise/seal.h"

#include "apply/apply.h"
#include "apply/observe.h"
#include "apply/record.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "confine/namespaces.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "net/residents.h"
#include "plan/plan.h"
#include "supervise/converge.h"
#include "supervise/foreign.h"
#include "supervise/ledger.h"
#include "supervise/names.h"
#include "supervise/orphan.h"
#include "supervise/pinned.h"
#include "supervise/place.h"

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

enum { PATH_LEN = PINNED_PATH_LEN };

/* ---- what is in the way ---- */

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
	uint64_t cookie; /* of the namespace; 0: the kernel has none */
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
	(void)netns_own_cookie(&sealed.cookie, NULL);
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
	struct statfs system;
	int fd;

	if (r < 0)
		return r;
	if (statfs(place->netns, &system) == 0 && system.f_type == NSFS_MAGIC)
		return refuse_others(place, err);
	fd = open(place->netns, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return error_errno(err, errno, "cannot make '%s'", place->netns);
	(void)close(fd);
	if (mount(namespace, place->netns, "none", MS_BIND, NULL) < 0)
		return error_errno(err, errno, "cannot pin the namespace at '%s'", place->netns);
	return 0;
}

/* ---- making it ---- */

static int take_sealed(int socket, uint64_t *ret_cookie, struct error *err)
{
	struct sealed sealed = {0};

	if (fd_read_exact(socket, &sealed, sizeof(sealed)) < 0)
		return error_set(err, ECHILD, "the namespace's first process has ended");
	if (sealed.r < 0 && err)
		*err = sealed.err;
	*ret_cookie = sealed.cookie;
	return sealed.r;
}

static int await_sealed(int socket, pid_t child, uint64_t *ret_cookie, struct error *err)
{
	int r = 0;

	if (geteuid() == 0)
		r = namespaces_map_all(child, err);
	if (r == 0 && geteuid() == 0 && fd_write_all(socket, "", 1) < 0)
		r = error_set(err, ECHILD, "the namespace's first process has ended");
	return r < 0 ? r : take_sealed(socket, ret_cookie, err);
}

/* The namespace is sealed: from here on it may be found. */
static int publish(const struct place *place, int record_fd, pid_t child, uint64_t cookie,
		   struct error *err)
{
	struct pinned record = {
		.holder = geteuid() == 0 ? 0 : child,
		.is_sealed = true,
		.cookie = cookie,
	};
	char path[PATH_LEN];
	struct stat info;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net", child);
	if (stat(path, &info) < 0)
		return error_errno(err, errno, "cannot look at '%s'", path);
	record.device = info.st_dev;
	record.inode = info.st_ino;
	r = pinned_write(record_fd, &record, err);
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
	uint64_t cookie = 0;
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
	r = await_sealed(ends[0], child, &cookie, err);
	if (r == 0)
		r = publish(making->place, record_fd, child, cookie, err);
	if (r == 0 && geteuid() != 0)
		r = fd_write_all(ends[0], "", 1);
	(void)close(ends[0]);
	if (r < 0 || geteuid() == 0)
		end_child(child);
	return r;
}

/* ---- one that others have made ---- */

/* Another of adit's namespaces; *ret_name: which. */
static int find_among_others(const struct place *place, const struct stat *wanted,
			     char ret_name[PROFILE_NAME_LEN], struct error *err)
{
	char **names;
	int n = place_names(&names, err);
	int found = 0;

	for (int i = 0; i < n && !found; i++) {
		struct pinned record = {0};
		struct place other;

		if (strcmp(names[i], place->name) == 0 || place_find(names[i], &other, NULL) < 0 ||
		    pinned_find(&other, &record, NULL) != FOUND_OURS)
			continue;
		found = record.device == wanted->st_dev && record.inode == wanted->st_ino;
		if (found)
			(void)snprintf(ret_name, PROFILE_NAME_LEN, "%s", names[i]);
	}
	if (n >= 0)
		place_names_free(names, n);
	return n < 0 ? n : found;
}

static int refuse_adits(const struct place *place, const struct foreign_origin *origin,
			const struct stat *wanted, struct error *err)
{
	char name[PROFILE_NAME_LEN];
	int r = find_among_others(place, wanted, name, err);

	if (r <= 0)
		return r;
	return error_set(err, EBUSY, "'%s' is the namespace '%s' of adit's", origin->path, name);
}

/* All that must be so before anything is changed. */
static int open_foreign(const struct place *place, const struct foreign_origin *origin,
			struct inside *ret, struct stat *ret_info, struct error *err)
{
	AUTO_FD int netns = -1;
	int r = foreign_open(origin, &netns, err);
	const struct inside inside = {.netns = netns, .userns = -1};

	if (r == 0 && fstat(netns, ret_info) < 0)
		r = error_errno(err, errno, "cannot look at '%s'", origin->path);
	if (r == 0)
		r = refuse_adits(place, origin, ret_info, err);
	if (r == 0)
		r = foreign_examine(&inside, err);
	if (r < 0)
		return r;
	*ret = (struct inside){.netns = take_fd(&netns), .userns = -1};
	return 0;
}

/* Who made it may have pinned it right there. */
static enum pinned_origin origin_of(const struct place *place, const struct stat *namespace)
{
	struct stat pin;

	return stat(place->netns, &pin) == 0 && pin.st_dev == namespace->st_dev &&
			       pin.st_ino == namespace->st_ino
		       ? PINNED_OTHERS
		       : PINNED_PATH;
}

static int pin_foreign(const struct place *place, int netns, struct error *err)
{
	char path[PATH_LEN];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", netns);
	return pin(place, path, err);
}

/* What is noted there is of another namespace, unless the record is of this one. */
static int note_foreign(const struct place *place, const struct inside *inside,
			const struct pinned *record, struct error *err)
{
	struct pinned before = {0};
	int r = 0;

	if (pinned_read(place, &before, NULL) <= 0 || before.cookie != record->cookie) {
		(void)unlink(place->before);
		r = forget_record(place, err);
	}
	return r < 0 ? r : foreign_note(place, inside, err);
}

/* It is found before it is sealed: what a crash leaves is known to be adit's. */
static int seal_foreign(const struct place *place, const struct inside *inside,
			struct pinned *record, int record_fd, struct error *err)
{
	bool is_pinned = record->cookie != 0;
	int r = netns_cookie(inside->netns, &record->cookie, err);

	if (r == 0)
		r = note_foreign(place, inside, record, err);
	if (r == 0)
		r = pinned_write(record_fd, record, err);
	if (r == 0 && record->origin == PINNED_PATH && !is_pinned)
		r = pin_foreign(place, inside->netns, err);
	if (r == 0)
		r = converge_seal(place, inside, err);
	record->is_sealed = true;
	return r < 0 ? r : pinned_write(record_fd, record, err);
}

static int unpin(const struct place *place, struct error *err)
{
	/* EINVAL: nothing is mounted there */
	if (umount2(place->netns, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return error_errno(err, errno, "cannot unmount '%s'", place->netns);
	if (unlink(place->netns) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove '%s'", place->netns);
	return 0;
}

/* As it was; what cannot be undone is found by the next `up` or `down`. */
static void undo_foreign(const struct place *place, const struct inside *inside,
			 const struct pinned *record, int record_fd)
{
	struct pinned ours = {0};
	bool is_ours = pinned_find(place, &ours, NULL) == FOUND_OURS;

	if (foreign_restore(place, inside, NULL) < 0)
		return;
	if (is_ours && record->origin == PINNED_PATH && unpin(place, NULL) < 0)
		return;
	if (ftruncate(record_fd, 0) == 0)
		(void)unlink(place->before);
}

/* `known`: what the record says already, zeroes: nothing. */
static int make_foreign(const struct place *place, const struct foreign_origin *origin,
			const struct pinned *known, int record_fd, struct error *err)
{
	struct pinned record = *known;
	struct inside inside;
	struct stat info = {0};
	AUTO_FD int lock = ledger_lock(err); /* two of one path at once */
	int r = lock < 0 ? lock : open_foreign(place, origin, &inside, &info, err);

	if (r < 0)
		return r;
	record.device = info.st_dev;
	record.inode = info.st_ino;
	if (record.origin == PINNED_OWN)
		record.origin = origin_of(place, &info);
	r = seal_foreign(place, &inside, &record, record_fd, err);
	if (r < 0)
		undo_foreign(place, &inside, &record, record_fd);
	seal_close(&inside);
	return r;
}

/* ---- holding it ---- */

/* In the child, which becomes the holder. */
__attribute__((noreturn)) static void enter_and_hold(const struct inside *inside, int socket)
{
	struct sealed sealed = {0};

	sealed.r = inside_enter(inside, &sealed.err);
	if (sealed.r == 0)
		(void)netns_own_cookie(&sealed.cookie, NULL);
	tell_and_hold(&sealed, socket);
}

static int open_holder(pid_t holder, struct error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, holder, 0);

	return fd < 0 ? error_errno(err, errno, "cannot watch the holder") : fd;
}

/* *record gets another holder; -ESTALE: it is of another namespace. */
static int hold_again(const struct inside *inside, struct pinned *record, int record_fd,
		      struct error *err)
{
	uint64_t cookie = 0;
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
	r = child < 0 ? error_errno(err, -child, "cannot fork")
		      : take_sealed(ends[0], &cookie, err);
	if (r == 0 && record->cookie != 0 && cookie != record->cookie)
		r = error_set(err, ESTALE, "another namespace has the numbers of this one");
	record->holder = child;
	record->cookie = cookie;
	if (r == 0)
		r = pinned_write(record_fd, record, err);
	if (r == 0)
		r = fd_write_all(ends[0], "", 1);
	(void)close(ends[0]);
	if (r < 0 && child > 0)
		end_child(child);
	return r;
}

/* A user's that only those who are inside keep; false: there is none. */
static bool hold_orphan(const struct place *place, int record_fd)
{
	struct pinned record = {0};
	struct inside inside;
	int r = pinned_read(place, &record, NULL);

	if (r <= 0 || record.holder == 0 || orphan_find(&record, &inside) < 0)
		return false;
	r = hold_again(&inside, &record, record_fd, NULL);
	seal_close(&inside);
	if (r == 0)
		log_warn("what held '%s' has ended; it is held again, with what runs inside",
			 place->name);
	return r == 0;
}

/* ---- either ---- */

static int refuse_change(const struct place *place, struct error *err)
{
	error_hint(err, "adit down %s, then adit up %s", place->name, place->name);
	return -EBUSY;
}

/* The place's text is the profile's, which may be gone before the error is told. */
static int tell_where(const struct foreign_origin *origin, int r, struct error *err)
{
	if (origin && origin->path[0] && origin->pos.line > 0)
		(void)error_wrap(err, "%s:%u:%u: Path", origin->pos.path, origin->pos.line,
				 origin->pos.column);
	return r;
}

/* A path is followed once: what it leads to later may be anybody's, as a process's
 * number may.
 */
static int compare_origin(const struct place *place, const struct pinned *record,
			  const struct foreign_origin *origin, struct error *err)
{
	struct inside inside;
	int r;

	if (!origin->path[0] && record->origin == PINNED_OWN)
		return 0;
	if (!origin->path[0] || record->origin == PINNED_OWN) {
		(void)error_set(err, EBUSY, "'%s' is there, and a namespace that %s made",
				place->name, record->origin == PINNED_OWN ? "adit" : "others have");
		return refuse_change(place, err);
	}
	r = seal_open(place, &inside, err);
	if (r < 0)
		return r;
	r = (int)foreign_follow(origin->path, inside.netns);
	seal_close(&inside);
	if (r == FOREIGN_ELSEWHERE) {
		(void)error_set(err, EBUSY,
				"'%s' leads to another namespace now than the one that "
				"is '%s'",
				origin->path, place->name);
		return refuse_change(place, err);
	}
	if (r == FOREIGN_NOWHERE)
		log_warn("'%s' is gone; '%s' is still what it led to", origin->path, place->name);
	return 0;
}

/* What is there stays as it is; what is not, or not wholly, is made. */
static int make_or_find(const struct making *making, const struct foreign_origin *origin,
			int record_fd, bool *ret_was_there, struct error *err)
{
	const struct place *place = making->place;
	struct pinned record = {0};
	int found = pinned_find(place, &record, err);
	bool is_foreign = origin && origin->path[0];
	int r;

	if (found == FOUND_REMAINS && !is_foreign && hold_orphan(place, record_fd))
		found = pinned_find(place, &record, err);
	r = found;
	if (found == FOUND_OTHERS && !is_foreign)
		return refuse_others(place, err);
	if (found == FOUND_OURS)
		r = origin ? compare_origin(place, &record, origin, err) : 0;
	if (r == 0 && found == FOUND_OURS && !record.is_sealed && !is_foreign)
		r = error_set(err, EBUSY, "'%s' is half made, and its file has errors",
			      place->name);
	if (r < 0)
		return r;
	if (ret_was_there)
		*ret_was_there = found == FOUND_OURS && record.is_sealed;
	r = names_ensure(place, err);
	if (r < 0 || (found == FOUND_OURS && record.is_sealed))
		return r;
	if (is_foreign)
		return make_foreign(place, origin, &record, record_fd, err);
	r = forget_record(place, err);
	return r < 0 ? r : make(making, record_fd, err);
}

int seal_make(const struct place *place, const struct foreign_origin *origin,
	      const struct plan *plan, bool *ret_was_there, struct error *err)
{
	const struct making making = {place, plan, geteuid(), getegid()};
	int r = place_make(place, err);
	AUTO_FD int fd = r == 0 ? pinned_lock(place, err) : r;

	if (fd < 0)
		return fd;
	r = make_or_find(&making, origin, fd, ret_was_there, err);
	return r < 0 ? tell_where(origin, r, err) : r;
}

int seal_check(const struct place *place, const struct foreign_origin *origin, struct error *err)
{
	struct inside inside = {.netns = -1, .userns = -1};
	struct pinned record = {0};
	struct stat info;
	int r = pinned_find(place, &record, err);

	if (r == FOUND_OURS)
		r = compare_origin(place, &record, origin, err);
	else if (r >= 0 && origin->path[0])
		r = open_foreign(place, origin, &inside, &info, err);
	seal_close(&inside);
	return r < 0 ? tell_where(origin, r, err) : 0;
}

int seal_hold(const struct place *place, const struct inside *inside, struct error *err)
{
	AUTO_FD int fd = pinned_lock(place, err);
	struct pinned record = {0};
	struct pinned found = {0};
	struct stat info;
	int r;

	if (fd < 0)
		return fd;
	r = pinned_read(place, &record, err);
	if (r < 0)
		return r;
	if (r == 0 || record.holder == 0)
		return -ENOENT;
	if (fstat(inside->netns, &info) < 0 || info.st_dev != record.device ||
	    info.st_ino != record.inode)
		return error_set(err, ESTALE, "another namespace is called '%s' now", place->name);
	r = pinned_find(place, &found, err);
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
	int userns = -1;
	int found = pinned_find(place, &record, err);

	if (found < 0)
		return found;
	if (found != FOUND_OURS)
		return error_set(err, ENOENT, "there is no namespace '%s'", place->name);
	path = pinned_path(place, &record, holder);
	netns = open(path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return error_errno(err, errno, "cannot open '%s'", path);
	/* whoever owns what others have made, root enters it as it is */
	if (record.origin == PINNED_OWN)
		userns = ioctl(netns, NS_GET_USERNS);
	if (userns < 0 && record.origin == PINNED_OWN)
		return error_errno(err, errno, "cannot tell who owns '%s'", path);
	if (userns >= 0)
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

struct guests {
	struct seal_guest *guest;
	size_t n; /* there are */
	size_t max;
};

/* The holder is no guest. */
static int add_guest(void *context, pid_t pid)
{
	struct guests *guests = context;
	struct seal_guest guest = {.pid = pid};
	char path[PATH_LEN];

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (fd_read_file(path, guest.name, sizeof(guest.name)) < 0)
		return 0;
	guest.name[strcspn(guest.name, "\n")] = '\0';
	if (strcmp(guest.name, "adit-holder") == 0)
		return 0;
	if (guests->n < guests->max)
		guests->guest[guests->n] = guest;
	guests->n++;
	return 0;
}

size_t seal_guests(const struct inside *inside, struct seal_guest *ret, size_t max)
{
	struct guests guests = {.guest = ret, .max = max};
	struct stat namespace;

	if (fstat(inside->netns, &namespace) == 0)
		(void)residents_each(&namespace, add_guest, &guests);
	return guests.n;
}

pid_t seal_holder(const struct place *place)
{
	struct pinned record = {0};

	return pinned_read(place, &record, NULL) > 0 ? record.holder : 0;
}

/* ---- taking it away ---- */

/* Who is inside stays sealed. */
static int leave_foreign(const struct place *place, bool is_undone, struct error *err)
{
	struct inside inside;
	int r = seal_open(place, &inside, err);

	if (r < 0)
		return r;
	if (is_undone || seal_guests(&inside, NULL, 0) == 0)
		r = foreign_restore(place, &inside, err);
	seal_close(&inside);
	return r;
}

static int let_go(const struct place *place, enum pinned_found found, bool is_undone,
		  struct error *err)
{
	struct pinned record = {0};
	int r = pinned_read(place, &record, err);

	if (r < 0)
		return r;
	if (found == FOUND_OURS && record.holder > 0) {
		(void)kill(record.holder, SIGKILL);
		return 0;
	}
	r = 0;
	if (found == FOUND_OURS && record.origin != PINNED_OWN)
		r = leave_foreign(place, is_undone, err);
	if (r < 0 || record.origin == PINNED_OTHERS)
		return r;
	return found == FOUND_OURS || (found == FOUND_REMAINS && geteuid() == 0) ? unpin(place, err)
										 : 0;
}

static int take_away(const struct place *place, bool is_undone, struct error *err)
{
	struct pinned record = {0};
	AUTO_FD int fd = -1;
	int found;
	int r;

	if (access(place->folder, F_OK) < 0)
		return errno == ENOENT
			       ? 0
			       : error_errno(err, errno, "cannot look at '%s'", place->folder);
	fd = pinned_lock(place, err);
	if (fd < 0)
		return fd;
	found = pinned_find(place, &record, err);
	if (found < 0)
		return found;
	r = let_go(place, (enum pinned_found)found, is_undone, err);
	if (r == 0)
		place_remove(place);
	return r;
}

int seal_remove(const struct place *place, struct error *err)
{
	return take_away(place, false, err);
}

bool seal_forget(const struct place *place)
{
	AUTO_FD int fd = pinned_lock(place, NULL);
	struct pinned record;

	if (fd < 0 || pinned_read(place, &record, NULL) != 0 || ledger_exists(place))
		return false;
	place_remove(place);
	return true;
}

int seal_undo(const struct place *place, struct error *err)
{
	return take_away(place, true, err);
}
