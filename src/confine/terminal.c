#include "confine/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

void terminal_open(struct terminal *ret)
{
	*ret = (struct terminal){.fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY),
				 .own_group = getpgrp()};
}

void terminal_close(struct terminal *terminal)
{
	if (terminal->fd >= 0)
		(void)close(terminal->fd);
	terminal->fd = -1;
}

/* From the background the kernel would stop us with SIGTTOU for it. */
static void hand_to(const struct terminal *terminal, pid_t group)
{
	sigset_t ttou;
	sigset_t before;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &before);
	(void)tcsetpgrp(terminal->fd, group);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
}

static bool is_dead(pid_t group)
{
	return kill(-group, 0) < 0 && errno == ESRCH;
}

void terminal_note_stop(struct terminal *terminal)
{
	pid_t group = terminal->fd < 0 ? -1 : tcgetpgrp(terminal->fd);

	terminal->their_group = group > 1 && group != terminal->own_group ? group : 0;
}

void terminal_give_back(struct terminal *terminal)
{
	pid_t group = terminal->their_group;

	terminal->their_group = 0;
	/* `bg` leaves the terminal with the shell: then it is not ours to give */
	if (group == 0 || tcgetpgrp(terminal->fd) != terminal->own_group || is_dead(group))
		return;
	hand_to(terminal, group);
}

void terminal_reclaim(struct terminal *terminal)
{
	pid_t group = terminal->fd < 0 ? -1 : tcgetpgrp(terminal->fd);

	if (group > 1 && group != terminal->own_group && is_dead(group))
		hand_to(terminal, terminal->own_group);
}
