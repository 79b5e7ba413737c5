/* Mirrors src/confine/namespaces.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/error.h"
#include "base/fd.h"
#include "confine/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error err;

enum { NONE = 77 }; /* no user namespaces on this machine */

static int in_child(unsigned long flags, int (*body)(void))
{
	int status;
	pid_t pid = namespaces_fork(flags);

	if (pid == 0)
		_exit(body());
	if (pid < 0)
		return getenv("ADIT_TESTS_MUST_RUN") ? -1 : NONE;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#define IN_CHILD(flags, body)                                                                      \
	do {                                                                                       \
		int status_ = in_child(flags, body);                                               \
		if (status_ == NONE)                                                               \
			skip();                                                                    \
		assert_int_equal(status_, 0);                                                      \
	} while (0)

static uid_t before_uid;
static gid_t before_gid;

static int keep_ids(void)
{
	if (getuid() == before_uid && before_uid != 65534)
		return 1; /* not mapped yet */
	if (namespaces_map_self(before_uid, before_gid, &err) < 0)
		return 2;
	return getuid() == before_uid && getgid() == before_gid ? 0 : 3;
}

static void test_ids_stay_what_they_were(void **state)
{
	(void)state;
	before_uid = getuid();
	before_gid = getgid();
	IN_CHILD(CLONE_NEWUSER, keep_ids);
}

static int map_twice(void)
{
	if (namespaces_map_self(before_uid, before_gid, &err) < 0)
		return 1;
	return namespaces_map_self(before_uid, before_gid, &err) == -EPERM &&
			       strstr(err.what, "/proc/self/")
		       ? 0
		       : 2;
}

static void test_ids_are_mapped_once(void **state)
{
	(void)state;
	before_uid = getuid();
	before_gid = getgid();
	IN_CHILD(CLONE_NEWUSER, map_twice);
}

static void test_root_maps_every_id_to_itself(void **state)
{
	char map[256];
	char path[64];
	int gate[2];
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	skip_if_emulated("clone(2) into a namespace");
	assert_int_equal(pipe(gate), 0);
	pid = namespaces_fork(CLONE_NEWUSER);
	if (pid == 0) {
		char byte;

		(void)close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 0 && getuid() == 0 && setuid(1234) == 0 ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(namespaces_map_all(pid, &err), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	assert_int_equal(fd_read_file(path, map, sizeof(map)), 0);
	assert_non_null(strstr(map, "0          0 "));
	(void)close(gate[0]);
	(void)close(gate[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(namespaces_map_all(pid, &err) < 0);
}

static void test_our_own_are_opened_and_closed(void **state)
{
	int ns[CONFINE_NAMESPACES];

	(void)state;
	assert_int_equal(namespaces_open(true, ns, &err), 0);
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++)
		assert_true(fcntl(ns[i], F_GETFD) & FD_CLOEXEC);
	namespaces_close(ns);
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++)
		assert_int_equal(ns[i], -1);
	namespaces_close(ns);
	assert_int_equal(namespaces_open(false, ns, &err), 0);
	assert_int_equal(ns[NS_IPC], -1);
	namespaces_close(ns);
}

static ino_t own_netns(void)
{
	struct stat status;

	return stat("/proc/self/ns/net", &status) == 0 ? status.st_ino : 0;
}

static int join_those_of_another(void)
{
	int ns[CONFINE_NAMESPACES];
	ino_t before = own_netns();
	int pair[2];
	pid_t pid;

	if (pipe(pair) < 0)
		return 1;
	pid = namespaces_fork(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC);
	if (pid == 0) {
		char byte;

		(void)close(pair[1]);
		_exit(read(pair[0], &byte, 1) == 0 ? 0 : 1);
	}
	for (size_t i = 0; i < CONFINE_NAMESPACES; i++) {
		static const char *const names[] = {"user", "pid", "net", "ipc", "mnt"};
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		ns[i] = i == NS_PID ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		if (ns[i] < 0 && i != NS_PID)
			return 2;
	}
	if (namespaces_join(ns, &err) < 0 || own_netns() == before)
		return 3;
	(void)close(pair[1]);
	return 0;
}

static void test_those_of_another_are_joined(void **state)
{
	int ns[CONFINE_NAMESPACES] = {0, -1, -1, -1, -1};

	(void)state;
	skip_if_emulated("clone(2) into a namespace");
	IN_CHILD(0, join_those_of_another);
	assert_true(namespaces_join(ns, &err) < 0);
	assert_non_null(strstr(err.what, "(user)"));
}

static void test_flags_that_are_none_are_refused(void **state)
{
	(void)state;
	assert_int_equal(namespaces_fork(CLONE_NEWUSER | CLONE_FS), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids_stay_what_they_were),
		cmocka_unit_test(test_ids_are_mapped_once),
		cmocka_unit_test(test_root_maps_every_id_to_itself),
		cmocka_unit_test(test_our_own_are_opened_and_closed),
		cmocka_unit_test(test_those_of_another_are_joined),
		cmocka_unit_test(test_flags_that_are_none_are_refused),
	};

	return cmocka_run_group_tests_name("confine/namespaces", tests, NULL, NULL);
}
