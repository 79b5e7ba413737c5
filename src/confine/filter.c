#include "confine/filter.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <asm/termbits.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calls, each refused as if the kernel were built without it. */
static const struct {
	const char *name;
	int code;
	bool is_io_uring;
} refused_calls[] = {
	{"io_uring_setup", ENOSYS, true},    {"io_uring_enter", ENOSYS, true},
	{"io_uring_register", ENOSYS, true}, {"add_key", ENOSYS, false},
	{"request_key", ENOSYS, false},	     {"keyctl", ENOSYS, false},
	{"socketcall", ENOSYS, false},
};

/* Refused by ioctl(2)'s second argument. */
static const unsigned int refused_ioctls[] = {TIOCSTI, TIOCLINUX, TUNSETIFF};

static const int allowed_families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_ALG};

/* The other architectures whose programs the kernel runs beside the native. */
static const struct {
	uint32_t native;
	uint32_t other;
} companions[] = {
	{SCMP_ARCH_X86_64, SCMP_ARCH_X86},
	{SCMP_ARCH_AARCH64, SCMP_ARCH_ARM},
};

static bool is_allowed(int family)
{
	for (size_t i = 0; i < sizeof(allowed_families) / sizeof(*allowed_families); i++)
		if (allowed_families[i] == family)
			return true;
	return false;
}

/* Every family up to the last allowed one by number, all above by comparison:
 * the argument is compared in 64 bits, so what has upper bits set is above.
 */
static int refuse_families(scmp_filter_ctx filter, int call)
{
	uint32_t act = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	struct scmp_arg_cmp above = {.arg = 0, .op = SCMP_CMP_GT, .datum_a = AF_ALG};
	int r = seccomp_rule_add_array(filter, act, call, 1, &above);

	for (unsigned int family = 1; r == 0 && family < AF_ALG; family++) {
		struct scmp_arg_cmp equal = {.arg = 0, .op = SCMP_CMP_EQ, .datum_a = family};

		if (!is_allowed((int)family))
			r = seccomp_rule_add_array(filter, act, call, 1, &equal);
	}
	return r;
}

static int refuse_ioctls(scmp_filter_ctx filter)
{
	int r = 0;

	/* the kernel looks at the lower 32 bits alone */
	for (size_t i = 0; r == 0 && i < sizeof(refused_ioctls) / sizeof(*refused_ioctls); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, refused_ioctls[i]));
	return r;
}

static int refuse_calls(scmp_filter_ctx filter, bool allow_io_uring)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(refused_calls) / sizeof(*refused_calls); i++) {
		int call = seccomp_syscall_resolve_name(refused_calls[i].name);

		if (refused_calls[i].is_io_uring && allow_io_uring)
			continue;
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused_calls[i].code), call,
				     0);
	}
	return r;
}

static int add_architectures(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(companions) / sizeof(*companions); i++)
		if (companions[i].native == seccomp_arch_native())
			r = seccomp_arch_add(filter, companions[i].other);
	return r;
}

static int add_rules(scmp_filter_ctx filter, bool allow_io_uring)
{
	/* other architectures, x32 among them */
	int r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));

	if (r == 0)
		r = add_architectures(filter);
	if (r == 0)
		r = refuse_calls(filter, allow_io_uring);
	if (r == 0)
		r = refuse_ioctls(filter);
	if (r == 0)
		r = refuse_families(filter, SCMP_SYS(socket));
	if (r == 0)
		r = refuse_families(filter, SCMP_SYS(socketpair));
	return r;
}

static int export(scmp_filter_ctx filter, struct sock_fprog *ret)
{
	AUTO_FD int memory = memfd_create("filter", MFD_CLOEXEC);
	char *bytes = NULL;
	size_t len = 0;
	int r = memory < 0 ? -errno : seccomp_export_bpf(filter, memory);

	if (r == 0 && lseek(memory, 0, SEEK_SET) < 0)
		r = -errno;
	if (r == 0)
		r = fd_read_all(memory, BPF_MAXINSNS * sizeof(struct sock_filter), FD_PLAIN, &bytes,
				&len);
	if (r < 0)
		return r;
	ret->len = (unsigned short)(len / sizeof(struct sock_filter));
	ret->filter = (struct sock_filter *)(void *)bytes;
	return 0;
}

int filter_make(bool allow_io_uring, struct sock_fprog *ret, struct error *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? add_rules(filter, allow_io_uring) : -ENOMEM;

	if (r == 0)
		r = export(filter, ret);
	seccomp_release(filter);
	if (r < 0)
		return error_errno(err, -r, "cannot make the system call filter");
	return 0;
}

int filter_install(const struct sock_fprog *program)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program) < 0 ? -errno : 0;
}
