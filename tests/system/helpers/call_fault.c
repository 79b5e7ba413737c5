/* Runs a command whose processes are counted call by call, and has one of them
 * killed at its nth system call of a name, or told that the call has failed.
 *
 *     call_fault REPORT [-u UID] [-l MS] [-p PID]... [-f ROLE CALL NTH FAULT] COMMAND...
 *
 * -p: processes that are there already, and what they start.  -l: how long after the
 * command's end what it left running is still followed, 0 ms without one.  -u: whose
 * the command is, root's without.  FAULT: 0 to kill, else an errno.  Exit status: the
 * command's; 128 and the number of the signal that ended it.
 *
 * Roles tell processes and threads apart from one run to the next: "c" is the
 * command, "c.2" what it started second, "s1" the first that was there already, and
 * its second thread is "s1.t1".
 *
 * With -f, REPORT says "hit" once that has happened; the rest of the run is left
 * alone.  Without, it has a line for each system call of the good case, in order:
 * ROLE PROGRAM CALL SITE ARGUMENT ARGUMENT ARGUMENT, numbers in hexadecimal.  SITE is
 * the same for calls that come from the same place of the program, by what the
 * stack has of its text: 0 is the loader.
 *
 * Sources: ptrace(2), syscall(2).  A filter of system calls (seccomp(2)) is suspended
 * for the call that fails, which the kernel sees as number -1.
 */
#include "base/cleanup.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TRACEES_MAX = 256,
	ROLE_LEN = 64,
	PIDS_MAX = 32,
	STACK_WORDS = 512,
	SITE_WORDS = 2,
	USAGE = 2,
};

#define OPTIONS                                                                                    \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |  \
	 PTRACE_O_TRACEEXEC)

struct tracee {
	pid_t id;	     /* of the thread; 0: free */
	char role[ROLE_LEN]; /* "": its parent has not told of it yet */
	unsigned int n_children;
	unsigned int n_calls; /* of the name that is asked for */
	bool is_failing;      /* between the two stops of that call */
	uint64_t text;	      /* of its program: first address, and the one after the last */
	uint64_t text_end;
	char program[ROLE_LEN];
};

static struct {
	struct tracee tracee[TRACEES_MAX];
	FILE *report;
	const char *role; /* NULL: none is to fail */
	const char *call;
	unsigned int nth;
	int code; /* errno; 0: killed */
	bool is_hit;
	pid_t command;
	int status; /* of the command, once it has ended */
	bool has_ended;
	pid_t pid[PIDS_MAX]; /* that were there before */
	unsigned int n_pids;
	uid_t uid;
	int linger_ms;
} run;

static void fail(const char *what)
{
	(void)fprintf(stderr, "call_fault: %s: %s\n", what, strerror(errno));
	exit(125);
}

/* ---- who is who ---- */

static struct tracee *find(pid_t id)
{
	for (unsigned int i = 0; i < TRACEES_MAX; i++) {
		if (run.tracee[i].id == id)
			return &run.tracee[i];
	}
	return NULL;
}

static struct tracee *add(pid_t id)
{
	struct tracee *tracee = find(0);

	if (!tracee) {
		errno = ENOSPC;
		fail("processes");
	}
	*tracee = (struct tracee){.id = id};
	return tracee;
}

/* Whether the role that is asked for is this one's, or of what this one starts. */
static bool is_on_the_way(const char *role)
{
	size_t len = strlen(role);

	return !run.role || (strncmp(run.role, role, len) == 0 &&
			     (run.role[len] == '\0' || run.role[len] == '.'));
}

/* From one of its stops, with a signal or 0. */
static void go_on(struct tracee *tracee, int number)
{
	bool is_watched = !run.role || strcmp(run.role, tracee->role) == 0;

	if (run.is_hit || !is_on_the_way(tracee->role)) {
		(void)ptrace(PTRACE_DETACH, tracee->id, NULL, (uintptr_t)number);
		tracee->id = 0;
		return;
	}
	(void)ptrace(is_watched ? PTRACE_SYSCALL : PTRACE_CONT, tracee->id, NULL,
		     (uintptr_t)number);
}

/* ---- calls ---- */

#if defined(__x86_64__)
static void refuse_call(pid_t id)
{
	(void)ptrace(PTRACE_POKEUSER, id, offsetof(struct user, regs.orig_rax), -1L);
}

static void set_result(pid_t id, long value)
{
	(void)ptrace(PTRACE_POKEUSER, id, offsetof(struct user, regs.rax), value);
}
#else
static void refuse_call(pid_t id)
{
	int none = -1;
	struct iovec number = {&none, sizeof(none)};

	(void)ptrace(PTRACE_SETREGSET, id, NT_ARM_SYSTEM_CALL, &number);
}

