/* Runs one command confined, in a network of nothing but lo: what tests of the
 * confinement need of adit without a tunnel.
 *
 * confine_try [OPTION...] [--] COMMAND [ARGUMENT...]
 * confine_try --join SOCKET [--] COMMAND: in the namespaces of one that was
 * started with --serve SOCKET.
 *
 * It does for signals and the terminal what the supervisor does, and no more.
 */
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "confine/command.h"
#include "confine/confine.h"
#include "confine/share.h"
#include "confine/terminal.h"
#include "confine/user.h"
#include "net/link.h"
#include "net/nlsock.h"
#include "net/sysctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct
try {
	struct confine_options options;
	struct address dns[1];
	const char *paths[CONFINE_SHARE_PATHS_MAX];
	int keep[CONFINE_KEEP_FDS_MAX];
	const char *user;
	const char *serve;
	const char *join;
	bool judges;
	bool is_timed;
};

struct running {
	struct confine confine;
	struct terminal terminal;
	int signals;
	int serve;
	int status;
	bool is_over;
};

static int set_up_lo(struct error *err)
{
	const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	char range[64];
	struct nlsock *sock;
	int r = nlsock_open(&sock, err);

	if (r < 0)
		return r;
	r = link_change(sock, "lo", &up, err);
	nlsock_close(sock);
	(void)snprintf(range, sizeof(range), "%u %u", getegid(), getegid());
	if (r == 0)
		r = sysctl_write("net/ipv4/ping_group_range", range, err);
	return r;
}

static int make_network(void *context, int tun, int ret_fds[CONFINE_NETWORK_FDS_MAX],
			size_t *ret_n_fds, struct error *err)
{
	(void)context;
	ret_fds[0] = tun;
	*ret_n_fds = 1;
	return set_up_lo(err);
}

/* ---- joining ---- */

static int open_server(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 || listen(fd, 4) < 0)
		perror(path);
	return fd;
}

static void hand_out(const struct running *running)
{
	AUTO_FD int client = accept4(running->serve, NULL, NULL, SOCK_CLOEXEC);

	(void)fd_send(client, "", 1, running->confine.ns, CONFINE_NAMESPACES);
}

static int join(const struct try *try, struct confine *ret, struct error *err)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	AUTO_FD int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int ns[FD_PASS_MAX];
	size_t n_fds;
	char byte;

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", try->join);
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ||
	    fd_receive(fd, &byte, 1, ns, &n_fds) != 1 || n_fds != CONFINE_NAMESPACES)
		return error_errno(err, errno, "cannot join '%s'", try->join);
	return confine_join(&try->options, ns, ret, err);
}

/* ---- while it runs ---- */

static void take_event(struct running *running)
{
	struct confine_event event;
	struct error err;

	if (confine_receive(&running->confine, &event, &err) < 0) {
		log_error(&err);
		running->is_over = true;
		return;
	}
	for (size_t i = 0; i < event.n_fds; i++)
		(void)close(event.fd[i]);
	if (event.kind == CONFINE_READY)
		(void)confine_go(&running->confine, &err);
	else if (event.kind == CONFINE_NOTE)
		log_info("%s (%s)", event.error.what, event.error.hint);
	else if (event.kind == CONFINE_FAILED)
		log_error(&event.error);
	else if (event.kind == CONFINE_STOPPED) {
		terminal_note_stop(&running->terminal);
		(void)raise(SIGSTOP);
	}
	if (event.kind == CONFINE_FAILED || event.kind == CONFINE_EXITED)
		running->status = event.status;
	running->is_over = event.kind == CONFINE_FAILED || event.kind == CONFINE_EXITED ||
			   event.kind == CONFINE_GONE;
}

static void take_signal(struct running *running)
{
	struct signalfd_siginfo info;

	if (read(running->signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGCONT) {
		terminal_give_back(&running->terminal);
		(void)confine_continue(&running->confine);
	} else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP ||
		   info.ssi_code != SI_KERNEL) {
		(void)confine_signal(&running->confine, (int)info.ssi_signo);
	}
}

static void stay(struct running *running)
{
	while (!running->is_over) {
		struct pollfd fds[] = {
			{.fd = running->confine.channel, .events = POLLIN},
			{.fd = running->signals, .events = POLLIN},
			{.fd = running->serve, .events = POLLIN},
		};

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents)
			take_event(running);
		if (fds[1].revents)
			take_signal(running);
		if (fds[2].revents)
			hand_out(running);
	}
}

