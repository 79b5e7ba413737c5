/* Mirrors src/confine/bus.c; tests/system/test_confine_sockets.py speaks to the
 * daemon itself.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/bus.h"
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct error err;

static void test_somebody_can_connect_before_the_daemon_runs(void **state)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int listener = bus_listen(folder, &err);
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_true(listener >= 0);
	assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s/bus", folder);
	assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof(name)), 0);
	(void)close(client);
	(void)close(listener);
}

static void test_a_place_that_is_taken_or_missing_is_named(void **state)
{
	(void)state;
	assert_true(folder_write("bus", "", 0600));
	assert_int_equal(bus_listen(folder, &err), -EADDRINUSE);
	assert_non_null(strstr(err.what, folder));
	assert_int_equal(bus_listen("/nonexistent", &err), -ENOENT);
	assert_non_null(strstr(err.what, "/nonexistent/bus"));
}

static void test_the_daemon_is_looked_for_where_distributions_put_it(void **state)
{
	(void)state;
	assert_int_equal(bus_is_available(), access("/usr/bin/dbus-daemon", X_OK) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_somebody_can_connect_before_the_daemon_runs),
		TEST(test_a_place_that_is_taken_or_missing_is_named),
		TEST(test_the_daemon_is_looked_for_where_distributions_put_it),
	};

	return cmocka_run_group_tests_name("confine/bus", tests, NULL, NULL);
}
