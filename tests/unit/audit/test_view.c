/* Mirrors src/audit/view.c */
#include "cmocka_all.h"

#include "emulated.h"

#include "audit/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/adit-view-XXXXXX";
static int root;

static int make_root(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	root = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	assert_return_code(mkdirat(root, "etc", 0755), errno);
	return 0;
}

static int remove_root(void **state)
{
	static const char *const names[] = {"etc/file", "etc/link", "etc/out", "etc/fifo",
					    "socket"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlinkat(root, names[i], 0);
	(void)unlinkat(root, "etc", AT_REMOVEDIR);
	(void)close(root);
	return rmdir(folder);
}

static void write_text(const char *path, const char *text)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static void expect(const char *path, const char *text)
{
	char found[8];

	view_read(root, path, found, sizeof(found));
	assert_string_equal(found, text);
}

static void test_a_file_is_read_by_links_that_stay_in_the_root(void **state)
{
	(void)state;
	skip_if_emulated("openat2");
	write_text("etc/file", "hello");
	expect("/etc/file", "hello");
	assert_return_code(symlinkat("/etc/file", root, "etc/link"), errno);
	expect("/etc/link", "hello");
}

static void test_a_long_file_is_cut(void **state)
{
	(void)state;
	skip_if_emulated("openat2");
	write_text("etc/file", "hello and more");
	expect("/etc/file", "hello a");
}

static void test_a_link_never_leads_out_of_the_root(void **state)
{
	(void)state;
	assert_return_code(symlinkat("../../../../etc/passwd", root, "etc/out"), errno);
	expect("/etc/out", "");
}

static void test_what_is_no_file_reads_as_nothing_at_once(void **state)
{
	(void)state;
	assert_return_code(mkfifoat(root, "etc/fifo", 0644), errno);
	expect("/etc/fifo", "");
	expect("/etc", "");
	expect("/nothing", "");
}

static void test_a_socket_counts_when_somebody_may_write_to_it(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	skip_if_emulated("openat2");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	assert_false(view_has_socket(root, "/socket"));
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_true(view_has_socket(root, "/socket"));
	assert_return_code(fchmodat(root, "socket", 0, 0), errno);
	assert_false(view_has_socket(root, "/socket"));
	assert_false(view_has_socket(root, "/etc"));
	(void)close(fd);
}

static void test_the_root_of_a_process_is_opened(void **state)
{
	int fd = view_open(getpid());

	(void)state;
	assert_true(fd >= 0);
	(void)close(fd);
	assert_true(view_open(-1) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_is_read_by_links_that_stay_in_the_root),
		cmocka_unit_test(test_a_long_file_is_cut),
		cmocka_unit_test(test_a_link_never_leads_out_of_the_root),
		cmocka_unit_test(test_what_is_no_file_reads_as_nothing_at_once),
		cmocka_unit_test(test_a_socket_counts_when_somebody_may_write_to_it),
		cmocka_unit_test(test_the_root_of_a_process_is_opened),
	};

	return cmocka_run_group_tests_name("audit/view", tests, make_root, remove_root);
}
