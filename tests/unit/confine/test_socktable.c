/* Mirrors src/confine/socktable.c. */
#include "cmocka_all.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "confine/socktable.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char header[] = "Num       RefCount Protocol Flags    Type St Inode Path\n";

struct names {
	char text[512];
	const char *looked_for;
	bool is_found;
};

static void collect(void *context, const char *name, size_t len)
{
	struct names *names = context;
	size_t at = strlen(names->text);

	(void)snprintf(names->text + at, sizeof(names->text) - at, "[%.*s]", (int)len, name);
}

static void find(void *context, const char *name, size_t len)
{
	struct names *names = context;

	if (strlen(names->looked_for) == len && strncmp(name, names->looked_for, len) == 0)
		names->is_found = true;
}

static void test_names_are_found_and_abstract_or_missing_ones_left_out(void **state)
{
	struct names names = {0};
	char text[1024];

	(void)state;
	(void)snprintf(
		text, sizeof(text), "%s%s", header,
		"0000000000000000: 00000002 00000000 00010000 0001 01 19212 /run/a b\n"
		"0000000000000000: 00000003 00000000 00000000 0001 03 26217\n"
		"0000000000000000: 00000002 00000000 00010000 0001 01 18222 @/tmp/.X11-unix/X0\n"
		"nonsense\n"
		"0000000000000000: 00000002 00000000 00010000 0005 01 18223 relative");
	socktable_each(text, collect, &names);
	assert_string_equal(names.text, "[/run/a b][relative]");
}

static bool is_in_table(const char *path)
{
	struct names names = {.looked_for = path};
	AUTO_FREE char *table = NULL;

	assert_int_equal(socktable_read(&table, NULL), 0);
	socktable_each(table, find, &names);
	return names.is_found;
}

/* In a child, that stays until it is killed; in a network namespace of its own
 * with CLONE_NEWNET.
 */
static pid_t listen_in_child(const char *folder, const char *name, int flags)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int ends[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		int fd;

		(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", name);
		if (chdir(folder) < 0 || (flags && unshare(flags) < 0))
			_exit(1);
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		    listen(fd, 1) < 0 || write(ends[1], "", 1) != 1)
			_exit(1);
		(void)pause();
		_exit(0);
	}
	(void)close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		(void)waitpid(child, NULL, 0);
		child = -1;
	}
	(void)close(ends[0]);
	return child;
}

static void end(pid_t child)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

static void check(const char *name, bool is_relative, int flags)
{
	char folder[] = "/tmp/adit-socktable-XXXXXX";
	char path[64];
	char bound[64];
	pid_t child;
	bool is_found;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	(void)snprintf(bound, sizeof(bound), "%s", is_relative ? name : path);
	child = listen_in_child(folder, bound, flags);
	is_found = child > 0 && is_in_table(path);
	if (child > 0)
		end(child);
	(void)unlink(path);
	(void)rmdir(folder);
	if (child < 0)
		skip(); /* no namespaces for this user */
	assert_true(is_found);
}

static void test_socket_of_this_network_namespace_is_found(void **state)
{
	(void)state;
	check("own", false, 0);
}

static void test_socket_of_another_network_namespace_is_found(void **state)
{
	(void)state;
	check("other", false, geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET);
}

static void test_relative_name_is_found_below_its_process_folder(void **state)
{
	(void)state;
	check("relative", true, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_found_and_abstract_or_missing_ones_left_out),
		cmocka_unit_test(test_socket_of_this_network_namespace_is_found),
		cmocka_unit_test(test_socket_of_another_network_namespace_is_found),
		cmocka_unit_test(test_relative_name_is_found_below_its_process_folder),
	};

	return cmocka_run_group_tests_name("confine/socktable", tests, NULL, NULL);
}
