/* A user and mount namespace for a child of the test: mounts made there touch
 * nothing outside.
 */
#ifndef ADIT_TESTS_UNIT_CONFINE_MOUNT_NAMESPACE_H
#define ADIT_TESTS_UNIT_CONFINE_MOUNT_NAMESPACE_H

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool mount_namespace_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* In the child.  As process 1 of a run: one id, all capabilities over it. */
static inline bool mount_namespace_enter(void)
{
	char uids[48];
	char gids[48];

	(void)snprintf(uids, sizeof(uids), "%u %u 1", getuid(), getuid());
	(void)snprintf(gids, sizeof(gids), "%u %u 1", getgid(), getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       mount_namespace_write("/proc/self/setgroups", "deny") &&
	       mount_namespace_write("/proc/self/uid_map", uids) &&
	       mount_namespace_write("/proc/self/gid_map", gids) &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

enum { MOUNT_NAMESPACE_NONE = 77 };

/* Runs `body` in a child in such a namespace; its result is the child's status
 * (0 to 76), or MOUNT_NAMESPACE_NONE where there can be none.
 */
static inline int mount_namespace_run(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(mount_namespace_enter() ? body() : MOUNT_NAMESPACE_NONE);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	if (WEXITSTATUS(status) == MOUNT_NAMESPACE_NONE && getenv("ADIT_TESTS_MUST_RUN"))
		return -1;
	return WEXITSTATUS(status);
}

/* The line of `body` that was wrong is the child's status. */
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);      \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

#define RUN_IN_NAMESPACE(body)                                                                     \
	do {                                                                                       \
		int status_ = mount_namespace_run(body);                                           \
		if (status_ == MOUNT_NAMESPACE_NONE)                                               \
			skip();                                                                    \
		assert_int_equal(status_, 0);                                                      \
	} while (0)

#endif
