/* Mirrors src/base/fd.c, and base/cleanup.h, which has no source of its own. */
#include "cmocka_all.h"

#include "emulated.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* A file without a name that holds `len` bytes of a pattern. */
static int make_file(size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++) {
		char c = (char)('a' + i % 26);

		assert_int_equal(write(fd, &c, 1), 1);
	}
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void make_pair(int type, int ends[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

static void close_pair(const int ends[2])
{
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_owned_descriptor_is_closed_at_the_end_of_its_scope(void **state)
{
	int seen;

	(void)state;
	{
		AUTO_FD int fd = make_file(0);

		seen = fd;
		assert_true(is_open(seen));
	}
	assert_false(is_open(seen));
}

static void test_descriptor_given_away_stays_open(void **state)
{
	int given;

	(void)state;
	{
		AUTO_FD int fd = make_file(0);

		given = take_fd(&fd);
		assert_int_equal(fd, -1);
	}
	assert_true(is_open(given));
	(void)close(given);
}

static void test_pointer_given_away_is_not_freed(void **state)
{
	char *given;

	(void)state;
	{
		AUTO_FREE char *text = strdup("kept");

		given = take_ptr(text);
		assert_null(text);
	}
	assert_string_equal(given, "kept");
	free(given);
}

static void read_all_of(size_t len, enum fd_memory memory)
{
	AUTO_FD int fd = make_file(len);
	size_t got = 0;
	char *text = NULL;

	assert_int_equal(fd_read_all(fd, len, memory, &text, &got), 0);
	assert_int_equal(got, len);
	assert_int_equal(text[len], '\0');
	for (size_t i = 0; i < len; i++)
		assert_int_equal(text[i], 'a' + i % 26);
	if (memory == FD_SECRET)
		secret_free(text);
	else
		free(text);
}

/* 4094 to 4096 and twice that: the sizes at which the buffer grows. */
static void test_whole_file_is_read_whatever_its_size(void **state)
{
	static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 20000};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		read_all_of(sizes[i], FD_PLAIN);
		read_all_of(sizes[i], FD_SECRET);
	}
}

static void test_file_larger_than_allowed_is_refused(void **state)
{
	static const enum fd_memory memories[] = {FD_PLAIN, FD_SECRET};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FD int fd = make_file(5000);
		char *text = NULL;
		size_t len = 0;

		assert_int_equal(fd_read_all(fd, 4999, memories[i], &text, &len), -EFBIG);
		assert_null(text);
		assert_int_equal(len, 0);
	}
}

