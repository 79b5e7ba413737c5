/* Mirrors src/device/socket.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "device/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char directory[80];
static char path[96];
static struct socket_file file;
static struct error err;

static int start(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/adit-test-socket-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(directory, sizeof(directory), "%s/d", folder);
	(void)snprintf(path, sizeof(path), "%s/wg0.sock", directory);
	file = SOCKET_FILE_NONE;
	return 0;
}

static int end(void **state)
{
	(void)state;
	socket_file_close(&file);
	(void)unlink(path);
	(void)rmdir(directory);
	(void)rmdir(folder);
	return 0;
}

static int make(struct socket_file *ret)
{
	return socket_file_make(directory, "wg0", ret, &err);
}

static int try_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int r;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

static bool has_news(void)
{
	struct pollfd news = {.fd = file.watch, .events = POLLIN};

	return poll(&news, 1, 0) == 1;
}

static void test_it_is_made_private_in_a_folder_that_all_may_list(void **state)
{
	mode_t old = umask(0);
	struct stat info;

	(void)state;
	assert_int_equal(make(&file), 0);
	assert_int_equal(umask(old), 0);
	assert_int_equal(stat(directory, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0755);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_true(fcntl(file.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(try_connect(), 0);
	socket_file_remove(&file);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(file.fd, -1);
}

static void test_one_that_somebody_listens_on_is_left_alone_and_named(void **state)
{
	struct socket_file second;

	(void)state;
	assert_int_equal(make(&file), 0);
	assert_int_equal(make(&second), -EADDRINUSE);
	assert_non_null(strstr(err.what, path));
	assert_non_null(strstr(err.what, "in use"));
	assert_int_equal(try_connect(), 0);
}

static void test_one_that_nobody_listens_on_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(make(&file), 0);
	socket_file_close(&file);
	assert_int_equal(try_connect(), -ECONNREFUSED);
	assert_int_equal(make(&file), 0);
	assert_int_equal(try_connect(), 0);
}

static void test_another_kind_of_file_in_its_place_stays(void **state)
{
	(void)state;
	assert_int_equal(mkdir(directory, 0755), 0);
	(void)close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(make(&file), -EADDRINUSE);
	assert_non_null(strstr(err.what, "not a socket"));
	assert_non_null(strstr(err.hint, "remove it"));
	assert_int_equal(access(path, F_OK), 0);
}

static void test_its_removal_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(make(&file), 0);
	assert_false(has_news());
	assert_int_equal(chmod(path, 0660), 0);
	assert_true(has_news());
	assert_false(socket_file_is_gone(&file));
	assert_false(has_news());
	assert_int_equal(unlink(path), 0);
	assert_true(has_news());
	assert_true(socket_file_is_gone(&file));
}

static void test_another_one_in_its_place_is_not_removed(void **state)
{
	char other[120];

	(void)state;
	assert_int_equal(make(&file), 0);
	(void)snprintf(other, sizeof(other), "%s.new", path);
	(void)close(open(other, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(rename(other, path), 0);
	assert_true(has_news());
	assert_true(socket_file_is_gone(&file));
	socket_file_remove(&file);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_a_folder_that_cannot_be_made_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(socket_file_make("/proc/nowhere/d", "wg0", &file, &err), -ENOENT);
	assert_non_null(strstr(err.what, "cannot make the folder"));
	memset(directory, 'x', sizeof(directory) - 1);
	assert_int_equal(
		socket_file_make(directory, "0123456789abcdefghijklmnopqrstuvwxyz", &file, &err),
		-ENAMETOOLONG);
	(void)snprintf(directory, sizeof(directory), "%s/d", folder);
}

static void test_a_listening_socket_of_somebody_else_is_taken(void **state)
{
	struct socket_file made;
	int fd;

	(void)state;
	assert_int_equal(make(&made), 0);
	fd = dup(made.fd);
	socket_file_close(&made);
	assert_int_equal(socket_file_adopt(fd, &file, &err), 0);
	assert_string_equal(file.path, path);
	assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(unlink(path), 0);
	assert_true(has_news());
	assert_true(socket_file_is_gone(&file));
}

static void test_a_socket_without_a_name_has_no_file(void **state)
{
	const struct sockaddr_un nameless = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	/* the kernel chooses a name in its abstract space */
	assert_int_equal(bind(fd, (const struct sockaddr *)&nameless, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(socket_file_adopt(fd, &file, &err), 0);
	assert_int_equal(file.watch, -1);
	socket_file_remove(&file);
}

static void test_what_does_not_listen_is_refused(void **state)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(socket_file_adopt(fd, &file, &err), -EINVAL);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(socket_file_adopt(999, &file, &err), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_made_private_in_a_folder_that_all_may_list),
		TEST(test_one_that_somebody_listens_on_is_left_alone_and_named),
		TEST(test_one_that_nobody_listens_on_is_replaced),
		TEST(test_another_kind_of_file_in_its_place_stays),
		TEST(test_its_removal_is_noticed),
		TEST(test_another_one_in_its_place_is_not_removed),
		TEST(test_a_folder_that_cannot_be_made_is_an_error),
		TEST(test_a_listening_socket_of_somebody_else_is_taken),
		TEST(test_a_socket_without_a_name_has_no_file),
		TEST(test_what_does_not_listen_is_refused),
	};

	return cmocka_run_group_tests_name("device/socket", tests, NULL, NULL);
}
