#include "demo/demo.h"

#include "base/address.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "demo/device.h"
#include "demo/internet.h"
#include "demo/place.h"
#include "demo/program.h"
#include "demo/server.h"
#include "demo/table.h"
#include "demo/uplink.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define ANSWER_NS   (8 * NS_PER_S)
#define DOWNLOAD_NS (1500 * NS_PER_MS)
#define CUT_NS	    (2 * NS_PER_S)
#define RETURN_NS   (20 * NS_PER_S)

enum { PATH_LEN = 4096, FOLDER_LEN = 64, USER_INSIDE = 1000 };

struct demo {
	const struct demo_options *options;
	struct internet internet;
	struct server server;
	struct device provider;
	struct device client; /* of the plain default route */
	struct device_keys provider_keys;
	struct device_keys client_keys;
	struct uplink uplink;
	struct program program;
	struct table_counts counts;
	char folder[FOLDER_LEN]; /* "": none */
	char config[FOLDER_LEN + 16];
	char self[PATH_LEN];
};

static void say(const struct demo *demo, const char *head, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static void say(const struct demo *demo, const char *head, const char *format, ...)
{
	char body[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	(void)printf("%s%-2s%s %s\n", demo->options->has_color ? "\x1b[1m" : "", head,
		     demo->options->has_color ? "\x1b[0m" : "", body);
	(void)fflush(stdout);
}

static void pause_for(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / NS_PER_S),
				.tv_nsec = (long)(ns % NS_PER_S)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* ---- a world of our own ---- */

/* A user namespace, since no root is needed; inside we are an ordinary user
 * with capabilities over the network namespaces that come with it.
 */
static int leave_this_machine(struct error *err)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];
	int r;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		r = error_errno(err, errno, "cannot make a user and a network namespace");
		error_hint(err, "sysctl user.max_user_namespaces, "
				"kernel.unprivileged_userns_clone, "
				"kernel.apparmor_restrict_unprivileged_userns");
		return r;
	}
	r = fd_write_file("/proc/self/setgroups", "deny", err);
	(void)snprintf(map, sizeof(map), "%u %u 1", uid ? uid : USER_INSIDE, uid);
	if (r == 0)
		r = fd_write_file("/proc/self/uid_map", map, err);
	(void)snprintf(map, sizeof(map), "%u %u 1", gid ? gid : USER_INSIDE, gid);
	if (r == 0)
		r = fd_write_file("/proc/self/gid_map", map, err);
	return r;
}

static int open_provider(struct demo *demo, struct error *err)
{
	struct device_options options = {
		.nl = demo->internet.nl[NODE_PROVIDER],
		.address = DEMO_PROVIDER_WG_V4,
		.own = &demo->provider_keys,
		.peer_public_key = demo->client_keys.public_key,
		.allowed = DEMO_CLIENT_WG_V4,
	};
	int r = internet_enter(&demo->internet, NODE_PROVIDER, err);
	int back;

	if (r < 0)
		return r;
	r = device_open(&options, &demo->provider, err);
	back = internet_enter(&demo->internet, NODE_YOU, r < 0 ? NULL : err);
	if (r == 0)
		r = back;
	return r < 0 ? r : internet_serve_tunnel(&demo->internet, err);
}

static int open_server(struct demo *demo, struct error *err)
{
	int r = internet_enter(&demo->internet, NODE_WEB, err);
	int back;

	if (r < 0)
		return r;
	r = server_start(&demo->server, err);
	back = internet_enter(&demo->internet, NODE_YOU, r < 0 ? NULL : err);
	return r < 0 ? r : back;
}

static int open_uplink(struct demo *demo, struct error *err)
{
	struct classify_endpoint provider = {.port = DEMO_WIREGUARD_PORT};
	struct address address;

	(void)address_parse(DEMO_PROVIDER_IP, strlen(DEMO_PROVIDER_IP), &address);
	memcpy(provider.address, address.ip.s6_addr + 12, sizeof(provider.address));
	return uplink_open(DEMO_UPLINK, &provider, &demo->uplink, err);
}

