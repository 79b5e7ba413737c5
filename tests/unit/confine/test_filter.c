/* Mirrors src/confine/filter.c */
#include "cmocka_all.h"

#include "bpf.h"
#include "emulated.h"

#include "base/error.h"
#include "confine/filter.h"

#include <errno.h>
#include <linux/if_tun.h>
#include <linux/vm_sockets.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct
try {
	long number;
	unsigned long args[3];
};

/* What the filter refuses a call with; 0: it does not. */
static int refusal(const struct sock_fprog *program, const struct try *try)
{
	uint32_t verdict = bpf_judge(program, try->number, try->args);

	if (verdict == SECCOMP_RET_ALLOW)
		return 0;
	assert_int_equal(verdict & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
	return (int)(verdict & SECCOMP_RET_DATA);
}

/* The errno of a call made under the filter; 0: it succeeded.  qemu-user has
 * no filters: the call is made there if the program, run by us, allows it.
 */
static int try_call(bool allow_io_uring, struct try try)
{
	struct sock_fprog program = {0};
	struct error err;
	int refused;
	int status;
	pid_t pid;

	assert_int_equal(filter_make(allow_io_uring, &program, &err), 0);
	refused = refusal(&program, &try);
	pid = fork();
	if (pid == 0) {
		if (is_emulated() && refused != 0)
			_exit(refused);
		if (!is_emulated() && filter_install(&program) < 0)
			_exit(255);
		errno = 0;
		(void)syscall(try.number, try.args[0], try.args[1], try.args[2], 0, 0, 0);
		_exit(errno);
	}
	free(program.filter);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (refused != 0)
		assert_int_equal(WEXITSTATUS(status), refused);
	return WEXITSTATUS(status);
}

static int try_socket(int call, int family)
{
	return try_call(false, (struct try){call, {(unsigned long)family, SOCK_DGRAM, 0}});
}

static void test_families_that_stay_in_the_namespace_are_allowed(void **state)
{
	(void)state;
	assert_int_equal(try_socket(SYS_socket, AF_INET), 0);
	assert_int_equal(try_socket(SYS_socket, AF_UNIX), 0);
	assert_int_equal(try_socket(SYS_socket, AF_NETLINK), 0);
}

static void test_every_other_family_is_refused(void **state)
{
	static const int calls[] = {SYS_socket, SYS_socketpair};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (int family = 1; family < AF_MAX + 10; family++) {
			if (family == AF_UNIX || family == AF_INET || family == AF_INET6 ||
			    family == AF_NETLINK || family == AF_PACKET || family == AF_ALG)
				continue;
			assert_int_equal(try_socket(calls[i], family), EAFNOSUPPORT);
		}
	}
}

/* The kernel looks at the lower 32 bits of the register. */
static void test_upper_bits_do_not_help(void **state)
{
	(void)state;
	assert_int_equal(
		try_call(false, (struct try){SYS_socket, {1UL << 32 | AF_VSOCK, SOCK_STREAM, 0}}),
		EAFNOSUPPORT);
	assert_int_equal(try_call(false, (struct try){SYS_ioctl, {0, 1UL << 32 | TIOCSTI, 0}}),
			 EPERM);
}

static void test_calls_are_refused_as_if_the_kernel_had_none(void **state)
{
	static const long calls[] = {SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
				     SYS_add_key,	 SYS_request_key,    SYS_keyctl};

	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		assert_int_equal(try_call(false, (struct try){calls[i], {0, 0, 0}}), ENOSYS);
}

static void test_io_uring_by_permission(void **state)
{
	(void)state;
	assert_int_equal(try_call(true, (struct try){SYS_keyctl, {0, 0, 0}}), ENOSYS);
	skip_if_emulated("io_uring");
	assert_int_not_equal(try_call(true, (struct try){SYS_io_uring_setup, {0, 0, 0}}), ENOSYS);
}

static void test_terminal_injection_and_tunnel_attachment_are_refused(void **state)
{
	static const unsigned long requests[] = {TIOCSTI, TIOCLINUX, TUNSETIFF};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(try_call(false, (struct try){SYS_ioctl, {100, requests[i], 0}}),
				 EPERM);
	assert_int_equal(try_call(false, (struct try){SYS_ioctl, {100, TIOCGWINSZ, 0}}), EBADF);
}

static void test_programs_may_make_namespaces(void **state)
{
	(void)state;
	assert_int_not_equal(try_call(false, (struct try){SYS_unshare, {CLONE_NEWUSER, 0, 0}}),
			     ENOSYS);
	assert_int_equal(try_call(false, (struct try){SYS_unshare, {CLONE_FS, 0, 0}}), 0);
	assert_int_equal(try_call(false, (struct try){SYS_mount, {0, 0, 0}}), EFAULT);
}

#ifdef __x86_64__
static void test_x32_calls_are_refused(void **state)
{
	(void)state;
	assert_int_equal(try_call(false, (struct try){0x40000000L + SYS_getpid, {0, 0, 0}}),
			 ENOSYS);
}
#endif

static void test_it_gives_up_new_privileges(void **state)
{
	(void)state;
	assert_int_equal(try_call(false, (struct try){SYS_prctl, {PR_SET_NO_NEW_PRIVS, 0, 0}}),
			 EINVAL);
}

static void test_a_program_that_is_none_is_not_installed(void **state)
{
	struct sock_fprog program = {.len = 0, .filter = NULL};
	int status;
	pid_t pid;

	(void)state;
	skip_if_emulated("seccomp(2)");
	pid = fork();
	if (pid == 0)
		_exit(filter_install(&program) == -EINVAL ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_families_that_stay_in_the_namespace_are_allowed),
		cmocka_unit_test(test_every_other_family_is_refused),
		cmocka_unit_test(test_upper_bits_do_not_help),
		cmocka_unit_test(test_calls_are_refused_as_if_the_kernel_had_none),
		cmocka_unit_test(test_io_uring_by_permission),
		cmocka_unit_test(test_terminal_injection_and_tunnel_attachment_are_refused),
		cmocka_unit_test(test_programs_may_make_namespaces),
#ifdef __x86_64__
		cmocka_unit_test(test_x32_calls_are_refused),
#endif
		cmocka_unit_test(test_it_gives_up_new_privileges),
		cmocka_unit_test(test_a_program_that_is_none_is_not_installed),
	};

	return cmocka_run_group_tests_name("confine/filter", tests, NULL, NULL);
}
