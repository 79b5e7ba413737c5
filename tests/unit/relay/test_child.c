/* Mirrors src/relay/child.c
 *
 * Hostile code in either process: each case is a process of its own, under the
 * filter, that does what an intruder would, with sockets as that process has.
 */
#include "cmocka_all.h"

#include "emulated.h"
#include "loopback.h"

#include "base/error.h"
#include "relay/child.h"
#include "relay/counters.h"
#include "relay/message.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What an intruder finds. */
static int listener;
static int accepted;
static int udp;
static union endpoint elsewhere;

static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

static int setup(void **state)
{
	union endpoint at;
	int pair[2];

	(void)state;
	listener = loopback_server(SOCK_STREAM, &at);
	udp = loopback_server(SOCK_DGRAM, &elsewhere);
	loopback_pair(pair);
	accepted = pair[1];
	return 0;
}

static int run(int (*filter)(void), long (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || filter() < 0)
			_exit(111);
		_exit(body() < 0 ? 1 : 0);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* ---- what both would like ---- */

static long open_file(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long start_program(void)
{
	char *none[] = {NULL};

	return execve("/bin/true", none, none);
}

static long start_process(void)
{
	return fork();
}

static long trace(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0);
}

static long ring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long change_namespace(void)
{
	return syscall(SYS_setns, 0, 0);
}

static long signal_parent(void)
{
	return kill(getppid(), SIGTERM);
}

static long copy_descriptor(void)
{
	return dup(udp);
}

static long take_descriptor(void)
{
	return syscall(SYS_pidfd_getfd, 0, 0, 0);
}

static long open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW, 0);
}

static long open_local(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long open_raw(void)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static long open_packet(void)
{
	return socket(AF_PACKET, SOCK_DGRAM, 0);
}

static long listen_again(void)
{
	return listen(accepted, 1);
}

static long bind_anew(void)
{
	return bind(udp, &elsewhere.any, endpoint_len(&elsewhere));
}

static long mark(void)
{
	int one = 1;

	return setsockopt(udp, SOL_SOCKET, SO_MARK, &one, sizeof(one));
}

static long choose_device(void)
{
	return setsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2);
}

