/* A WireGuard peer made of adit's data plane alone, for tests and benchmarks.
 *
 *     dataplane_peer IFNAME NETNS_PATH MTU [UID]
 *
 * Makes the TUN IFNAME inside the namespace and runs the tunnel from the
 * caller's.  Reads the configuration from standard input in the words of the
 * configuration protocol (private_key=, listen_port=, public_key=, …), up to an
 * empty line, and writes "ready PID".  Then each line is a command: "stats",
 * "wait SECONDS" (for a handshake), "reopen" (another data plane for the same
 * device), "endpoint ADDRESS:PORT" (of the first peer), "configure" (another
 * configuration follows, as the first), "quit".  DATAPLANE_PROCESSORS says how
 * many processors to have threads for.
 *
 * DATAPLANE_BACKEND, as Backend= has it, makes it a named namespace's tunnel: the
 * kernel's WireGuard where that is chosen, by a link IFNAME that may be there
 * already; "ready -1".  DATAPLANE_USERNS is the path of the user namespace that
 * owns the network namespace.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "config/profile.h"
#include "net/nlsock.h"
#include "net/tun.h"
#include "net/wireguard_link.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PEERS_MAX = 1024, ALLOWED_MAX = 16, LINE_SIZE = 256, INPUT_SIZE = 4000 };

/* Keys, and the text that they come in, are where the supervisor has them: in
 * memory that the data plane does not inherit.
 */
static struct secrets {
	struct profile profile;
	struct profile_peer peers[PEERS_MAX];
	char line[LINE_SIZE];
	char input[INPUT_SIZE];
} * secrets;
static struct prefix allowed[PEERS_MAX][ALLOWED_MAX];

static void fail(const char *what)
{
	(void)fprintf(stderr, "dataplane_peer: %s\n", what);
	exit(1);
}

static struct profile_peer *last_peer(void)
{
	if (secrets->profile.n_peers == 0)
		fail("no public_key yet");
	return &secrets->peers[secrets->profile.n_peers - 1];
}

static void need(bool is_right, const char *line)
{
	if (!is_right)
		fail(line);
}

static void take_peer_line(const char *line, const char *value, size_t len)
{
	struct profile_peer *peer = last_peer();

	if (text_starts_with(line, "preshared_key="))
		need(hex_decode(value, len, peer->preshared_key.byte, 32), line);
	else if (text_starts_with(line, "endpoint="))
		need(endpoint_parse(value, len, &peer->endpoint), line);
	else if (text_starts_with(line, "persistent_keepalive_interval="))
		peer->keepalive_s = (uint16_t)atoi(value);
	else if (text_starts_with(line, "allowed_ip=") && peer->n_allowed_ips < ALLOWED_MAX)
		need(prefix_parse(value, len, &peer->allowed_ip[peer->n_allowed_ips++]), line);
	else
		fail(line);
}

static void take_line(const char *line)
{
	const char *value = strchr(line, '=');
	size_t len = value ? strlen(value + 1) : 0;

	need(value != NULL, line);
	value++;
	if (text_starts_with(line, "private_key=")) {
		need(hex_decode(value, len, secrets->profile.private_key.byte, 32), line);
		secrets->profile.has_private_key = true;
	} else if (text_starts_with(line, "listen_port=")) {
		secrets->profile.listen_port = (uint16_t)atoi(value);
	} else if (text_starts_with(line, "fwmark=")) {
		secrets->profile.fwmark = (uint32_t)atoi(value);
	} else if (text_starts_with(line, "public_key=")) {
		need(secrets->profile.n_peers < PEERS_MAX, line);
		secrets->peers[secrets->profile.n_peers].allowed_ip =
			allowed[secrets->profile.n_peers];
		secrets->profile.n_peers++;
		need(hex_decode(value, len, last_peer()->public_key, 32), line);
	} else {
		take_peer_line(line, value, len);
	}
}

/* NULL at end of file. */
static char *read_line(void)
{
	char *line = fgets(secrets->line, LINE_SIZE, stdin);

	if (line)
		line[strcspn(line, "\n")] = '\0';
	return line;
}