static void test_failure_to_read_is_reported(void **state)
{
	AUTO_FD int directory = open("/", O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	char byte;
	size_t len;

	(void)state;
	assert_int_equal(fd_read_all(directory, 10, FD_PLAIN, &text, &len), -EISDIR);
	assert_int_equal(fd_read_all(-1, 10, FD_SECRET, &text, &len), -EBADF);
	assert_null(text);
	assert_int_equal(fd_read_exact(directory, &byte, 1), -EISDIR);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* Both sides wait for the other first, so that reading and writing block, and a
 * signal every millisecond interrupts them.  Either way of sending.
 */
enum { TRANSFER_LEN = 1 << 20 };

static int send_slowly(int socket, const uint8_t *bytes, bool has_fd)
{
	(void)poll(NULL, 0, 20);
	(void)ualarm(1000, 1000);
	if (has_fd)
		return fd_send(socket, bytes, TRANSFER_LEN, &socket, 1);
	return fd_write_all(socket, bytes, TRANSFER_LEN);
}

static void receive_slowly(int socket, uint8_t *bytes, bool has_fd)
{
	int fds[FD_PASS_MAX];
	size_t n_fds = 0;
	ssize_t first = 0;

	(void)ualarm(1000, 1000);
	if (has_fd)
		first = fd_receive(socket, bytes, 100, fds, &n_fds);
	else
		assert_int_equal(fd_read_exact(socket, bytes, 100), 0);
	(void)ualarm(0, 0);
	if (has_fd) {
		assert_int_equal(first, 100);
		assert_int_equal(n_fds, 1);
		(void)close(fds[0]);
	}
	(void)poll(NULL, 0, 20);
	assert_int_equal(fd_read_exact(socket, bytes + 100, TRANSFER_LEN - 100), 0);
}

static void transfer(bool has_fd)
{
	static uint8_t out[TRANSFER_LEN];
	static uint8_t in[TRANSFER_LEN];
	int ends[2];
	pid_t child;
	int status;

	for (size_t i = 0; i < TRANSFER_LEN; i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	make_pair(SOCK_STREAM, ends);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(send_slowly(ends[0], out, has_fd) == 0 ? 0 : 1);
	(void)close(ends[0]);
	receive_slowly(ends[1], in, has_fd);
	assert_memory_equal(in, out, TRANSFER_LEN);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(ends[1]);
}

static void test_long_transfer_survives_signals_and_short_counts(void **state)
{
	const struct sigaction action = {.sa_handler = on_alarm};

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	transfer(false);
	transfer(true);
}

/* Takes the first bytes of a long message while the sender waits, and no more. */
static void take_little(int socket)
{
	char bytes[100];

	(void)poll(NULL, 0, 20);
	if (fd_read_exact(socket, bytes, sizeof(bytes)) < 0 || shutdown(socket, SHUT_RD) < 0)
		_exit(1);
	(void)poll(NULL, 0, 20);
	_exit(0);
}

static void test_other_side_that_goes_away_does_not_end_the_sender(void **state)
{
	static const uint8_t out[TRANSFER_LEN];
	const struct sigaction deadly = {.sa_handler = SIG_DFL};
	int ends[2];
	pid_t child;
	int status;

	(void)state;
	assert_int_equal(sigaction(SIGPIPE, &deadly, NULL), 0);
	make_pair(SOCK_STREAM, ends);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		take_little(ends[1]);
	}
	(void)close(ends[1]);
	assert_int_equal(fd_send(ends[0], out, TRANSFER_LEN, NULL, 0), -EPIPE);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(ends[0]);
}

static void test_other_side_that_ends_early_is_a_reset(void **state)
{
	char bytes[4];
	int ends[2];

	(void)state;
	make_pair(SOCK_STREAM, ends);
	assert_int_equal(fd_write_all(ends[0], "abc", 3), 0);
	assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
	assert_int_equal(fd_read_exact(ends[1], bytes, 4), -ECONNRESET);
	close_pair(ends);
}

static void test_short_file_is_written_in_one_go(void **state)
{
	AUTO_FD int fd = make_file(0);
	char path[64];
	char text[16];
	struct error err;

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(fd_write_file(path, "0 1000 1\n", &err), 0);
	assert_int_equal(fd_read_file(path, text, sizeof(text)), 0);
	assert_string_equal(text, "0 1000 1\n");
}

static void test_file_that_cannot_be_written_is_named(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(fd_write_file("/proc/self/nothing", "x", &err), -ENOENT);
	assert_non_null(strstr(err.what, "'/proc/self/nothing'"));
	assert_int_equal(fd_write_file("/dev/full", "x", &err), -ENOSPC);
	assert_non_null(strstr(err.what, "'/dev/full'"));
	assert_int_equal(fd_write_file("/dev/full", "x", NULL), -ENOSPC);
}

static void test_short_file_is_read_up_to_its_buffer(void **state)
{
	AUTO_FD int fd = make_file(100);
	char path[64];
	char text[11];

	(void)state;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(fd_read_file(path, text, sizeof(text)), 0);
	assert_string_equal(text, "abcdefghij");
	assert_int_equal(fd_read_file("/proc/self/nothing", text, sizeof(text)), -ENOENT);
	assert_int_equal(fd_read_file("/", text, sizeof(text)), -EISDIR);
}

/* Sends `n` copies of one file's descriptor with "hello" over the pair. */
static int send_files(int socket, size_t n)
{
	AUTO_FD int file = make_file(3);
	int fds[FD_PASS_MAX + 1];

	for (size_t i = 0; i < FD_PASS_MAX + 1; i++)
		fds[i] = file;
	return fd_send(socket, "hello", 5, fds, n);
}

static void pass_over(int type, size_t n)
{
	int fds[FD_PASS_MAX];
	char bytes[16];
	size_t n_fds = 99;
	int ends[2];

	make_pair(type, ends);
	assert_int_equal(send_files(ends[0], n), 0);
	assert_int_equal(fd_receive(ends[1], bytes, sizeof(bytes), fds, &n_fds), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(n_fds, n);
	for (size_t i = 0; i < n_fds; i++) {
		char text[4] = "";

		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(pread(fds[i], text, 3, 0), 3);
		assert_string_equal(text, "abc");
		(void)close(fds[i]);
	}
	close_pair(ends);
}

static void test_descriptors_pass_over_both_kinds_of_socket(void **state)
{
	(void)state;
	for (size_t n = 0; n <= FD_PASS_MAX; n++) {
		pass_over(SOCK_SEQPACKET, n);
		pass_over(SOCK_STREAM, n);
	}
}

static void test_more_descriptors_than_fit_are_not_sent(void **state)
{
	int ends[2];

	(void)state;
	make_pair(SOCK_SEQPACKET, ends);
	assert_int_equal(send_files(ends[0], FD_PASS_MAX + 1), -EINVAL);
	close_pair(ends);
}

static void test_end_of_the_other_side_is_zero_bytes(void **state)
{
	int fds[FD_PASS_MAX];
	size_t n_fds = 99;
	char bytes[4];
	int ends[2];

	(void)state;
	make_pair(SOCK_SEQPACKET, ends);
	(void)close(ends[0]);
	assert_int_equal(fd_receive(ends[1], bytes, sizeof(bytes), fds, &n_fds), 0);
	assert_int_equal(n_fds, 0);
	assert_int_equal(fd_send(ends[1], "x", 1, NULL, 0), -EPIPE);
	(void)close(ends[1]);
	assert_int_equal(fd_receive(-1, bytes, sizeof(bytes), fds, &n_fds), -EBADF);
}

/* Half a request must not be acted on, and its descriptors not be left open. */
static void test_message_longer_than_the_buffer_is_refused_with_its_descriptors(void **state)
{
	int fds[FD_PASS_MAX];
	size_t n_fds = 99;
	char bytes[4];
	int ends[2];
	int next;

	(void)state;
	make_pair(SOCK_SEQPACKET, ends);
	assert_int_equal(send_files(ends[0], 2), 0);
	next = make_file(0);
	(void)close(next);
	assert_int_equal(fd_receive(ends[1], bytes, sizeof(bytes), fds, &n_fds), -EMSGSIZE);
	assert_int_equal(n_fds, 0);
	assert_false(is_open(next));
	assert_false(is_open(next + 1));
	close_pair(ends);
}

/* The sender's own limit is not to be trusted. */
static void test_message_with_too_many_descriptors_is_refused(void **state)
{
	enum { N = FD_PASS_MAX + 4 };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int) * N)];
	} control = {0};
	struct iovec part = {.iov_base = (char[]){'x'}, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fds[FD_PASS_MAX];
	size_t n_fds = 99;
	char byte;
	int ends[2];

	(void)state;
	skip_if_emulated("MSG_CTRUNC");
	make_pair(SOCK_SEQPACKET, ends);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * N);
	for (size_t i = 0; i < N; i++)
		memcpy(CMSG_DATA(header) + i * sizeof(int), &ends[0], sizeof(int));
	assert_int_equal(sendmsg(ends[0], &message, 0), 1);
	assert_int_equal(fd_receive(ends[1], &byte, 1, fds, &n_fds), -EMSGSIZE);
	assert_int_equal(n_fds, 0);
	close_pair(ends);
}