static int open_signals(void)
{
	static const int mine[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT};
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(mine) / sizeof(*mine); i++)
		(void)sigaddset(&set, mine[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* ---- the command line ---- */

enum {
	OPTION_SHARE = 256,
	OPTION_KEEP,
	OPTION_DNS,
	OPTION_USER,
	OPTION_SERVE,
	OPTION_JOIN,
	OPTION_NO_DISPLAY,
	OPTION_NO_SOUND,
	OPTION_SHARE_TMP,
	OPTION_STRICT,
	OPTION_IO_URING,
	OPTION_AS_ROOT,
	OPTION_JUDGE,
};

static const struct option long_options[] = {
	{"share", required_argument, NULL, OPTION_SHARE},
	{"keep-fd", required_argument, NULL, OPTION_KEEP},
	{"dns", required_argument, NULL, OPTION_DNS},
	{"user", required_argument, NULL, OPTION_USER},
	{"serve", required_argument, NULL, OPTION_SERVE},
	{"join", required_argument, NULL, OPTION_JOIN},
	{"no-display", no_argument, NULL, OPTION_NO_DISPLAY},
	{"no-sound", no_argument, NULL, OPTION_NO_SOUND},
	{"share-tmp", no_argument, NULL, OPTION_SHARE_TMP},
	{"strict", no_argument, NULL, OPTION_STRICT},
	{"allow-io-uring", no_argument, NULL, OPTION_IO_URING},
	{"as-root", no_argument, NULL, OPTION_AS_ROOT},
	{"judge", no_argument, NULL, OPTION_JUDGE},
	{0},
};

static int take_share(struct try *try, const char *word, struct error *err)
{
	unsigned int share;
	int r = share_parse(word, &share, err);

	if (r < 0)
		return r;
	try->options.shares |= share;
	if (share == 0)
		try->paths[try->options.n_share_paths++] = word;
	return 0;
}

static int take_option(struct try *try, int option, struct error *err)
{
	struct confine_options *options = &try->options;

	switch (option) {
	case OPTION_SHARE:
		return take_share(try, optarg, err);
	case OPTION_KEEP:
		try->keep[options->n_keep_fds++] = atoi(optarg);
		return 0;
	case OPTION_DNS:
		options->n_dns = address_parse(optarg, strlen(optarg), &try->dns[0]);
		return 0;
	case OPTION_USER:
		try->user = optarg;
		return 0;
	case OPTION_SERVE:
		try->serve = optarg;
		return 0;
	case OPTION_JOIN:
		try->join = optarg;
		return 0;
	case OPTION_NO_DISPLAY:
		options->has_display = false;
		return 0;
	case OPTION_NO_SOUND:
		options->has_sound = false;
		return 0;
	case OPTION_SHARE_TMP:
		options->share_tmp = true;
		return 0;
	case OPTION_STRICT:
		options->is_strict = true;
		return 0;
	case OPTION_IO_URING:
		options->allow_io_uring = true;
		return 0;
	case OPTION_AS_ROOT:
		options->as_root = true;
		return 0;
	case OPTION_JUDGE:
		try->judges = true;
		return 0;
	default:
		return error_set(err, EINVAL, "no such option");
	}
}

static int parse(struct try *try, int argc, char **argv, struct error *err)
{
	int option;
	int r = 0;

	confine_options_init(&try->options);
	try->options.network = make_network;
	try->options.dns = try->dns;
	try->options.share_path = try->paths;
	try->options.keep_fd = try->keep;
	while (r == 0 && (option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
		r = take_option(try, option, err);
	try->options.argv = argv + optind;
	if (r == 0 && !argv[optind])
		r = error_set(err, EINVAL, "no command");
	return r;
}

static int become(struct try *try, struct error *err)
{
	struct user user;
	int r;

	if (geteuid() != 0 || try->options.as_root)
		return 0;
	r = user_choose(try->user, &user, err);
	if (r == 0 && (try->options.tun_helper = user_helper_start(err)) < 0)
		r = try->options.tun_helper;
	return r < 0 ? r : user_become(&user, err);
}

static int run(struct try *try, struct running *running, struct error *err)
{
	int r = become(try, err);

	if (r == 0)
		r = try->join ? join(try, &running->confine, err)
			      : confine_start(&try->options, &running->confine, err);
	if (r < 0)
		return r;
	if (try->serve)
		running->serve = open_server(try->serve);
	running->signals = open_signals();
	stay(running);
	return 0;
}

static void tell_kept(struct running *running)
{
	char path[CONFINE_PATH_LEN];

	if (confine_kept(&running->confine, path))
		log_info("kept %s", path);
}

int main(int argc, char **argv)
{
	struct try try = {0};
	struct running running = {
		.confine = {.init = -1, .init_fd = -1, .channel = -1, .kept_lock = -1},
		.signals = -1,
		.serve = -1,
		.status = 125,
	};
	struct confine_signals found;
	struct error err;
	int r = parse(&try, argc, argv, &err);

	log_set_prefix("confine_try: ");
	confine_signals_save(&found);
	try.options.signals = &found;
	if (r == 0 && try.judges)
		return (int)command_judge(try.options.argv, &err);
	terminal_open(&running.terminal);
	if (r == 0)
		r = run(&try, &running, &err);
	if (r < 0)
		log_error(&err);
	confine_end(&running.confine);
	terminal_reclaim(&running.terminal);
	tell_kept(&running);
	confine_done(&running.confine);
	return running.status;
}