/* The file that a provider would give. */
static int write_config(struct demo *demo, struct error *err)
{
	char private_key[KEY_TEXT_LEN + 1];
	char public_key[KEY_TEXT_LEN + 1];
	char content[512];
	struct text text;
	AUTO_FD int fd = -1;
	int r;

	(void)snprintf(demo->folder, sizeof(demo->folder), "/tmp/adit-demo-XXXXXX");
	if (!mkdtemp(demo->folder)) {
		demo->folder[0] = '\0';
		return error_errno(err, errno, "cannot make a folder in /tmp");
	}
	(void)snprintf(demo->config, sizeof(demo->config), "%s/demo.conf", demo->folder);
	fd = open(demo->config, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, errno, "cannot write '%s'", demo->config);
	key_to_base64(demo->client_keys.private_key.byte, private_key);
	key_to_base64(demo->provider_keys.public_key, public_key);
	text_init(&text, content, sizeof(content));
	text_add(&text,
		 "[Interface]\nPrivateKey = %s\nAddress = " DEMO_CLIENT_WG_V4
		 "\nDNS = 10.64.0.1\n\n[Peer]\nPublicKey = %s\nAllowedIPs = 0.0.0.0/0\n"
		 "Endpoint = " DEMO_PROVIDER_IP ":%d\n",
		 private_key, public_key, DEMO_WIREGUARD_PORT);
	r = fd_write_all(fd, content, text.len);
	secret_wipe(content, sizeof(content));
	secret_wipe(private_key, sizeof(private_key));
	return r < 0 ? error_errno(err, -r, "cannot write '%s'", demo->config) : 0;
}

/* ---- the program ---- */

static int ask_address(struct demo *demo, char ret[PROGRAM_LINE_LEN], struct error *err)
{
	char line[PROGRAM_LINE_LEN];
	int r = program_ask(&demo->program, "address", ANSWER_NS, line, err);

	if (r < 0)
		return r;
	(void)snprintf(ret, PROGRAM_LINE_LEN, "%s", strncmp(line, "address ", 8) ? line : line + 8);
	return 0;
}

static int ask_bytes(struct demo *demo, uint64_t *ret, struct error *err)
{
	char line[PROGRAM_LINE_LEN];
	int r = program_ask(&demo->program, "bytes", ANSWER_NS, line, err);

	if (r < 0)
		return r;
	return sscanf(line, "bytes %" SCNu64, ret) == 1
		       ? 0
		       : error_set(err, EPROTO, "the program talks nonsense");
}

static int show_plain_address(struct demo *demo, struct error *err)
{
	char address[PROGRAM_LINE_LEN];
	int r = program_start(NULL, &demo->program, err);

	if (r == 0)
		r = ask_address(demo, address, err);
	program_stop(&demo->program);
	if (r == 0)
		say(demo, "1", "Without a tunnel the web server sees %-14s  your own address",
		    address);
	return r;
}

static int start_behind_adit(struct demo *demo, struct error *err)
{
	char *argv[] = {demo->self,	      (char[]){"run"},
			(char[]){"--quiet"},  (char[]){"--share-tmp"},
			demo->config,	      (char[]){"--"},
			demo->self,	      (char[]){"demo"},
			(char[]){"--inside"}, NULL};

	return program_start(argv, &demo->program, err);
}

/* What wg-quick and most apps do: the tunnel is this machine's default route. */
static int start_behind_plain_route(struct demo *demo, struct error *err)
{
	static const char *const halves[] = {"0.0.0.0/1", "128.0.0.0/1"};
	struct nlsock *nl = demo->internet.nl[NODE_YOU];
	struct device_options options = {
		.nl = nl,
		.address = DEMO_CLIENT_WG_V4,
		.own = &demo->client_keys,
		.peer_public_key = demo->provider_keys.public_key,
		.allowed = "0.0.0.0/0",
		.endpoint_ip = DEMO_PROVIDER_IP,
	};
	int r = device_open(&options, &demo->client, err);

	if (r == 0)
		r = internet_add_route(nl, DEMO_UPLINK, DEMO_PROVIDER_IP, DEMO_ROUTER_LAN_V4, err);
	for (int i = 0; i < 2 && r == 0; i++)
		r = internet_add_route(nl, "wg0", halves[i], NULL, err);
	return r < 0 ? r : program_start(NULL, &demo->program, err);
}

