/* Mirrors src/supervise/folder.c */
#include "cmocka_all.h"

#include "supervise/own_folder.h"

#include "supervise/folder.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char base[FOLDER_PATH_LEN];

static const char *path(const char *name)
{
	static char whole[FOLDER_PATH_LEN + 32];

	(void)snprintf(whole, sizeof(whole), "%s/%s", base, name);
	return whole;
}

static int lock(const char *name, pid_t *ret_holder)
{
	struct error err = {0};

	return folder_lock(path(name), ret_holder, &err);
}

static void test_the_folder_is_in_the_users_runtime_folder(void **state)
{
	char expected[FOLDER_PATH_LEN];
	struct error err = {0};

	(void)state;
	(void)snprintf(expected, sizeof(expected), "%s/adit", getenv("XDG_RUNTIME_DIR"));
	assert_int_equal(folder_find(base, &err), 0);
	assert_string_equal(base, expected);
	assert_int_equal(folder_make(base, &err), 0);
	assert_int_equal(folder_make(base, &err), 0);
}

static void test_a_folder_that_is_a_link_is_refused(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(symlink(base, path("link")), 0);
	assert_int_equal(folder_make(path("link"), &err), -EPERM);
	assert_int_equal(unlink(path("link")), 0);
}

static void test_a_folder_in_a_folder_that_is_not_there_is_an_error(void **state)
{
	struct error err = {0};

	(void)state;
	assert_int_equal(folder_make(path("no/such"), &err), -ENOENT);
	assert_non_null(strstr(err.what, "cannot make"));
}

static void test_a_runtime_folder_whose_name_is_too_long_is_an_error(void **state)
{
	char deep[FOLDER_PATH_LEN + 64];
	char found[FOLDER_PATH_LEN];
	char *before = strdup(getenv("XDG_RUNTIME_DIR"));
	struct error err = {0};

	(void)state;
	(void)snprintf(deep, sizeof(deep), "%s/%0*d", before, FOLDER_PATH_LEN - 20, 1);
	assert_int_equal(mkdir(deep, 0700), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", deep, 1), 0);
	assert_int_equal(folder_find(found, &err), -ENAMETOOLONG);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", before, 1), 0);
	assert_int_equal(rmdir(deep), 0);
	free(before);
}

static void test_a_lock_is_had_once_and_names_its_holder(void **state)
{
	pid_t holder = 0;
	int first = lock("lock", &holder);

	(void)state;
	assert_true(first >= 0);
	assert_int_equal(folder_lock_holder(path("lock")), getpid());
	assert_int_equal(lock("lock", &holder), -EBUSY);
	assert_int_equal(holder, getpid());
	(void)close(first);
	assert_int_equal(folder_lock_holder(path("lock")), 0);
	assert_int_equal(unlink(path("lock")), 0);
	assert_int_equal(folder_lock_holder(path("lock")), 0);
}

static void test_who_holds_a_lock_is_not_nobody_when_it_cannot_be_told(void **state)
{
	pid_t holder = 0;
	int held = lock("lock", &holder);
	struct rlimit limit;
	struct rlimit none;

	(void)state;
	assert_true(held >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	holder = folder_lock_holder(path("lock"));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(holder, -EMFILE);
	assert_int_equal(ftruncate(held, 0), 0);
	assert_int_equal(folder_lock_holder(path("lock")), -EBUSY);
	(void)close(held);
	assert_int_equal(unlink(path("lock")), 0);
}

static void test_asking_who_holds_a_lock_takes_none(void **state)
{
	pid_t holder = 0;
	int first;

	(void)state;
	assert_int_equal(folder_lock_holder(path("lock")), 0);
	assert_int_not_equal(access(path("lock"), F_OK), 0);
	first = lock("lock", &holder);
	assert_true(first >= 0);
	(void)close(first);
}

static void test_the_lock_of_a_killed_process_is_free(void **state)
{
	pid_t holder = 0;
	pid_t pid = fork();
	int mine;

	(void)state;
	if (pid == 0) {
		(void)lock("lock", &holder);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	mine = lock("lock", &holder);
	assert_true(mine >= 0);
	(void)close(mine);
}

static void test_a_socket_left_by_a_crash_is_replaced(void **state)
{
	struct error err = {0};
	int left = folder_listen(path("sock"), &err);
	int listening;
	int ours;
	int theirs;

	(void)state;
	assert_true(left >= 0);
	(void)close(left);
	assert_int_equal(folder_connect(path("sock"), &err), -ENOENT);
	listening = folder_listen(path("sock"), &err);
	assert_true(listening >= 0);
	ours = folder_connect(path("sock"), &err);
	theirs = folder_accept(listening);
	assert_true(ours >= 0);
	assert_true(theirs >= 0);
	assert_int_equal(folder_accept(listening), -EAGAIN);
	(void)close(ours);
	(void)close(theirs);
	(void)close(listening);
}

static void test_a_path_too_long_for_a_socket_is_an_error(void **state)
{
	char deep[200];
	struct error err = {0};

	(void)state;
	memset(deep, 'x', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(folder_listen(deep, &err), -ENAMETOOLONG);
	assert_int_equal(folder_connect(deep, &err), -ENAMETOOLONG);
}

static void test_a_socket_cannot_be_made_where_there_is_no_folder(void **state)
{
	struct error err = {0};

	(void)state;
	assert_true(folder_listen(path("no/sock"), &err) < 0);
	assert_int_equal(lock("no/lock", &(pid_t){0}), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_folder_is_in_the_users_runtime_folder),
		cmocka_unit_test(test_a_folder_that_is_a_link_is_refused),
		cmocka_unit_test(test_a_folder_in_a_folder_that_is_not_there_is_an_error),
		cmocka_unit_test(test_a_runtime_folder_whose_name_is_too_long_is_an_error),
		cmocka_unit_test(test_a_lock_is_had_once_and_names_its_holder),
		cmocka_unit_test(test_who_holds_a_lock_is_not_nobody_when_it_cannot_be_told),
		cmocka_unit_test(test_asking_who_holds_a_lock_takes_none),
		cmocka_unit_test(test_the_lock_of_a_killed_process_is_free),
		cmocka_unit_test(test_a_socket_left_by_a_crash_is_replaced),
		cmocka_unit_test(test_a_path_too_long_for_a_socket_is_an_error),
		cmocka_unit_test(test_a_socket_cannot_be_made_where_there_is_no_folder),
	};

	return run_in_own_folder("supervise/folder", tests);
}
