/* Mirrors src/supervise/notify.c */
#include "cmocka_all.h"

#include "supervise/notify.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* systemd's side, at a name of its own. */
static int listen_as_systemd(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char name[64];
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int len = snprintf(name, sizeof(name), "@adit-test-%d", getpid());

	memcpy(at.sun_path, name, (size_t)len);
	at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
			 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	return fd;
}

static void expect(int systemd, const char *expected)
{
	char text[256] = "";
	ssize_t n = recv(systemd, text, sizeof(text) - 1, 0);

	assert_int_equal(n, strlen(expected));
	assert_string_equal(text, expected);
}

static void test_assignments_reach_systemd(void **state)
{
	AUTO_FD int systemd = listen_as_systemd();
	struct notify notify;

	(void)state;
	notify_open(&notify);
	assert_null(getenv("NOTIFY_SOCKET"));
	notify_send(&notify, "STATUS=%s", "tunnel up");
	expect(systemd, "STATUS=tunnel up");
	notify_close(&notify);
	notify_send(&notify, "READY=1");
	assert_int_equal(recv(systemd, &(char){0}, 1, 0), -1);
}

static void test_a_text_that_does_not_fit_is_not_sent_in_part(void **state)
{
	AUTO_FD int systemd = listen_as_systemd();
	struct notify notify;

	(void)state;
	notify_open(&notify);
	notify_send(&notify, "STATUS=%2000d", 1);
	assert_int_equal(recv(systemd, &(char){0}, 1, 0), -1);
	notify_close(&notify);
}

static void test_without_systemd_nothing_happens(void **state)
{
	static const char *const wrong[] = {"relative", "/no/such/socket", "/", "@"};
	struct notify notify;

	(void)state;
	notify_open(&notify);
	assert_int_equal(notify.socket, -1);
	notify_send(&notify, "READY=1");
	notify_store(&notify, "tun", 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", wrong[i], 1), 0);
		notify_open(&notify);
		assert_int_equal(notify.socket, -1);
	}
}

static void test_the_watchdog_is_ours_when_it_names_us(void **state)
{
	struct notify notify;
	char pid[16];

	(void)state;
	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	notify_open(&notify);
	assert_int_equal(notify.watchdog_ns, 30 * NS_PER_S);
	assert_int_equal(setenv("WATCHDOG_USEC", "30000000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	notify_open(&notify);
	assert_int_equal(notify.watchdog_ns, 0);
	assert_int_equal(setenv("WATCHDOG_USEC", "soon", 1), 0);
	notify_open(&notify);
	assert_int_equal(notify.watchdog_ns, 0);
}

static void test_a_stored_descriptor_replaces_the_one_before(void **state)
{
	AUTO_FD int systemd = listen_as_systemd();
	AUTO_FD int kept = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct notify notify;
	char text[256] = "";
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;

	(void)state;
	notify_open(&notify);
	notify_store(&notify, "tun", kept);
	expect(systemd, "FDSTOREREMOVE=1\nFDNAME=tun");
	assert_true(fd_receive(systemd, text, sizeof(text) - 1, fds, &n_fds) > 0);
	assert_string_equal(text, "FDSTORE=1\nFDPOLL=0\nFDNAME=tun");
	assert_int_equal(n_fds, 1);
	(void)close(fds[0]);
	notify_close(&notify);
}

static void set_stored(const char *count, const char *names)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%d", getpid());
	assert_int_equal(setenv("LISTEN_PID", pid, 1), 0);
	assert_int_equal(setenv("LISTEN_FDS", count, 1), 0);
	assert_int_equal(setenv("LISTEN_FDNAMES", names, 1), 0);
}

static void test_what_a_predecessor_stored_is_found_by_name(void **state)
{
	int before = dup(3); /* whatever is there is not to be lost */
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(dup2(null, 3), 3);
	assert_int_equal(dup2(null, 4), 4);
	set_stored("2", "other:tun");
	assert_int_equal(notify_take("tun"), 4);
	assert_true(fcntl(4, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(notify_take("other"), 3);
	assert_int_equal(notify_take("tu"), -1);
	set_stored("1", "other:tun");
	assert_int_equal(notify_take("tun"), -1);
	set_stored("many", "tun");
	assert_int_equal(notify_take("tun"), -1);
	set_stored("1", "tun");
	assert_int_equal(setenv("LISTEN_PID", "1", 1), 0);
	assert_int_equal(notify_take("tun"), -1);
	if (before >= 0)
		(void)dup2(before, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assignments_reach_systemd),
		cmocka_unit_test(test_a_text_that_does_not_fit_is_not_sent_in_part),
		cmocka_unit_test(test_without_systemd_nothing_happens),
		cmocka_unit_test(test_the_watchdog_is_ours_when_it_names_us),
		cmocka_unit_test(test_a_stored_descriptor_replaces_the_one_before),
		cmocka_unit_test(test_what_a_predecessor_stored_is_found_by_name),
	};

	return cmocka_run_group_tests_name("supervise/notify", tests, NULL, NULL);
}