/* Up to an empty line. */
static void read_profile(void)
{
	const char *line;

	memset(&secrets->profile, 0, sizeof(secrets->profile));
	memset(secrets->peers, 0, sizeof(secrets->peers));
	secrets->profile.peer = secrets->peers;
	while ((line = read_line()) && line[0] != '\0')
		take_line(line);
}

static int make_tun(const char *name, const char *netns)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int inside = open(netns, O_RDONLY | O_CLOEXEC);
	struct error err;
	int fd = -1;

	if (home < 0 || inside < 0 || setns(inside, CLONE_NEWNET) < 0)
		fail(netns);
	if (tun_create(name, &fd, &err) < 0)
		fail(err.what);
	if (setns(home, CLONE_NEWNET) < 0)
		fail("cannot return");
	(void)close(home);
	(void)close(inside);
	return fd;
}

static enum profile_backend read_backend(const char *word)
{
	static const char *const words[] = {
		[BACKEND_AUTO] = "auto",
		[BACKEND_KERNEL] = "kernel",
		[BACKEND_USERSPACE] = "userspace",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], word) == 0)
			return (enum profile_backend)i;
	fail("DATAPLANE_BACKEND is none");
	return BACKEND_AUTO;
}

static void choose_backend(struct tunnel_config *config)
{
	const char *word = getenv("DATAPLANE_BACKEND");
	struct error err;

	if (!word)
		return;
	secrets->profile.backend = read_backend(word);
	if (tunnel_choose(&secrets->profile, &config->backend, &err) < 0)
		fail(err.what);
}

static int open_namespace(const char *path)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (path && fd < 0)
		fail(path);
	return fd;
}

static void make_wireguard_link(const char *name, const char *netns, struct tunnel_config *config)
{
	struct nlsock *sock;
	struct error err;

	config->device = name;
	config->netns_fd = open_namespace(netns);
	config->userns_fd = open_namespace(getenv("DATAPLANE_USERNS"));
	if (nlsock_open(&sock, &err) < 0)
		fail(err.what);
	if (wireguard_link_create(sock, name, config->netns_fd, config->mtu, &err) < 0 &&
	    err.code != EEXIST)
		fail(err.what);
	nlsock_close(sock);
}

static void print_stats(struct tunnel *tunnel, struct tunnel_config *config)
{
	struct tunnel_stats stats;
	struct error err;

	if (tunnel_read_stats(tunnel, &stats, &err) < 0) {
		(void)printf("error %s\n", err.what);
		return;
	}
	memcpy(config->last_timestamp, stats.last_timestamp, sizeof(stats.last_timestamp));
	(void)printf("stats port=%u handshake=%d datagrams=%llu invalid=%llu bad_response=%llu "
		     "tx_errno=%d icmp_errno=%d icmp_type=%u icmp_code=%u tun_errors=%llu "
		     "mark_refused=%d unlocked=%llu tx_errors=%llu replayed=%llu cookies=%llu",
		     stats.listen_port, tunnel_stats_has_handshake(&stats),
		     (unsigned long long)stats.rx_datagrams, (unsigned long long)stats.rx_invalid,
		     (unsigned long long)stats.rx_bad_response, stats.tx_errno, stats.icmp_errno,
		     stats.icmp_type, stats.icmp_code, (unsigned long long)stats.tun_errors,
		     stats.is_mark_refused, (unsigned long long)stats.n_unlocked,
		     (unsigned long long)stats.tx_errors, (unsigned long long)stats.rx_replayed,
		     (unsigned long long)stats.tx_cookie);
	for (size_t i = 0; i < stats.n_peers; i++)
		(void)printf(" rx=%llu tx=%llu sent=%llu",
			     (unsigned long long)stats.peer[i].rx_bytes,
			     (unsigned long long)stats.peer[i].tx_bytes,
			     (unsigned long long)stats.peer[i].handshakes_sent);
	(void)printf("\n");
	tunnel_stats_done(&stats);
}