static int show_tunnel_address(struct demo *demo, struct error *err)
{
	char address[PROGRAM_LINE_LEN];
	int r = demo->options->is_broken ? start_behind_plain_route(demo, err)
					 : start_behind_adit(demo, err);

	if (r == 0)
		r = ask_address(demo, address, err);
	if (r < 0)
		return r;
	say(demo, "2", "%s it sees                %-14s  the provider's",
	    demo->options->is_broken ? "Over wg0 " : "Behind adit", address);
	if (strcmp(address, DEMO_PROVIDER_IP) != 0)
		return error_set(err, ENETUNREACH,
				 "the web server should have seen " DEMO_PROVIDER_IP);
	return 0;
}

/* ---- the cut ---- */

static int cut(struct demo *demo, struct error *err)
{
	if (!demo->options->is_broken)
		return internet_cut(&demo->internet, true, err);
	device_close(&demo->client);
	return 0;
}

static int replay(struct demo *demo, struct error *err)
{
	char line[PROGRAM_LINE_LEN];
	int r = program_tell(&demo->program, "replay", err);

	while (r == 0) {
		r = program_listen(&demo->program, ANSWER_NS, line, err);
		if (r == 0 && !table_take_line(&demo->counts, line))
			break;
	}
	return r;
}

static int show_cut(struct demo *demo, struct error *err)
{
	char line[PROGRAM_LINE_LEN];
	uint64_t before = 0;
	uint64_t after = 0;
	int r = program_ask(&demo->program, "download", ANSWER_NS, line, err);

	if (r == 0) {
		pause_for(DOWNLOAD_NS);
		r = cut(demo, err);
	}
	if (r == 0) {
		pause_for(100 * NS_PER_MS); /* what is on its way arrives */
		r = ask_bytes(demo, &before, err);
	}
	if (r < 0)
		return r;
	say(demo, "3", "A download runs: %.1f MB. Now %s.", (double)before / 1e6,
	    demo->options->is_broken ? "the tunnel's program dies" : "the provider is cut off");
	r = replay(demo, err);
	if (r == 0) {
		pause_for(CUT_NS);
		r = ask_bytes(demo, &after, err);
	}
	if (r == 0)
		say(demo, "",
		    "In the %d s since: %" PRIu64 " bytes more, while the program tried what "
		    "people fear:",
		    (int)(CUT_NS / NS_PER_S), after - before);
	return r;
}

static int show_table(struct demo *demo, struct error *err)
{
	char table[2048];
	struct text text;
	union endpoint to;
	int r;
	AUTO_FD int canary = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)endpoint_parse(DEMO_WEB_IP ":9", strlen(DEMO_WEB_IP ":9"), &to);
	if (canary < 0 || sendto(canary, "canary", 6, 0, &to.any, endpoint_len(&to)) < 0)
		return error_errno(err, errno, "cannot send the canary");
	pause_for(50 * NS_PER_MS);
	r = uplink_collect(&demo->uplink, err);
	if (r < 0)
		return r;
	memcpy(demo->counts.n_seen, demo->uplink.n_seen, sizeof(demo->counts.n_seen));
	demo->counts.n_lost = demo->uplink.n_lost;
	text_init(&text, table, sizeof(table));
	table_print(&demo->counts, demo->options->has_color, &text);
	(void)printf("\n%s\n", table);
	(void)fflush(stdout);
	return 0;
}

/* Only behind adit: there the connection has survived. */
static int show_return(struct demo *demo, struct error *err)
{
	struct instant deadline = instant_add(clock_now(), RETURN_NS);
	uint64_t before = 0;
	uint64_t now = 0;
	int r = ask_bytes(demo, &before, err);

	if (r == 0)
		r = internet_cut(&demo->internet, false, err);
	while (r == 0 && now <= before + 1000000 && !instant_is_due(deadline, clock_now())) {
		pause_for(200 * NS_PER_MS);
		r = ask_bytes(demo, &now, err);
	}
	if (r < 0)
		return r;
	if (now <= before)
		return error_set(err, ETIMEDOUT, "the download did not go on");
	say(demo, "4", "The provider is back, and the same download goes on: %.1f MB by now.",
	    (double)now / 1e6);
	return 0;
}

