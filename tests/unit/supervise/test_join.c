/* Mirrors src/supervise/join.c */
#include "cmocka_all.h"

#include "supervise/join.h"
#include "supervise/own_folder.h"

#include "base/error.h"
#include "base/fd.h"
#include "supervise/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t key[32] = {0x6a, 0x6f, 0x69, 0x6e};

static struct registry claim(void)
{
	struct registry registry = {.lock = -1, .listen = -1};
	struct error err = {0};
	pid_t holder = 0;

	assert_int_equal(registry_claim(key, &registry, &holder, &err), 0);
	return registry;
}

/* The descriptors that came are those of /proc/self/ns that were sent. */
static void test_the_holders_namespaces_arrive_in_order(void **state)
{
	static const char *const path[CONFINE_NAMESPACES] = {
		[NS_USER] = "/proc/self/ns/user",
		[NS_PID] = "/proc/self/ns/pid",
		[NS_NET] = "/proc/self/ns/net",
		[NS_MNT] = "/proc/self/ns/mnt",
	};
	struct registry registry = claim();
	int ns[CONFINE_NAMESPACES];
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct error err = {0};

		if (join_ask(key, ns, &err) < 0)
			_exit(1);
		for (int i = 0; i < CONFINE_NAMESPACES; i++) {
			struct stat got;
			struct stat wanted;

			if (!path[i] && ns[i] != -1)
				_exit(2);
			if (path[i] && (fstat(ns[i], &got) < 0 || stat(path[i], &wanted) < 0 ||
					got.st_ino != wanted.st_ino))
				_exit(3);
		}
		_exit(0);
	}
	for (int i = 0; i < CONFINE_NAMESPACES; i++)
		ns[i] = path[i] ? open(path[i], O_RDONLY | O_CLOEXEC) : -1;
	assert_int_equal(fcntl(registry.listen, F_SETFL, 0), 0); /* wait for the child */
	join_serve(&registry, ns);
	for (int i = 0; i < CONFINE_NAMESPACES; i++)
		if (ns[i] >= 0)
			(void)close(ns[i]);
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	registry_release(&registry);
}

static void test_nobody_to_join_is_said(void **state)
{
	int ns[CONFINE_NAMESPACES];
	struct error err = {0};

	(void)state;
	assert_int_equal(join_ask(key, ns, &err), -ENOENT);
	assert_non_null(strstr(err.what, "no adit"));
}

/* A holder that is still starting has no namespaces to give. */
static void test_a_holder_without_namespaces_lets_nobody_in(void **state)
{
	static const int none[CONFINE_NAMESPACES] = {-1, -1, -1, -1, -1};
	struct registry registry = claim();
	int ns[CONFINE_NAMESPACES];
	struct error err = {0};
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(join_ask(key, ns, &err) == -EPROTO ? 0 : 1);
	assert_int_equal(fcntl(registry.listen, F_SETFL, 0), 0);
	join_serve(&registry, none);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	registry_release(&registry);
}

static void test_serving_without_a_caller_is_harmless(void **state)
{
	static const int none[CONFINE_NAMESPACES] = {-1, -1, -1, -1, -1};
	struct registry registry = claim();

	(void)state;
	join_serve(&registry, none);
	registry_release(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_holders_namespaces_arrive_in_order),
		cmocka_unit_test(test_nobody_to_join_is_said),
		cmocka_unit_test(test_a_holder_without_namespaces_lets_nobody_in),
		cmocka_unit_test(test_serving_without_a_caller_is_harmless),
	};

	return run_in_own_folder("supervise/join", tests);
}