static void test_flags_are_set_and_cleared(void **state)
{
	AUTO_FD int fd = make_file(0);

	(void)state;
	assert_int_equal(fd_set_nonblocking(fd), 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fd_set_cloexec(fd, 0), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fd_set_cloexec(fd, 1), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_set_nonblocking(-1), -EBADF);
	assert_int_equal(fd_set_cloexec(-1, 1), -EBADF);
}

/* In a child, so that cmocka keeps its own. */
static void test_closed_standard_descriptors_become_the_null_device(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		struct stat null;
		struct stat found[3];

		(void)close(0);
		(void)close(2);
		if (fd_fill_standard() < 0 || stat("/dev/null", &null) < 0 ||
		    fstat(0, &found[0]) < 0 || fstat(1, &found[1]) < 0 || fstat(2, &found[2]) < 0)
			_exit(1);
		_exit(found[0].st_rdev != null.st_rdev || found[2].st_rdev != null.st_rdev ||
		      open("/dev/null", O_RDONLY) <= 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static int write_word(int fd, const void *context)
{
	const char *word = context;

	return word ? fd_write_all(fd, word, strlen(word)) : -ENOSPC;
}

static void test_a_child_has_the_other_end_of_a_socket(void **state)
{
	char word[3];
	int status;
	int socket;
	pid_t pid = fd_fork(SOCK_STREAM, &socket, NULL);

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) /* what came, once more; and then the end, which no copy of ours keeps open */
		_exit(fd_read_exact(socket, word, 3) < 0 || fd_write_all(socket, word, 3) < 0);
	assert_int_equal(fd_write_all(socket, "hey", 3), 0);
	assert_int_equal(fd_read_exact(socket, word, 3), 0);
	assert_memory_equal(word, "hey", 3);
	assert_int_equal(read(socket, word, 1), 0);
	(void)close(socket);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_without_a_descriptor_there_is_no_child(void **state)
{
	struct rlimit before;
	struct error err;
	int socket = -1;
	pid_t pid;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, before.rlim_max}), 0);
	pid = fd_fork(SOCK_STREAM, &socket, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(pid, -EMFILE);
	assert_int_equal(socket, -1);
}

