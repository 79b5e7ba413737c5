/* How it works.  The text waits in a memfd that becomes nft's standard input,
 * and what nft says goes to another, so that nobody has to feed or drain a pipe
 * while the other side may be blocked.  posix_spawn() shares our memory until
 * the exec, which costs nothing however large this process is.
 *
 * execve(2) of a user id other than 0 takes every capability away that is not
 * ambient (capabilities(7)); process 1 of a rootless run keeps its user's id.
 * So CAP_NET_ADMIN is made ambient around the spawn, and not for longer.
 *
 * Rejected: libnftables in this process (it prints, and exits when memory is
 * short); a rule encoder of our own (the text would not be what is applied).
 */
#include "net/nft.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	NFT_PATH_LEN = 4096,
	NFT_WORDS_LEN = 512, /* of what nft says are read */
	NFT_WAIT_S = 30,     /* seconds; 3 ms are usual */
	HELD_FD = STDERR_FILENO + 1,
};

/* Where distributions put it; PATH comes after, since the one of an ordinary
 * user often lacks the sbin folders.
 */
static const char *const usual_folders[] = {
	"/usr/sbin", "/usr/local/sbin", "/sbin", "/usr/bin", "/run/current-system/sw/bin",
};

static bool is_program_in(const char *folder, size_t len, char *ret, size_t size)
{
	int n = snprintf(ret, size, "%.*s/nft", (int)len, folder);

	return n > 0 && (size_t)n < size && ret[0] == '/' && access(ret, X_OK) == 0;
}

static bool is_program_on_path(char *ret, size_t size)
{
	const char *at = getenv("PATH");

	while (at && *at) {
		size_t len = strcspn(at, ":");

		if (is_program_in(at, len, ret, size))
			return true;
		at += len;
		at += *at == ':';
	}
	return false;
}

int nft_find(char *ret, size_t size, struct error *err)
{
	int r;

	for (size_t i = 0; i < sizeof(usual_folders) / sizeof(usual_folders[0]); i++)
		if (is_program_in(usual_folders[i], strlen(usual_folders[i]), ret, size))
			return 0;
	if (is_program_on_path(ret, size))
		return 0;
	r = error_set(err, ENOENT, "the program 'nft' is not on this machine");
	error_hint(err, "install the package nftables");
	return r;
}

/* The thread's capabilities as they were, to be put back. */
struct capabilities {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	bool is_raised;
};

/* Without effect where CAP_NET_ADMIN is not ours: nft will say so. */
static void raise_ambient(struct capabilities *saved)
{
	struct __user_cap_data_struct wanted[_LINUX_CAPABILITY_U32S_3];

	*saved = (struct capabilities){.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
	if (geteuid() == 0 || syscall(SYS_capget, &saved->header, saved->data) < 0)
		return;
	memcpy(wanted, saved->data, sizeof(wanted));
	wanted[CAP_TO_INDEX(CAP_NET_ADMIN)].inheritable |= CAP_TO_MASK(CAP_NET_ADMIN);
	if (syscall(SYS_capset, &saved->header, wanted) < 0)
		return;
	saved->is_raised = true;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0);
}

static void put_back(struct capabilities *saved)
{
	if (!saved->is_raised)
		return;
	/* What is no longer inheritable is no longer ambient either. */
	(void)syscall(SYS_capset, &saved->header, saved->data);
}

/* What nft gets; -1 for held: nothing. */
struct files {
	int in;
	int out;
	int held;
};

static int prepare_held(posix_spawn_file_actions_t *actions, int held)
{
	if (held < 0)
		return posix_spawn_file_actions_addclosefrom_np(actions, HELD_FD);
	if (posix_spawn_file_actions_adddup2(actions, held, HELD_FD) != 0)
		return -1;
	return posix_spawn_file_actions_addclosefrom_np(actions, HELD_FD + 1);
}

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes,
		   const struct files *files)
{
	sigset_t none;
	sigset_t all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	if (posix_spawnattr_setsigmask(attributes, &none) != 0 ||
	    posix_spawnattr_setsigdefault(attributes, &all) != 0 ||
	    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) !=
		    0 ||
	    posix_spawn_file_actions_adddup2(actions, files->in, STDIN_FILENO) != 0 ||
	    posix_spawn_file_actions_adddup2(actions, files->out, STDOUT_FILENO) != 0 ||
	    posix_spawn_file_actions_adddup2(actions, files->out, STDERR_FILENO) != 0 ||
	    prepare_held(actions, files->held) != 0)
		return -ENOMEM;
	return 0;
}

