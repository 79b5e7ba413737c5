/* Mirrors src/dataplane/sandbox.c
 *
 * Nothing here can be taken back, so each case is a process of its own whose
 * status says which check failed.  seccomp_load(3) is this program's own, so
 * that the filter can also be asked and not installed.
 */
#include "cmocka_all.h"

#include "bpf.h"
#include "emulated.h"

#include "base/error.h"
#include "dataplane/sandbox.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the next filter goes; NULL: to the kernel. */
static struct sock_fprog *exported;

static int export_filter(const scmp_filter_ctx filter)
{
	int memory = memfd_create("filter", MFD_CLOEXEC);
	off_t len;

	assert_int_equal(seccomp_export_bpf(filter, memory), 0);
	len = lseek(memory, 0, SEEK_END);
	assert_true(len > 0);
	exported->len = (unsigned short)((size_t)len / sizeof(*exported->filter));
	exported->filter = malloc((size_t)len);
	assert_int_equal(pread(memory, exported->filter, (size_t)len, 0), len);
	return close(memory);
}

int seccomp_load(const scmp_filter_ctx filter)
{
	int (*load)(scmp_filter_ctx) = (int (*)(scmp_filter_ctx))dlsym(RTLD_NEXT, "seccomp_load");

	return exported ? export_filter(filter) : load(filter);
}

static int run(int (*body)(pid_t parent))
{
	pid_t parent = getpid();
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(body(parent));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static int drop(pid_t parent, uid_t uid)
{
	const struct sandbox_options options = {
		.has_ids = uid != 0, .uid = uid, .gid = uid, .parent = parent};
	struct error err;

	return sandbox_drop_privileges(&options, &err);
}

static bool has_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return true;
	return (data[0].effective | data[0].permitted | data[0].inheritable | data[1].effective |
		data[1].permitted | data[1].inheritable) != 0;
}

static int check_dropped(pid_t parent)
{
	struct rlimit core;
	struct rlimit locked;
	int signal_number = 0;

	if (drop(parent, 0) < 0)
		return 1;
	if (has_capabilities())
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 3;
	if (prctl(PR_GET_PDEATHSIG, &signal_number) < 0 || signal_number != SIGKILL)
		return 4;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0)
		return 5;
	if (getrlimit(RLIMIT_MEMLOCK, &locked) < 0 || locked.rlim_cur != locked.rlim_max)
		return 7;
	return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_NET_ADMIN, 0, 0, 0) != 0 ? 6 : 0;
}

static void test_privileges_are_gone(void **state)
{
	(void)state;
	assert_int_equal(run(check_dropped), 0);
}

static int check_ids(pid_t parent)
{
	uid_t real;
	uid_t effective;
	uid_t saved;
	int signal_number = 0;
	const gid_t group = 12;

	if (setgroups(1, &group) < 0 || drop(parent, 65534) < 0)
		return 1;
	if (getresuid(&real, &effective, &saved) < 0 || real != 65534 || effective != 65534 ||
	    saved != 65534)
		return 2;
	if (setuid(0) == 0 || getgroups(0, NULL) != 0 || has_capabilities())
		return 3;
	return prctl(PR_GET_PDEATHSIG, &signal_number) < 0 || signal_number != SIGKILL ? 4 : 0;
}

static void test_root_becomes_another_user_for_good(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run(check_ids), 0);
}

static int check_stranger(pid_t parent)
{
	(void)parent;
	return drop(1, 0) == -ESRCH ? 0 : 1;
}

static void test_a_parent_that_has_gone_is_noticed(void **state)
{
	(void)state;
	assert_int_equal(run(check_stranger), 0);
}

static int check_no_root(pid_t parent)
{
	if (setresuid(65534, 65534, 65534) < 0)
		return 1;
	return drop(parent, 1) == -EPERM ? 0 : 2;
}

static void test_ids_that_we_may_not_take_are_a_failure(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(run(check_no_root), 0);
}

static int confine(pid_t parent)
{
	struct error err;

	return drop(parent, 0) < 0 || sandbox_filter_syscalls(&err) < 0 ? 1 : 0;
}

static int check_refused(pid_t parent)
{
	if (confine(parent) != 0)
		return 1;
	if (open("/dev/null", O_RDONLY) >= 0 || errno != EPERM)
		return 2;
	if (socket(AF_INET, SOCK_DGRAM, 0) >= 0 || errno != EPERM)
		return 3;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? 5
		       : 0;
}

static void test_files_and_sockets_are_refused_and_memory_is_not(void **state)
{
	(void)state;
	skip_if_emulated("seccomp(2)");
	assert_int_equal(run(check_refused), 0);
}

static int call_exec(pid_t parent)
{
	char *arguments[] = {NULL};

	return confine(parent) != 0 ? 1 : execv("/bin/true", arguments);
}

static int call_connect(pid_t parent)
{
	return confine(parent) != 0 ? 1 : connect(0, NULL, 0);
}