static void set_result(pid_t id, long value)
{
	struct user_regs_struct regs;
	struct iovec all = {&regs, sizeof(regs)};

	if (ptrace(PTRACE_GETREGSET, id, NT_PRSTATUS, &all) < 0)
		return;
	regs.regs[0] = (unsigned long long)value;
	(void)ptrace(PTRACE_SETREGSET, id, NT_PRSTATUS, &all);
}
#endif

/* Where the program's own text is, so that the stack tells who calls. */
static void look_at_program(struct tracee *tracee)
{
	char path[PATH_MAX];
	char line[PATH_MAX + 128];
	char exe[64];
	FILE *maps;
	ssize_t len;

	(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", tracee->id);
	len = readlink(exe, path, sizeof(path) - 1);
	path[len > 0 ? len : 0] = '\0';
	(void)snprintf(tracee->program, sizeof(tracee->program), "%.60s",
		       strrchr(path, '/') ? strrchr(path, '/') + 1 : "-");
	tracee->text = tracee->text_end = 0;
	(void)snprintf(exe, sizeof(exe), "/proc/%d/maps", tracee->id);
	maps = fopen(exe, "re");
	if (!maps)
		return;
	while (fgets(line, sizeof(line), maps)) {
		if (path[0] && strstr(line, path) && strstr(line, " r-xp "))
			(void)sscanf(line, "%lx-%lx", &tracee->text, &tracee->text_end);
	}
	(void)fclose(maps);
}

static uint64_t read_site(const struct tracee *tracee, uint64_t stack)
{
	uint64_t word[STACK_WORDS];
	struct iovec here = {word, sizeof(word)};
	struct iovec there = {(void *)(uintptr_t)stack, sizeof(word)};
	ssize_t len = process_vm_readv(tracee->id, &here, 1, &there, 1, 0);
	unsigned int n_found = 0;
	uint64_t site = 0;

	for (ssize_t i = 0; i < len / 8 && n_found < SITE_WORDS; i++) {
		if (word[i] < tracee->text || word[i] >= tracee->text_end)
			continue;
		site = site * 1000003 + (word[i] - tracee->text) + 1;
		n_found++;
	}
	return site;
}

static void report_call(struct tracee *tracee, const struct __ptrace_syscall_info *info,
			const char *name)
{
	const uint64_t *arg = info->entry.args;

	if (tracee->program[0] == '\0')
		look_at_program(tracee);
	(void)fprintf(run.report, "%s %s %s %lx %lx %lx %lx\n", tracee->role, tracee->program, name,
		      read_site(tracee, info->stack_pointer), arg[0], arg[1], arg[2]);
}

static void report_hit(void)
{
	(void)fputs("hit\n", run.report);
	(void)fflush(run.report);
	run.is_hit = true;
}

/* The number of its process, by /proc: a thread's death by SIGKILL is the process's anyway. */
static void strike(struct tracee *tracee)
{
	if (run.code == 0) {
		report_hit();
		(void)kill(tracee->id, SIGKILL);
		return;
	}
	tracee->is_failing = true;
	(void)ptrace(PTRACE_SETOPTIONS, tracee->id, NULL, OPTIONS | PTRACE_O_SUSPEND_SECCOMP);
	refuse_call(tracee->id);
}

static void enter_call(struct tracee *tracee, const struct __ptrace_syscall_info *info)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)info->entry.nr);

	if (!run.role)
		report_call(tracee, info, name ? name : "-");
	else if (name && strcmp(name, run.call) == 0 && ++tracee->n_calls == run.nth)
		strike(tracee);
	free(name);
}

static void stop_at_call(struct tracee *tracee)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->id, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		enter_call(tracee, &info);
	} else if (tracee->is_failing) {
		set_result(tracee->id, -run.code);
		report_hit();
	}
}

/* ---- processes ---- */

/* A child may have its first stop before its parent tells of it, or after. */
static void name_child(struct tracee *parent)
{
	unsigned long id = 0;
	char role[ROLE_LEN];
	struct tracee *child;
	bool waits;

	if (ptrace(PTRACE_GETEVENTMSG, parent->id, NULL, &id) < 0)
		return;
	child = find((pid_t)id);
	waits = child != NULL;
	if (!waits)
		child = add((pid_t)id);
	(void)snprintf(role, sizeof(role), "%.50s.%u", parent->role, ++parent->n_children);
	memcpy(child->role, role, sizeof(role));
	if (waits)
		go_on(child, 0);
}