/* By the events descriptor alone, as the supervisor does. */
static void wait_handshake(struct tunnel *tunnel, int seconds)
{
	struct pollfd event = {.fd = tunnel_events_fd(tunnel), .events = POLLIN};
	struct instant end = instant_add(clock_now(), (uint64_t)seconds * NS_PER_S);
	bool has_handshake = false;

	while (!has_handshake && !instant_is_due(end, clock_now())) {
		struct tunnel_stats stats;

		if (tunnel_read_stats(tunnel, &stats, NULL) < 0)
			break;
		has_handshake = tunnel_stats_has_handshake(&stats);
		tunnel_stats_done(&stats);
		if (!has_handshake && poll(&event, 1, instant_poll_ms(end, clock_now())) > 0)
			tunnel_take_event(tunnel);
	}
	(void)printf("handshake %d\n", has_handshake);
}

static struct tunnel *open_tunnel(const struct tunnel_config *config)
{
	struct tunnel *tunnel;
	struct error err;

	if (tunnel_open(config, &tunnel, &err) < 0)
		fail(err.what);
	(void)printf("ready %d\n", (int)tunnel_pid(tunnel));
	return tunnel;
}

static void set_endpoint(struct tunnel *tunnel, const char *text)
{
	union endpoint endpoint;
	struct error err;

	if (!endpoint_parse(text, strlen(text), &endpoint))
		(void)printf("error %s\n", text);
	else if (tunnel_set_endpoint(tunnel, secrets->peers[0].public_key, &endpoint, &err) < 0)
		(void)printf("error %s\n", err.what);
	else
		(void)printf("done\n");
}

static void configure(struct tunnel *tunnel, const struct tunnel_config *config)
{
	struct error err;

	read_profile();
	if (tunnel_set_config(tunnel, config, &err) < 0)
		(void)printf("error %s\n", err.what);
	else
		(void)printf("done\n");
}

static void serve(struct tunnel_config *config)
{
	struct tunnel *tunnel = open_tunnel(config);
	const char *line;

	(void)fflush(stdout);
	while ((line = read_line()) && strcmp(line, "quit") != 0) {
		if (strcmp(line, "stats") == 0) {
			print_stats(tunnel, config);
		} else if (text_starts_with(line, "wait ")) {
			wait_handshake(tunnel, atoi(line + 5));
		} else if (strcmp(line, "reopen") == 0) {
			tunnel_close(tunnel);
			tunnel = open_tunnel(config);
		} else if (text_starts_with(line, "endpoint ")) {
			set_endpoint(tunnel, line + 9);
		} else if (strcmp(line, "configure") == 0) {
			configure(tunnel, config);
		} else {
			(void)printf("error unknown command\n");
		}
		(void)fflush(stdout);
	}
	tunnel_close(tunnel);
}

int main(int argc, char **argv)
{
	struct tunnel_config config = {.starts_handshake = true};

	if (argc < 4)
		fail("usage: dataplane_peer IFNAME NETNS_PATH MTU [UID]");
	if (getenv("DATAPLANE_DEBUG"))
		log_set_level(LOG_LEVEL_DEBUG);
	secrets = secret_new(sizeof(*secrets));
	if (!secrets || setvbuf(stdin, secrets->input, _IOFBF, INPUT_SIZE) != 0)
		fail("out of memory");
	config.profile = &secrets->profile;
	config.mtu = (uint32_t)atoi(argv[3]);
	config.has_ids = argc > 4;
	config.uid = argc > 4 ? (uid_t)atoi(argv[4]) : 0;
	config.gid = (gid_t)config.uid;
	if (getenv("DATAPLANE_PROCESSORS"))
		config.n_processors = (unsigned int)atoi(getenv("DATAPLANE_PROCESSORS"));
	read_profile();
	choose_backend(&config);
	if (config.backend == &tunnel_backend_kernel)
		make_wireguard_link(argv[1], argv[2], &config);
	else
		config.tun_fd = make_tun(argv[1], argv[2]);
	serve(&config);
	return 0;
}