static int call_ptrace(pid_t parent)
{
	return confine(parent) != 0 ? 1 : (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int unprotect(pid_t parent)
{
	static char page[4096] __attribute__((aligned(4096)));

	return confine(parent) != 0 ? 1 : mprotect(page, sizeof(page), PROT_READ);
}

static int call_fork(pid_t parent)
{
	return confine(parent) != 0 ? 1 : fork();
}

static int map_code(pid_t parent)
{
	if (confine(parent) != 0)
		return 1;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static void test_every_other_call_ends_the_process(void **state)
{
#ifdef ADIT_SANITIZED
	(void)state;
	(void)call_exec;
	(void)call_connect;
	(void)call_ptrace;
	(void)call_fork;
	(void)map_code;
	(void)unprotect;
	skip();
#else
	static int (*const calls[])(pid_t parent) = {call_exec, call_connect, call_ptrace,
						     call_fork, map_code,     unprotect};

	(void)state;
	skip_if_emulated("seccomp(2)");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = run(calls[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
#endif
}

static uint32_t kind_of(const struct sock_fprog *program, long call, unsigned long flags)
{
	const unsigned long args[3] = {0, 0, flags};

	return bpf_judge(program, call, args) & SECCOMP_RET_ACTION_FULL;
}

/* By number, and on every architecture: other ones have other calls.  The last
 * test: this process may have no other ones afterwards.
 */
static void test_the_list_allows_what_the_loop_calls_and_no_code(void **state)
{
	static const struct {
		long call;
		unsigned long flags; /* the third argument */
		uint32_t kind;
	} cases[] = {
		{SYS_epoll_pwait, 0, SECCOMP_RET_ALLOW},
		{SYS_ppoll, 0, SECCOMP_RET_ALLOW},
		{SYS_recvmmsg, 0, SECCOMP_RET_ALLOW},
		{SYS_sendmmsg, 0, SECCOMP_RET_ALLOW},
		{SYS_readv, 0, SECCOMP_RET_ALLOW},
		{SYS_writev, 0, SECCOMP_RET_ALLOW},
		{SYS_futex, 0, SECCOMP_RET_ALLOW},
		{SYS_exit_group, 0, SECCOMP_RET_ALLOW},
		{SYS_mmap, PROT_READ | PROT_WRITE, SECCOMP_RET_ALLOW},
		{SYS_mmap, PROT_READ | PROT_EXEC, SECCOMP_RET_KILL_PROCESS},
		{SYS_mprotect, PROT_READ, SECCOMP_RET_KILL_PROCESS},
		{SYS_rt_sigreturn, 0, SECCOMP_RET_KILL_PROCESS},
		{SYS_openat, 0, SECCOMP_RET_ERRNO},
		{SYS_faccessat, 0, SECCOMP_RET_ERRNO},
		{SYS_readlinkat, 0, SECCOMP_RET_ERRNO},
		{SYS_newfstatat, 0, SECCOMP_RET_ERRNO},
		{SYS_statx, 0, SECCOMP_RET_ERRNO},
		{SYS_socket, 0, SECCOMP_RET_ERRNO},
		{SYS_ioctl, 0, SECCOMP_RET_ERRNO},
		{SYS_execve, 0, SECCOMP_RET_KILL_PROCESS},
		{SYS_clone, 0, SECCOMP_RET_KILL_PROCESS},
		{SYS_connect, 0, SECCOMP_RET_KILL_PROCESS},
		{SYS_ptrace, 0, SECCOMP_RET_KILL_PROCESS},
		{SYS_process_vm_readv, 0, SECCOMP_RET_KILL_PROCESS},
		{SYS_io_uring_setup, 0, SECCOMP_RET_KILL_PROCESS},
	};
	struct sock_fprog program = {0};
	struct error err;

	(void)state;
#ifdef ADIT_SANITIZED
	skip(); /* another list */
#endif
	/* no kernel is asked what it can */
	assert_int_equal(seccomp_api_set(3), 0);
	exported = &program;
	assert_int_equal(sandbox_filter_syscalls(&err), 0);
	exported = NULL;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (kind_of(&program, cases[i].call, cases[i].flags) != cases[i].kind)
			fail_msg("case %zu: call %ld", i, cases[i].call);
	free(program.filter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileges_are_gone),
		cmocka_unit_test(test_root_becomes_another_user_for_good),
		cmocka_unit_test(test_a_parent_that_has_gone_is_noticed),
		cmocka_unit_test(test_ids_that_we_may_not_take_are_a_failure),
		cmocka_unit_test(test_files_and_sockets_are_refused_and_memory_is_not),
		cmocka_unit_test(test_every_other_call_ends_the_process),
		cmocka_unit_test(test_the_list_allows_what_the_loop_calls_and_no_code),
	};

	return cmocka_run_group_tests_name("dataplane/sandbox", tests, NULL, NULL);
}
