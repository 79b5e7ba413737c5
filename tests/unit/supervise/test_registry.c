/* Mirrors src/supervise/registry.c */
#include "cmocka_all.h"

#include "supervise/own_folder.h"
#include "supervise/registry.h"

#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint8_t key[32] = {0x61, 0x64, 0x69, 0x74, 0x20, 0x74, 0x65, 0x73};

static struct registry claim(void)
{
	struct registry registry = {.lock = -1, .listen = -1};
	struct error err = {0};
	pid_t holder = 0;

	assert_int_equal(registry_claim(key, &registry, &holder, &err), 0);
	return registry;
}

static void test_a_second_claim_is_told_who_holds_the_key(void **state)
{
	struct registry first = claim();
	struct registry second = {.lock = -1, .listen = -1};
	struct error err = {0};
	pid_t holder = 0;

	(void)state;
	assert_int_equal(registry_claim(key, &second, &holder, &err), -EBUSY);
	assert_int_equal(holder, getpid());
	assert_non_null(strstr(err.what, "key is in use by process"));
	registry_release(&first);
	registry_release(&second);
}

static void test_a_released_key_can_be_claimed_again(void **state)
{
	struct registry registry = claim();

	(void)state;
	registry_release(&registry);
	assert_int_equal(registry.lock, -1);
	registry = claim();
	registry_release(&registry);
}

static void test_the_claim_of_a_killed_process_is_gone(void **state)
{
	pid_t pid = fork();
	struct registry registry;

	(void)state;
	if (pid == 0) {
		(void)claim();
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	registry = claim();
	registry_release(&registry);
}

static void test_the_same_user_can_connect_to_the_holder(void **state)
{
	struct registry registry = claim();
	struct error err = {0};
	int ours = -1;
	int theirs;

	(void)state;
	assert_int_equal(registry_connect(key, &ours, &err), 0);
	theirs = registry_accept(&registry);
	assert_true(theirs >= 0);
	(void)close(ours);
	(void)close(theirs);
	registry_release(&registry);
	assert_int_equal(registry_connect(key, &ours, &err), -ENOENT);
}

static void test_a_folder_that_others_can_enter_is_refused(void **state)
{
	struct registry registry = {.lock = -1, .listen = -1};
	struct error err = {0};
	char folder[64];
	pid_t holder = 0;

	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/adit", getenv("XDG_RUNTIME_DIR"));
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(registry_claim(key, &registry, &holder, &err), -EPERM);
	assert_int_equal(chmod(folder, 0700), 0);
}

/* Its lock and its socket stay. */
static void die_with_claim(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)claim();
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_a_sweep_removes_what_the_killed_left_and_nothing_else(void **state)
{
	struct registry registry = claim();
	char lock[FOLDER_PATH_LEN];
	char socket[FOLDER_PATH_LEN];

	(void)state;
	memcpy(lock, registry.lock_path, sizeof(lock));
	memcpy(socket, registry.socket_path, sizeof(socket));
	registry_sweep();
	assert_int_equal(access(lock, F_OK), 0);
	assert_int_equal(access(socket, F_OK), 0);
	registry_release(&registry);
	die_with_claim();
	assert_int_equal(access(lock, F_OK), 0);
	registry_sweep();
	assert_int_not_equal(access(lock, F_OK), 0);
	assert_int_not_equal(access(socket, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_second_claim_is_told_who_holds_the_key),
		cmocka_unit_test(test_a_released_key_can_be_claimed_again),
		cmocka_unit_test(test_the_claim_of_a_killed_process_is_gone),
		cmocka_unit_test(test_the_same_user_can_connect_to_the_holder),
		cmocka_unit_test(test_a_folder_that_others_can_enter_is_refused),
		cmocka_unit_test(test_a_sweep_removes_what_the_killed_left_and_nothing_else),
	};

	return run_in_own_folder("supervise/registry", tests);
}
