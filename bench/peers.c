/* What many peers cost: memory and time of configuration for each, sessions, and
 * lookups among allowed IPs.
 *
 *     build/bench/bench_peers
 *
 * A device with its configuration protocol, in this process alone.  Times are
 * processor time; the best of many runs for lookups, hosts in random order.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "dataplane/health.h"
#include "dataplane/uapi.h"
#include "wireguard/allowedips.h"
#include "wireguard/crypto.h"
#include "wireguard/device.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct wg_peer {
	struct allowedips_owner owner;
};

enum {
	N_PEERS = 10000,
	N_SESSIONS = 2000,
	LOOKUPS = 50000, /* a run */
	RUNS = 40,	 /* of which the best counts */
	LINE_LEN = 256,
};

static void must(bool is_done, const char *what)
{
	if (is_done)
		return;
	(void)fprintf(stderr, "bench_peers: %s\n", what);
	exit(1);
}

static void fill_random(void *context, uint8_t *ret, size_t len)
{
	(void)context;
	must(getrandom(ret, len, 0) == (ssize_t)len, "getrandom");
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

/* Bytes that this process holds, by the allocator or mapped. */
static size_t memory(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	size_t n_all = 0;
	size_t n_resident = 0;

	must(malloc_trim(0) >= 0 && file && fscanf(file, "%zu %zu", &n_all, &n_resident) == 2,
	     "/proc/self/statm");
	(void)fclose(file);
	return n_resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Processor time of this process: others may be running, too. */
static struct instant processor_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (struct instant){(uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec};
}

static double ms_since(struct instant begin)
{
	return (double)instant_since(processor_now(), begin) / NS_PER_MS;
}

/* ---- allowed IPs ---- */

/* The i-th host, spread over the whole family. */
static struct prefix host(int family, uint32_t i)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
	uint64_t bits = next_random(&state);
	struct in6_addr v6 = {.s6_addr = {0x20}};
	struct prefix prefix;

	if (family == AF_INET) {
		/* a bijection of 32 bits, so that no two are the same */
		prefix.address = address_from_v4((struct in_addr){htonl(i * 0x9e3779b1U)});
		prefix.len = 32;
		return prefix;
	}
	be32_store(v6.s6_addr + 4, (uint32_t)bits);
	be32_store(v6.s6_addr + 12, i);
	prefix.address = address_from_v6(&v6);
	prefix.len = 128;
	return prefix;
}

static double look_up(const struct allowedips *table, const struct prefix *hosts, uint32_t n)
{
	double best = 1e9;

	for (int run = 0; run < RUNS; run++) {
		struct instant begin = processor_now();
		uint64_t state = 1;
		unsigned int n_found = 0;
		double ns;

		for (int i = 0; i < LOOKUPS; i++)
			n_found += allowedips_find(table,
						   &hosts[next_random(&state) % n].address) != NULL;
		must(n_found == LOOKUPS, "a host was not found");
		ns = (double)instant_since(processor_now(), begin) / LOOKUPS;
		best = ns < best ? ns : best;
	}
	return best;
}

static void measure_table(int family, uint32_t n)
{
	struct prefix *hosts = calloc(n, sizeof(*hosts));
	struct wg_peer owner = {.owner.peer = &owner};
	struct allowedips table = {0};
	size_t before;
	double ns;

	must(hosts != NULL, "memory");
	for (uint32_t i = 0; i < n; i++)
		hosts[i] = host(family, i);
	before = memory();
	for (uint32_t i = 0; i < n; i++)
		must(allowedips_insert(&table, &hosts[i], &owner.owner) == 0, "insert");
	ns = look_up(&table, hosts, n);
	(void)printf("%8u IPv%d hosts: %6.1f ns a lookup", n, family == AF_INET ? 4 : 6, ns);
	if (n >= N_PEERS) /* fewer are lost among pages */
		(void)printf(", %.0f bytes a host", (double)(memory() - before) / n);
	(void)printf("\n");
	allowedips_done(&table);
	free(hosts);
}

/* ---- peers by the configuration protocol ---- */

static int take_number(void *context, uint32_t number)
{
	(void)context;
	(void)number;
	return 0;
}

static int take_port(void *context, uint16_t port)
{
	return take_number(context, port);
}

static int take_sockets(void *context)
{
	return take_number(context, 0);
}

static void read_facts(void *context, struct uapi_facts *ret)
{
	static const struct health health;

	(void)context;
	*ret = (struct uapi_facts){.health = &health};
}

static struct wg_device *make_device(void)
{
	struct wg_device *device = wg_device_new(fill_random, NULL, (struct wall_time){1});

	must(device != NULL, "wg_device_new");
	wg_device_up(device, (struct instant){NS_PER_S});
	return device;
}

/* How many bytes come back. */
static size_t request(struct wg_device *device, const char *text, size_t len)
{
	const struct uapi_target target = {
		.device = device,
		.set_listen_port = take_port,
		.set_fwmark = take_number,
		.set_mtu = take_number,
		.use_sockets = take_sockets,
		.read_facts = read_facts,
	};
	struct uapi *uapi = uapi_new(&target, false);
	size_t reply_len;

	must(uapi && uapi_feed(uapi, (struct instant){NS_PER_S}, text, len) == 0, "uapi_feed");
	must(strstr(uapi_output(uapi, &reply_len), "errno=0\n") != NULL, "a request was refused");
	uapi_free(uapi);
	return reply_len;
}

static char *write_request(const uint8_t key[][WG_KEY_LEN], size_t *ret_len)
{
	char *text = malloc(N_PEERS * (size_t)LINE_LEN * 2);
	char *at = text;

	must(text != NULL, "memory");
	at += sprintf(at, "set=1\n");
	for (uint32_t i = 0; i < N_PEERS; i++) {
		at += sprintf(at, "public_key=");
		for (size_t j = 0; j < WG_KEY_LEN; j++)
			at += sprintf(at, "%02x", key[i][j]);
		at += sprintf(at,
			      "\nendpoint=192.0.2.1:%u\nallowed_ip=10.%u.%u.%u/32\n"
			      "allowed_ip=fd00::%x/128\n",
			      1024 + i, i >> 16, i >> 8 & 255, i & 255, i);
	}
	at += sprintf(at, "\n");
	*ret_len = (size_t)(at - text);
	return text;
}

static struct wg_device *measure_configuration(const uint8_t key[][WG_KEY_LEN])
{
	static const char replace[] = "set=1\nreplace_peers=true\n\n";
	static const char get[] = "get=1\n\n";
	struct wg_device *device = make_device();
	size_t len, reply_len;
	char *text = write_request(key, &len);
	struct instant begin;
	size_t before = memory();

	begin = processor_now();
	(void)request(device, text, len);
	(void)printf("%8d peers with two allowed IPs each: set in %.1f ms, %.0f bytes a peer\n",
		     N_PEERS, ms_since(begin), (double)(memory() - before) / N_PEERS);
	begin = processor_now();
	reply_len = request(device, get, sizeof(get) - 1);
	(void)printf("%8s read back in %.1f ms, %zu bytes of text\n", "", ms_since(begin),
		     reply_len);
	begin = processor_now();
	(void)request(device, replace, sizeof(replace) - 1);
	(void)printf("%8s removed in %.1f ms\n", "", ms_since(begin));
	(void)request(device, text, len);
	free(text);
	return device;
}

/* ---- sessions ---- */

/* Hands over what waits in one device; whether there was anything. */
static bool deliver(struct wg_device *from, struct wg_device *to, struct instant now)
{
	static uint8_t bytes[WG_DATAGRAM_MAX];
	static const union endpoint address = {.v4 = {.sin_family = AF_INET, .sin_port = 1}};
	struct wg_output output = {.bytes = bytes};
	bool is_any = false;

	while (wg_next_output(from, now, &output)) {
		const struct wg_datagram datagram = {
			.bytes = bytes,
			.len = output.len,
			.from = &address,
			.to = &address,
		};
		struct wg_packet packet;

		(void)wg_receive(to, now, &datagram, &packet);
		is_any = true;
	}
	return is_any;
}

/* One client after the other, each the next of the server's peers. */
static void measure_sessions(struct wg_device *server, uint8_t secret[][WG_KEY_LEN],
			     const uint8_t server_key[WG_KEY_LEN])
{
	static const union endpoint address = {.v4 = {.sin_family = AF_INET, .sin_port = 1}};
	struct wg_device *client = make_device();
	struct instant now = {NS_PER_S};
	struct wg_device_stats stats;
	struct instant begin = processor_now();
	size_t before = memory();

	for (size_t i = 0; i < N_SESSIONS; i++) {
		struct wg_peer *peer;

		now = instant_add(now, NS_PER_S);
		wg_peer_remove_all(client);
		must(wg_device_set_private_key(client, now, secret[i]) == 0, "private key");
		peer = wg_peer_add(client, now, server_key);
		must(peer != NULL, "wg_peer_add");
		wg_peer_set_endpoint(peer, &address);
		wg_peer_start_handshake(client, now, peer);
		for (bool is_busy = true; is_busy;) {
			is_busy = deliver(client, server, now);
			is_busy = deliver(server, client, now) || is_busy;
		}
	}
	wg_device_read_stats(server, &stats);
	must(stats.rx_handshake == N_SESSIONS, "a handshake failed");
	(void)printf("%8d sessions: %.0f bytes each; %.0f us a handshake, both ends\n", N_SESSIONS,
		     (double)(memory() - before) / N_SESSIONS, ms_since(begin) * 1000 / N_SESSIONS);
	wg_device_free(client);
}

int main(void)
{
	static const uint32_t sizes[] = {1, 100, 10000, 65536};
	static uint8_t secret[N_PEERS][WG_KEY_LEN], public_key[N_PEERS][WG_KEY_LEN];
	struct crypto *crypto = crypto_new();
	uint8_t server_secret[WG_KEY_LEN], server_key[WG_KEY_LEN];
	struct wg_device *device;

	for (int family = 0; family < 2; family++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			measure_table(family == 0 ? AF_INET : AF_INET6, sizes[i]);
	must(crypto != NULL, "crypto_new");
	fill_random(NULL, secret[0], sizeof(secret));
	for (size_t i = 0; i < N_PEERS; i++) /* those without a session need no secret */
		if (i >= N_SESSIONS || !crypto_x25519_public(crypto, public_key[i], secret[i]))
			memcpy(public_key[i], secret[i], WG_KEY_LEN);
	fill_random(NULL, server_secret, sizeof(server_secret));
	must(crypto_x25519_public(crypto, server_key, server_secret), "X25519");

	device = measure_configuration(public_key);
	must(wg_device_set_private_key(device, (struct instant){NS_PER_S}, server_secret) == 0,
	     "private key");
	measure_sessions(device, secret, server_key);
	wg_device_free(device);
	crypto_free(crypto);
	return 0;
}