static void test_a_file_is_replaced_whole_or_not_at_all(void **state)
{
	char folder[] = "/tmp/adit-test-XXXXXX";
	char path[64];
	char aside[72];
	char text[16];
	struct stat info;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	(void)snprintf(aside, sizeof(aside), "%s.new", path);
	assert_int_equal(fd_replace_file(path, 0644, write_word, "first", NULL), 0);
	assert_int_equal(fd_replace_file(path, 0600, write_word, "2nd", NULL), 0);
	assert_int_equal(fd_replace_file(path, 0600, write_word, NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.what, path));
	assert_int_equal(fd_read_file(path, text, sizeof(text)), 0);
	assert_string_equal(text, "2nd");
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(access(aside, F_OK), -1);
	assert_int_equal(fd_replace_file("/nonexistent/file", 0600, write_word, "x", &err),
			 -ENOENT);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owned_descriptor_is_closed_at_the_end_of_its_scope),
		cmocka_unit_test(test_descriptor_given_away_stays_open),
		cmocka_unit_test(test_pointer_given_away_is_not_freed),
		cmocka_unit_test(test_whole_file_is_read_whatever_its_size),
		cmocka_unit_test(test_file_larger_than_allowed_is_refused),
		cmocka_unit_test(test_failure_to_read_is_reported),
		cmocka_unit_test(test_long_transfer_survives_signals_and_short_counts),
		cmocka_unit_test(test_other_side_that_goes_away_does_not_end_the_sender),
		cmocka_unit_test(test_other_side_that_ends_early_is_a_reset),
		cmocka_unit_test(test_short_file_is_written_in_one_go),
		cmocka_unit_test(test_file_that_cannot_be_written_is_named),
		cmocka_unit_test(test_a_child_has_the_other_end_of_a_socket),
		cmocka_unit_test(test_without_a_descriptor_there_is_no_child),
		cmocka_unit_test(test_a_file_is_replaced_whole_or_not_at_all),
		cmocka_unit_test(test_short_file_is_read_up_to_its_buffer),
		cmocka_unit_test(test_descriptors_pass_over_both_kinds_of_socket),
		cmocka_unit_test(test_more_descriptors_than_fit_are_not_sent),
		cmocka_unit_test(test_end_of_the_other_side_is_zero_bytes),
		cmocka_unit_test(
			test_message_longer_than_the_buffer_is_refused_with_its_descriptors),
		cmocka_unit_test(test_message_with_too_many_descriptors_is_refused),
		cmocka_unit_test(test_closed_standard_descriptors_become_the_null_device),
		cmocka_unit_test(test_flags_are_set_and_cleared),
	};

	return cmocka_run_group_tests_name("base/fd", tests, NULL, NULL);
}