static int show_plain_address_again(struct demo *demo, struct error *err)
{
	char address[PROGRAM_LINE_LEN];
	int r = ask_address(demo, address, err);

	if (r == 0)
		say(demo, "4", "The program has noticed nothing. The web server sees %s now.",
		    address);
	return r;
}

static void give_verdict(struct demo *demo, enum demo_result *ret)
{
	uint64_t n_leaks = table_leaks(&demo->counts);
	const char *on = demo->options->has_color ? (n_leaks ? "\x1b[31;1m" : "\x1b[32;1m") : "";
	const char *off = demo->options->has_color ? "\x1b[0m" : "";

	if (n_leaks > 0)
		*ret = DEMO_LEAKED;
	else
		*ret = table_is_valid(&demo->counts) ? DEMO_TIGHT : DEMO_INVALID;
	switch (*ret) {
	case DEMO_TIGHT:
		(void)printf("\n%sNothing leaked.%s Your provider's file: adit run FILE.conf -- "
			     "COMMAND\n",
			     on, off);
		return;
	case DEMO_LEAKED:
		(void)printf("\n%s%" PRIu64 " packets leaked.%s%s\n", on, n_leaks, off,
			     demo->options->is_broken
				     ? " That is why adit exists: compare 'adit demo'."
				     : "");
		return;
	case DEMO_INVALID:
		(void)printf(
			"\nNothing was seen, but the test could not have seen it: not valid.\n");
	}
}

static int play(struct demo *demo, enum demo_result *ret, struct error *err)
{
	int r = show_plain_address(demo, err);

	if (r == 0)
		r = open_uplink(demo, err);
	if (r == 0)
		r = show_tunnel_address(demo, err);
	if (r == 0)
		r = show_cut(demo, err);
	if (r == 0)
		r = show_table(demo, err);
	if (r == 0)
		r = demo->options->is_broken ? show_plain_address_again(demo, err)
					     : show_return(demo, err);
	if (r == 0)
		give_verdict(demo, ret);
	return r;
}

static int build(struct demo *demo, struct error *err)
{
	ssize_t len = readlink("/proc/self/exe", demo->self, sizeof(demo->self) - 1);
	int r;

	if (len < 0)
		return error_errno(err, errno, "cannot find this program's file");
	demo->self[len] = '\0';
	(void)signal(SIGPIPE, SIG_IGN);
	if (chdir("/") < 0) /* this folder's path may be shut to the program */
		return error_errno(err, errno, "cannot enter '/'");
	r = leave_this_machine(err);
	if (r == 0)
		r = device_make_keys(&demo->provider_keys, err);
	if (r == 0)
		r = device_make_keys(&demo->client_keys, err);
	if (r == 0)
		r = internet_build(&demo->internet, err);
	if (r == 0)
		r = open_server(demo, err);
	if (r == 0)
		r = open_provider(demo, err);
	return r < 0 ? r : write_config(demo, err);
}

static void tidy(struct demo *demo)
{
	program_stop(&demo->program);
	device_close(&demo->client);
	device_close(&demo->provider);
	server_stop(&demo->server);
	uplink_close(&demo->uplink);
	internet_done(&demo->internet);
	if (demo->folder[0]) {
		(void)unlink(demo->config);
		(void)rmdir(demo->folder);
	}
	secret_wipe(&demo->client_keys, sizeof(demo->client_keys));
	secret_wipe(&demo->provider_keys, sizeof(demo->provider_keys));
}

int demo_run(const struct demo_options *options, enum demo_result *ret, struct error *err)
{
	struct demo demo = {
		.options = options,
		.provider = {.tun = -1},
		.client = {.tun = -1},
		.uplink = {.fd = -1},
		.program = {.in = -1, .out = -1},
		.internet = {.ns = {-1, -1, -1, -1}},
	};
	int r;

	(void)printf("adit demo: an internet on this machine alone%s\n\n"
		     "   you 192.168.1.10 -- " DEMO_UPLINK
		     " -- router --+-- web server " DEMO_WEB_IP "\n"
		     "                             " DEMO_ROUTER_PUBLIC
		     "   +-- provider   " DEMO_PROVIDER_IP "\n\n",
		     options->is_broken ? ", with the tunnel as a plain default route" : "");
	r = build(&demo, err);
	if (r == 0)
		r = play(&demo, ret, err);
	tidy(&demo);
	return r;
}