static void stop(struct tracee *tracee, int status)
{
	int number = WSTOPSIG(status);
	int event = status >> 16;

	if (number == (SIGTRAP | 0x80)) {
		stop_at_call(tracee);
		number = 0;
	} else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
		(void)ptrace(PTRACE_LISTEN, tracee->id, NULL, NULL);
		return;
	} else if (event != 0) {
		if (event == PTRACE_EVENT_EXEC)
			tracee->program[0] = '\0';
		else if (event != PTRACE_EVENT_STOP)
			name_child(tracee);
		number = 0;
	}
	go_on(tracee, number);
}

static void take(pid_t id, int status)
{
	struct tracee *tracee = find(id);

	if (WIFSTOPPED(status)) {
		if (!tracee)
			(void)add(id); /* waits until its parent has told */
		else if (tracee->role[0])
			stop(tracee, status);
		return;
	}
	if (tracee)
		tracee->id = 0;
	if (id != run.command)
		return;
	run.has_ended = true;
	run.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- beginning and end ---- */

static void seize(pid_t id, const char *role)
{
	struct tracee *tracee;
	int status;

	if (!is_on_the_way(role) || ptrace(PTRACE_SEIZE, id, NULL, OPTIONS) < 0)
		return; /* it may have ended meanwhile */
	tracee = add(id);
	(void)snprintf(tracee->role, sizeof(tracee->role), "%s", role);
	(void)ptrace(PTRACE_INTERRUPT, id, NULL, NULL);
	if (waitpid(id, &status, __WALL) == id)
		take(id, status);
}

static int is_number(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void seize_process(pid_t pid, unsigned int number)
{
	struct dirent **list = NULL;
	char role[ROLE_LEN];
	char path[64];
	int n_threads;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", pid);
	n_threads = scandir(path, &list, is_number, versionsort);
	for (int i = 0; i < n_threads; i++) {
		(void)snprintf(role, sizeof(role), i == 0 ? "s%u" : "s%u.t%d", number, i);
		seize(atoi(list[i]->d_name), role);
		free(list[i]);
	}
	free(list);
}

static void become(uid_t uid)
{
	if (uid != 0 && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
			 setresuid(uid, uid, uid) < 0))
		fail("another user");
}

/* Counted from its exec(2) on, at which it stops. */
static void start(char **argv)
{
	int gate[2];
	sigset_t none;
	char byte;

	if (pipe2(gate, O_CLOEXEC) < 0)
		fail("pipe2");
	run.command = fork();
	if (run.command < 0)
		fail("fork");
	if (run.command == 0) {
		sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		become(run.uid);
		(void)close(gate[1]);
		(void)!read(gate[0], &byte, 1);
		(void)execv(argv[0], argv);
		fail(argv[0]);
	}
	(void)close(gate[0]);
	if (is_on_the_way("c")) {
		if (ptrace(PTRACE_SEIZE, run.command, NULL, OPTIONS) < 0)
			fail("ptrace");
		(void)strcpy(add(run.command)->role, "c");
	}
	(void)close(gate[1]);
}

static void follow(void)
{
	const struct timespec step = {.tv_nsec = 5 * 1000 * 1000};
	int left_ms = run.linger_ms;
	sigset_t child;
	int status;
	pid_t id;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		while ((id = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
			take(id, status);
		if (id < 0 || (run.has_ended && (run.is_hit || left_ms <= 0)))
			return;
		if (sigtimedwait(&child, NULL, &step) < 0 && run.has_ended)
			left_ms -= 5;
	}
}

static int parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "+u:l:p:f:")) != -1) {
		if (option == 'u') {
			run.uid = (uid_t)atoi(optarg);
		} else if (option == 'l') {
			run.linger_ms = atoi(optarg);
		} else if (option == 'p' && run.n_pids < PIDS_MAX) {
			run.pid[run.n_pids++] = atoi(optarg);
		} else if (option == 'f' && optind + 3 < argc) {
			run.role = optarg;
			run.call = argv[optind++];
			run.nth = (unsigned int)atoi(argv[optind++]);
			run.code = atoi(argv[optind++]);
		} else {
			exit(USAGE);
		}
	}
	return optind;
}

int main(int argc, char **argv)
{
	sigset_t child;
	int first;

	if (argc < 3)
		return USAGE;
	run.report = fopen(argv[1], "we");
	if (!run.report)
		fail(argv[1]);
	first = parse(argc - 1, argv + 1) + 1;
	if (first >= argc)
		return USAGE;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL);
	for (unsigned int i = 0; i < run.n_pids; i++)
		seize_process(run.pid[i], i + 1);
	start(argv + first);
	follow();
	(void)fclose(run.report);
	return run.status;
}