/* syscalls: clone3 execve capget capset prctl(PR_CAP_AMBIENT) */
static int spawn(const char *path, const struct files *files, pid_t *ret)
{
	char *const arguments[] = {(char[]){"nft"}, (char[]){"-f"}, (char[]){"-"}, NULL};
	char *const environment[] = {NULL};
	struct capabilities saved;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = prepare(&actions, &attributes, files);
	if (r == 0) {
		raise_ambient(&saved);
		r = -posix_spawn(ret, path, &actions, &attributes, arguments, environment);
		put_back(&saved);
	}
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* False: the child still runs after NFT_WAIT_S.  Without a descriptor to wait
 * for, waitpid(2) has to wait as long as it takes.
 */
static bool wait_for_end(pid_t child)
{
	AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	struct pollfd ended = {.fd = pidfd, .events = POLLIN};
	int n;

	if (pidfd < 0)
		return true;
	do
		n = poll(&ended, 1, NFT_WAIT_S * 1000);
	while (n < 0 && errno == EINTR);
	return n != 0;
}

/* Waits for the child, and kills it when it does not end.  Its wait status. */
static int reap(pid_t child, int *ret_status)
{
	bool is_late = !wait_for_end(child);

	if (is_late)
		(void)kill(child, SIGKILL);
	while (waitpid(child, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return is_late ? -ETIMEDOUT : 0;
}

static int make_file(const char *text, int *ret)
{
	AUTO_FD int fd = memfd_create("nft", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	*ret = take_fd(&fd);
	return 0;
}

/* nft ends with 1 whatever the kernel's reason was, and gives that in words (in
 * English: its environment is empty).
 */
static int read_code(const char *words)
{
	static const int told_apart[] = {EPERM, EEXIST};

	for (size_t i = 0; i < sizeof(told_apart) / sizeof(told_apart[0]); i++)
		if (strstr(words, strerror(told_apart[i])))
			return told_apart[i];
	return EINVAL;
}

/* The first line that nft said, without the name it has for standard input. */
static int refusal(int out, struct error *err)
{
	char words[NFT_WORDS_LEN];
	ssize_t n = pread(out, words, sizeof(words) - 1, 0);
	const char *at = words;
	int code;

	words[n > 0 ? n : 0] = '\0';
	words[strcspn(words, "\n")] = '\0';
	if (strncmp(at, "/dev/stdin:", strlen("/dev/stdin:")) == 0)
		at += strlen("/dev/stdin:");
	code = read_code(at);
	return error_set(err, code, "nft refuses the rules: %s", *at ? at : "no reason given");
}

int nft_apply(const char *ruleset, struct error *err)
{
	return nft_apply_as(ruleset, -1, NULL, err);
}

int nft_apply_as(const char *ruleset, int held, pid_t *ret_child, struct error *err)
{
	char path[NFT_PATH_LEN];
	AUTO_FD int in = -1;
	AUTO_FD int out = -1;
	pid_t child;
	int status;
	int r = nft_find(path, sizeof(path), err);

	if (r < 0)
		return r;
	r = make_file(ruleset, &in);
	if (r == 0)
		r = make_file("", &out);
	if (r < 0)
		return error_errno(err, -r, "cannot write the rules for nft");
	r = spawn(path, &(struct files){in, out, held}, &child);
	if (r < 0)
		return error_errno(err, -r, "cannot run '%s'", path);
	r = reap(child, &status);
	if (r < 0)
		return error_errno(err, -r, "cannot wait for '%s'", path);
	if (WIFSIGNALED(status))
		return error_set(err, EIO, "'%s' was ended by signal %d", path, WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return refusal(out, err);
	if (ret_child)
		*ret_child = child;
	return 0;
}