static long map_code(void)
{
	return (long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static long send_several(void)
{
	struct mmsghdr message = {
		.msg_hdr = {.msg_name = &elsewhere, .msg_namelen = sizeof(elsewhere.v4)}};

	return sendmmsg(udp, &message, 1, 0);
}

static long control_device(void)
{
	int n;

	return ioctl(accepted, FIONREAD, &n);
}

/* ---- what only the pump's sockets are good for ---- */

static long disconnect(void)
{
	return connect(accepted, &nowhere, sizeof(nowhere));
}

static long disconnect_listener(void)
{
	return connect(listener, &nowhere, sizeof(nowhere));
}

static long connect_elsewhere(void)
{
	return connect(udp, &elsewhere.any, endpoint_len(&elsewhere));
}

static long address(void)
{
	return sendto(udp, "leak", 4, 0, &elsewhere.any, endpoint_len(&elsewhere));
}

static long address_message(void)
{
	struct msghdr message = {.msg_name = &elsewhere, .msg_namelen = sizeof(elsewhere.v4)};

	return sendmsg(udp, &message, 0);
}

static long open_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long open_pair(void)
{
	int pair[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static long share(void)
{
	int one = 1;

	return setsockopt(udp, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
}

static long change_flags(void)
{
	return fcntl(udp, F_SETFL, 0);
}

/* ---- what only the connector would like ---- */

static long accept_here(void)
{
	return accept(listener, NULL, NULL);
}

static long receive_descriptors(void)
{
	struct msghdr message = {0};

	return recvmsg(udp, &message, 0);
}

struct attack {
	const char *name;
	long (*body)(void);
};

static const struct attack common[] = {
	{"open", open_file},
	{"execve", start_program},
	{"fork", start_process},
	{"ptrace", trace},
	{"io_uring_setup", ring},
	{"setns", change_namespace},
	{"kill", signal_parent},
	{"dup", copy_descriptor},
	{"pidfd_getfd", take_descriptor},
	{"netlink socket", open_netlink},
	{"UNIX socket", open_local},
	{"raw socket", open_raw},
	{"packet socket", open_packet},
	{"listen", listen_again},
	{"bind", bind_anew},
	{"SO_MARK", mark},
	{"SO_BINDTODEVICE", choose_device},
	{"code", map_code},
	{"sendmmsg", send_several},
	{"ioctl", control_device},
};

static const struct attack on_pump[] = {
	{"connect(AF_UNSPEC)", disconnect},
	{"connect(AF_UNSPEC) on a listener", disconnect_listener},
	{"connect", connect_elsewhere},
	{"sendto with an address", address},
	{"sendmsg with an address", address_message},
	{"socket", open_socket},
	{"socketpair", open_pair},
	{"SO_REUSEPORT", share},
	{"fcntl(F_SETFL)", change_flags},
};

static const struct attack on_connector[] = {
	{"accept", accept_here},
	{"recvmsg", receive_descriptors},
	{"socketpair", open_pair},
};

static void expect_killed(int (*filter)(void), const struct attack *attacks, size_t n)
{
#ifdef ADIT_SANITIZED
	(void)filter;
	(void)attacks;
	(void)n;
	skip();
#else
	for (size_t i = 0; i < n; i++) {
		int status = run(filter, attacks[i].body);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: status %#x", attacks[i].name, status);
	}
#endif
}

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static void test_hostile_code_in_the_pump_reaches_nobody_new(void **state)
{
	(void)state;
	skip_if_emulated("seccomp(2)");
	expect_killed(child_filter_pump, common, N_OF(common));
	expect_killed(child_filter_pump, on_pump, N_OF(on_pump));
}

static void test_hostile_code_in_the_connector_opens_connections_and_no_more(void **state)
{
	(void)state;
	skip_if_emulated("seccomp(2)");
	expect_killed(child_filter_connector, common, N_OF(common));
	expect_killed(child_filter_connector, on_connector, N_OF(on_connector));
}

static long use_pump(void)
{
	int pipe[2];
	const struct linger at_once = {1, 0};

	if (pipe2(pipe, O_CLOEXEC) < 0 || fcntl(pipe[1], F_SETPIPE_SZ, 65536) < 0)
		return -1;
	if (send(accepted, "x", 1, MSG_NOSIGNAL) != 1 || write(accepted, "x", 1) != 1)
		return -1;
	if (send(udp, "x", 1, 0) == 1) /* whom would it go to */
		return -1;
	if (setsockopt(accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
		return -1;
	return shutdown(accepted, SHUT_WR);
}

static long use_connector(void)
{
	static const int domains[] = {AF_INET, AF_INET6};
	int one = 1;

	for (int i = 0; i < 2; i++) {
		int tcp = socket(domains[i], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (tcp < 0 || socket(domains[i], SOCK_DGRAM | SOCK_NONBLOCK, 0) < 0)
			return -1;
		if (setsockopt(tcp, IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one)) < 0)
			return -1;
	}
	return 0;
}

static void test_what_they_need_is_left_to_them(void **state)
{
	(void)state;
	skip_if_emulated("seccomp(2)");
	assert_int_equal(run(child_filter_pump, use_pump), 0);
	assert_int_equal(run(child_filter_connector, use_connector), 0);
}

/* ---- the processes ---- */

static size_t count_descriptors(pid_t pid)
{
	char path[64];
	size_t n = 0;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return 0;
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n - 2; /* . and .. */
}

static void read_status(pid_t pid, const char *key, char *ret, size_t size)
{
	char line[256];
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	*ret = '\0';
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			(void)snprintf(ret, size, "%.*s", (int)strcspn(line + strlen(key), "\n"),
				       line + strlen(key));
	(void)fclose(file);
}

/* Waits until it is under its filter. */
static void expect_confined(pid_t pid)
{
	char text[128] = "";

	for (int tries = 0; strcmp(text, "\t2") != 0; tries++) {
		assert_true(tries < 5000);
		(void)usleep(1000);
		read_status(pid, "Seccomp:", text, sizeof(text));
	}
	read_status(pid, "NoNewPrivs:", text, sizeof(text));
	assert_string_equal(text, "\t1");
	read_status(pid, "CapEff:", text, sizeof(text));
	assert_string_equal(text, "\t0000000000000000");
}

static void expect_end(struct child *child, int wanted)
{
	int status;

	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), wanted);
	(void)close(child->pidfd);
	*child = CHILD_NONE;
}

static void test_a_pump_has_one_socket_and_ends_with_it(void **state)
{
	struct pump_options options = {.limits = {512, 8, 8, 8, 8}};
	const struct child_ids ids = {.has_ids = geteuid() == 0, .uid = 65534, .gid = 65534};
	struct child child;
	int pair[2];

	(void)state;
	skip_if_emulated("seccomp(2)");
	options.counters = mmap(NULL, RELAY_FORWARDS_MAX * sizeof(struct counters),
				PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	options.control = pair[1];
	assert_int_equal(child_start_pump(&options, &ids, &child), 0);
	(void)close(pair[1]);
	expect_confined(child.pid);
	if (geteuid() == 0) /* 0 to 2, the socket, two epolls */
		assert_in_range(count_descriptors(child.pid), 5, 6);
	(void)close(pair[0]);
	expect_end(&child, 0);
}

static void test_a_connector_has_one_socket_and_ends_with_it(void **state)
{
	const struct relay_forward forward = {.inside = {80, 80}};
	struct connector_options options = {.forward = &forward, .n_forwards = 1};
	const struct child_place here = {-1, -1};
	const struct child_ids ids = {0};
	struct child child;
	int pair[2];

	(void)state;
	skip_if_emulated("seccomp(2)");
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	options.channel = pair[1];
	assert_int_equal(child_start_connector(&options, &here, &ids, &child), 0);
	(void)close(pair[1]);
	expect_confined(child.pid);
	if (geteuid() == 0)
		assert_in_range(count_descriptors(child.pid), 4, 5);
	(void)close(pair[0]);
	expect_end(&child, 0);
}

static void test_a_namespace_that_cannot_be_entered_ends_it(void **state)
{
	struct connector_options options = {0};
	const struct child_ids ids = {0};
	struct child_place place = {-1, -1};
	struct child child;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	options.channel = pair[1];
	place.netns = pair[0]; /* is none */
	assert_int_equal(child_start_connector(&options, &place, &ids, &child), 0);
	expect_end(&child, 1);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void test_it_can_be_stopped_at_any_time(void **state)
{
	struct connector_options options = {0};
	const struct child_place here = {-1, -1};
	const struct child_ids ids = {0};
	struct child child;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	options.channel = pair[1];
	assert_int_equal(child_start_connector(&options, &here, &ids, &child), 0);
	child_stop(&child);
	assert_int_equal(child.pid, -1);
	child_stop(&child);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_code_in_the_pump_reaches_nobody_new),
		cmocka_unit_test(test_hostile_code_in_the_connector_opens_connections_and_no_more),
		cmocka_unit_test(test_what_they_need_is_left_to_them),
		cmocka_unit_test(test_a_pump_has_one_socket_and_ends_with_it),
		cmocka_unit_test(test_a_connector_has_one_socket_and_ends_with_it),
		cmocka_unit_test(test_a_namespace_that_cannot_be_entered_ends_it),
		cmocka_unit_test(test_it_can_be_stopped_at_any_time),
	};

	return cmocka_run_group_tests_name("relay/child", tests, setup, NULL);
}
