/* A network namespace of the test's own, in a user namespace of its own, as an
 * ordinary user has it: nothing outside is touched or seen.
 *
 * The test is not uid 0 in there, as process 1 of a rootless run is not.
 */
#ifndef ADIT_TESTS_UNIT_NAMESPACE_H
#define ADIT_TESTS_UNIT_NAMESPACE_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMESPACE_ID = 1000 }; /* uid and gid inside */

/* What keeps the tests from running; NULL: nothing. */
static const char *namespace_reason;

static inline bool namespace_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return is_written;
}

/* Into a user namespace that has one user, who is root there; false: not here. */
static inline bool namespace_enter_alone(void)
{
	char uid_map[64];
	char gid_map[64];

	(void)snprintf(uid_map, sizeof(uid_map), "0 %u 1", getuid());
	(void)snprintf(gid_map, sizeof(gid_map), "0 %u 1", getgid());
	return unshare(CLONE_NEWUSER) == 0 && namespace_write("/proc/self/setgroups", "deny") &&
	       namespace_write("/proc/self/uid_map", uid_map) &&
	       namespace_write("/proc/self/gid_map", gid_map);
}

/* Once for a test program. */
static inline int namespace_group_setup(void **state)
{
	char uid_map[64];
	char gid_map[64];

	(void)state;
	(void)snprintf(uid_map, sizeof(uid_map), "%d %u 1", NAMESPACE_ID, getuid());
	(void)snprintf(gid_map, sizeof(gid_map), "%d %u 1", NAMESPACE_ID, getgid());
	if (unshare(CLONE_NEWUSER) < 0)
		namespace_reason = "user namespaces are not allowed here";
	else if (!namespace_write("/proc/self/setgroups", "deny") ||
		 !namespace_write("/proc/self/uid_map", uid_map) ||
		 !namespace_write("/proc/self/gid_map", gid_map))
		namespace_reason = "this user namespace takes no ids";
	else if (unshare(CLONE_NEWNET) < 0)
		namespace_reason = "network namespaces are not allowed here";
	else if (access("/dev/net/tun", R_OK | W_OK) < 0)
		namespace_reason = "/dev/net/tun is missing or not for us";
	if (!namespace_reason)
		return 0;
	(void)fprintf(stderr, "SKIP: %s\n", namespace_reason);
	return getenv("ADIT_TESTS_MUST_RUN") ? -1 : 0;
}

/* A fresh network namespace for each test; the old one ends with its sockets. */
static inline int namespace_setup(void **state)
{
	(void)state;
	if (namespace_reason)
		return 0;
	return unshare(CLONE_NEWNET);
}

/* First line of a test that needs it. */
#define NAMESPACE_OR_SKIP()                                                                        \
	do {                                                                                       \
		if (namespace_reason)                                                              \
			skip();                                                                    \
	} while (0)

#endif
