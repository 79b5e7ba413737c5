/* What the protocol's parts cost on this machine: nanoseconds for each, and how
 * many a second, on one core; and a table of what a packet costs, in batches,
 * with every kernel that the processor runs (the best of many short runs: other
 * programs can only make it slower).
 *
 *     build/bench/bench_crypto [packets]
 *
 * With the argument: the table alone.
 */
#include "base/clock.h"
#include "wireguard/allowedips.h"
#include "wireguard/cookie.h"
#include "wireguard/noise.h"
#include "wireguard/ratelimit.h"
#include "wireguard/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct wg_peer {
	struct allowedips_owner owner;
};

enum {
	PACKET_MAX = 8192 + 16,
	N_PEERS = 10000,
	LEAST_MS = 200, /* of every measurement */
	BATCH = 44,	/* packets of 1420 bytes in a super-packet */
	RUNS = 40,	/* of which the best counts */
	RUN_PACKETS = 2000,
	WG_OVERHEAD = 32, /* header and tag of a datagram */
};

/* Packets lie one behind the other as in the data plane: a frame is read, a
 * buffer of datagrams is written.
 */
struct batch_bench {
	struct crypto *crypto;
	struct crypto_key key;
	size_t len;
	size_t n;
	uint8_t head[BATCH][40];
	uint8_t in[BATCH * PACKET_MAX];
	uint8_t out[BATCH * (PACKET_MAX + 16)];
	struct crypto_sealing sealing[BATCH];
	struct crypto_opening opening[BATCH];
};

struct bench {
	struct crypto *crypto;
	struct crypto_key key, other_key;
	uint64_t counter;
	size_t len; /* of a packet */
	uint8_t packet[PACKET_MAX];
	uint8_t sealed[PACKET_MAX];
	struct noise_static self[2];
	struct noise_handshake handshake[2];
	struct message_initiation initiation;
	struct cookie_checker checker;
	struct cookie_maker maker;
	struct ratelimit *ratelimit;
	struct replay replay;
	struct allowedips table;
	struct wg_peer peer[N_PEERS];
	union endpoint from;
	unsigned int n_failed;
};

static void fill_random(void *context, uint8_t *ret, size_t len)
{
	(void)context;
	if (getrandom(ret, len, 0) != (ssize_t)len)
		abort();
}

static const struct random_source random_source = {.fill = fill_random};

/* ---- what is measured; each counts what did not work ---- */

static void seal(struct bench *bench)
{
	const struct crypto_plain plain = {.body = bench->packet, .body_len = bench->len};

	(void)crypto_seal(bench->crypto, &bench->key, bench->counter++, &plain, bench->sealed);
}

static void seal_with_head(struct bench *bench)
{
	const struct crypto_plain plain = {
		.head = bench->packet,
		.head_len = 40,
		.body = bench->packet + 40,
		.body_len = bench->len - 40,
	};

	(void)crypto_seal(bench->crypto, &bench->key, bench->counter++, &plain, bench->sealed);
}

static void seal_with_two_keys(struct bench *bench)
{
	const struct crypto_plain plain = {.body = bench->packet, .body_len = bench->len};

	(void)crypto_seal(bench->crypto, bench->counter % 2 ? &bench->key : &bench->other_key,
			  bench->counter, &plain, bench->sealed);
	bench->counter++;
}

/* The tag is made right by the copy, the copy is part of the time. */
static void open_packet(struct bench *bench)
{
	memcpy(bench->packet, bench->sealed, bench->len + WG_TAG_LEN);
	bench->n_failed += !crypto_open(bench->crypto, &bench->key, bench->counter - 1,
					bench->packet, bench->len + WG_TAG_LEN);
}

static void forge(struct bench *bench)
{
	bench->n_failed += crypto_open(bench->crypto, &bench->key, bench->counter + 1,
				       bench->packet, bench->len + WG_TAG_LEN);
}

static void hash(struct bench *bench)
{
	crypto_hash(bench->crypto, bench->packet, bench->packet, 32, bench->packet + 32, 32);
}

static void derive(struct bench *bench)
{
	const struct crypto_kdf ret = {.first = bench->packet, .second = bench->packet + 32};

	crypto_kdf(bench->crypto, &ret, bench->packet, bench->packet + 64, 32);
}

static void agree(struct bench *bench)
{
	bench->n_failed +=
		!crypto_x25519(bench->crypto, bench->packet, bench->self[0].own.private_key,
			       bench->self[1].own.public_key);
}

static void check_mac1(struct bench *bench)
{
	bench->n_failed +=
		cookie_check(&bench->checker, clock_now(), (const uint8_t *)&bench->initiation,
			     sizeof(bench->initiation), &bench->from, false) != COOKIE_GOOD_MAC1;
}

static void check_mac2(struct bench *bench)
{
	bench->n_failed +=
		cookie_check(&bench->checker, clock_now(), (const uint8_t *)&bench->initiation,
			     sizeof(bench->initiation), &bench->from, true) != COOKIE_GOOD_MAC1;
}

static void make_reply(struct bench *bench)
{
	struct message_cookie reply;

	bench->n_failed += !cookie_make_reply(&bench->checker, clock_now(),
					      (const uint8_t *)&bench->initiation,
					      sizeof(bench->initiation), &bench->from, &reply);
}

static void open_initiation(struct bench *bench)
{
	struct noise_opening opening;

	bench->n_failed += !noise_open_initiation(&bench->self[1], &bench->initiation, &opening);
}

static void shake_hands(struct bench *bench)
{
	struct noise_handshake *one = &bench->handshake[0], *two = &bench->handshake[1];
	struct message_initiation initiation;
	struct message_response response;
	struct noise_opening opening;
	struct noise_session session;

	two->last_consumed = (struct instant){0};
	bench->n_failed +=
		!(noise_create_initiation(one, &bench->self[0], 1, clock_wall(), &initiation) &&
		  noise_open_initiation(&bench->self[1], &initiation, &opening) &&
		  noise_consume_initiation(two, &bench->self[1], clock_now(), &initiation,
					   &opening) &&
		  noise_create_response(two, &bench->self[1], 2, &response) &&
		  noise_consume_response(one, &bench->self[0], &response) &&
		  noise_begin_session(one, &bench->self[0], &session) &&
		  noise_begin_session(two, &bench->self[1], &session));
}

static void limit_rate(struct bench *bench)
{
	bench->from.v4.sin_addr.s_addr += 0x10001;
	(void)ratelimit_allow(bench->ratelimit, (struct instant){1}, &bench->from);
}

static void accept_counter(struct bench *bench)
{
	bench->n_failed += !replay_accept(&bench->replay, bench->counter++);
}

static void find_v4(struct bench *bench)
{
	struct address address;

	bench->counter = bench->counter * 6364136223846793005U + 1442695040888963407U;
	address = address_from_v4((struct in_addr){
		htonl(0x0a000000U | (uint32_t)((bench->counter >> 33) % N_PEERS))});
	bench->n_failed += !allowedips_find(&bench->table, &address);
}

static void find_v6(struct bench *bench)
{
	uint8_t packet[40] = {0x60, [24] = 0xfd};

	bench->counter = bench->counter * 6364136223846793005U + 1442695040888963407U;
	be32_store(packet + 36, (uint32_t)((bench->counter >> 33) % N_PEERS));
	bench->n_failed += !allowedips_find_destination(&bench->table, packet);
}

/* ---- running ---- */

static void measure(struct bench *bench, const char *name, void (*run)(struct bench *bench))
{
	struct instant begin;
	uint64_t ns;
	uint64_t n = 0;

	bench->n_failed = 0;
	begin = clock_now();
	do {
		for (int i = 0; i < 100; i++)
			run(bench);
		n += 100;
		ns = instant_since(clock_now(), begin);
	} while (ns < LEAST_MS * NS_PER_MS);
	(void)printf("%-36s %10.1f ns %12.0f a second%s\n", name, (double)ns / (double)n,
		     1e9 * (double)n / (double)ns, bench->n_failed ? "  FAILED" : "");
}

static void measure_packets(struct bench *bench)
{
	static const size_t lengths[] = {64, 256, 1420, 8192};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char name[64];

		bench->len = lengths[i];
		(void)snprintf(name, sizeof(name), "seal %zu", bench->len);
		measure(bench, name, seal);
		(void)snprintf(name, sizeof(name), "seal 40 + %zu", bench->len - 40);
		measure(bench, name, seal_with_head);
		(void)snprintf(name, sizeof(name), "seal %zu, keys in turn", bench->len);
		measure(bench, name, seal_with_two_keys);
		seal(bench);
		(void)snprintf(name, sizeof(name), "open %zu (and copy)", bench->len);
		measure(bench, name, open_packet);
		(void)snprintf(name, sizeof(name), "refuse %zu", bench->len);
		measure(bench, name, forge);
	}
}

/* ---- the table of packets ---- */

/* Head and body, as they come from the TUN device. */
static void seal_batch(struct batch_bench *bench)
{
	for (size_t i = 0; i < bench->n; i++)
		bench->sealing[i] = (struct crypto_sealing){
			.plain = {bench->head[i], 40, bench->in + i * (bench->len - 40),
				  bench->len - 40, 0},
			.out = bench->out + i * (bench->len + WG_OVERHEAD),
		};
	crypto_seal_batch(bench->crypto, &bench->key, 1, bench->sealing, bench->n);
}

/* Forgeries, all but the first time: it takes as long. */
static void open_batch(struct batch_bench *bench)
{
	for (size_t i = 0; i < bench->n; i++)
		bench->opening[i] =
			(struct crypto_opening){1 + i, bench->out + i * (bench->len + WG_OVERHEAD),
						bench->len + WG_TAG_LEN, 0};
	crypto_open_batch(bench->crypto, &bench->key, bench->opening, bench->n);
}

static double measure_batch(struct batch_bench *bench, size_t n,
			    void (*run)(struct batch_bench *bench))
{
	double best = 1e9;

	bench->n = n;
	for (int i = 0; i < RUNS; i++) {
		struct instant begin = clock_now();
		size_t n_done = 0;
		double ns;

		for (; n_done < RUN_PACKETS; n_done += n)
			run(bench);
		ns = (double)instant_since(clock_now(), begin) / (double)n_done;
		best = ns < best ? ns : best;
	}
	return best;
}

static void measure_kernel(struct batch_bench *bench)
{
	static const size_t lengths[] = {64, 128, 256, 512, 1024, 1420, 8192};
	static const size_t sizes[] = {1, 8, 16, 32, BATCH};

	(void)printf("%s, ns a packet\n%8s", crypto_kernel(bench->crypto), "bytes");
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
		(void)printf("  seal %2zu", sizes[k]);
	(void)printf("  open  1  open %2d\n", BATCH);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		bench->len = lengths[i];
		(void)printf("%8zu", bench->len);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			(void)printf(" %8.1f", measure_batch(bench, sizes[k], seal_batch));
		(void)printf(" %8.1f %8.1f\n", measure_batch(bench, 1, open_batch),
			     measure_batch(bench, BATCH, open_batch));
	}
}

static void measure_kernels(void)
{
	static const char *const kernels[] = {"avx512", "avx2", CRYPTO_OPENSSL};
	static struct batch_bench bench;

	fill_random(NULL, bench.key.byte, sizeof(bench.key.byte));
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct instant begin = clock_now();

		bench.crypto = crypto_new_with(kernels[i]);
		if (!bench.crypto)
			continue;
		(void)printf("started and tested in %.2f ms: ",
			     (double)instant_since(clock_now(), begin) / NS_PER_MS);
		measure_kernel(&bench);
		crypto_free(bench.crypto);
	}
}

static void set_up_handshake(struct bench *bench)
{
	uint8_t key[2][WG_KEY_LEN];

	for (size_t i = 0; i < 2; i++) {
		fill_random(NULL, key[i], sizeof(key[i]));
		noise_static_init(&bench->self[i], bench->crypto, random_source);
		if (!noise_static_set_key(&bench->self[i], key[i]))
			abort();
	}
	for (size_t i = 0; i < 2; i++)
		noise_init(&bench->handshake[i], &bench->self[i],
			   bench->self[1 - i].own.public_key);
	cookie_checker_init(&bench->checker, bench->crypto, random_source);
	cookie_checker_set_key(&bench->checker, bench->self[1].own.public_key);
	cookie_maker_init(&bench->maker, bench->crypto, bench->self[1].own.public_key);
	if (!noise_create_initiation(&bench->handshake[0], &bench->self[0], 1, clock_wall(),
				     &bench->initiation))
		abort();
	cookie_add_macs(&bench->maker, bench->crypto, clock_now(), (uint8_t *)&bench->initiation,
			sizeof(bench->initiation));
}

/* Each peer has an IPv4 and an IPv6 address. */
static void set_up_table(struct bench *bench)
{
	for (uint32_t i = 0; i < N_PEERS; i++) {
		struct in6_addr v6 = {.s6_addr = {0xfd}};
		struct prefix prefix = {.len = 32};

		bench->peer[i].owner.peer = &bench->peer[i];
		prefix.address = address_from_v4((struct in_addr){htonl(0x0a000000U | i)});
		if (allowedips_insert(&bench->table, &prefix, &bench->peer[i].owner) < 0)
			abort();
		be32_store(v6.s6_addr + 12, i);
		prefix = (struct prefix){.address = address_from_v6(&v6), .len = 128};
		if (allowedips_insert(&bench->table, &prefix, &bench->peer[i].owner) < 0)
			abort();
	}
}

int main(int argc, char **argv)
{
	static struct bench bench;

	measure_kernels();
	if (argc > 1 && strcmp(argv[1], "packets") == 0)
		return 0;
	bench.crypto = crypto_new();
	bench.ratelimit = ratelimit_new(&random_source);
	if (!bench.crypto || !bench.ratelimit)
		abort();
	fill_random(NULL, bench.key.byte, sizeof(bench.key.byte));
	fill_random(NULL, bench.other_key.byte, sizeof(bench.other_key.byte));
	bench.from.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(51820)};
	set_up_handshake(&bench);
	set_up_table(&bench);

	measure_packets(&bench);
	measure(&bench, "BLAKE2s of 64 bytes", hash);
	measure(&bench, "KDF2", derive);
	measure(&bench, "X25519", agree);
	measure(&bench, "mac1 check", check_mac1);
	measure(&bench, "mac1 and mac2 check", check_mac2);
	measure(&bench, "cookie reply", make_reply);
	measure(&bench, "initiation up to the peer's key", open_initiation);
	measure(&bench, "whole handshake, both sides", shake_hands);
	measure(&bench, "rate limit, table full", limit_rate);
	bench.counter = 0;
	measure(&bench, "replay window", accept_counter);
	measure(&bench, "allowed IPs, 10,000 IPv4 hosts", find_v4);
	measure(&bench, "allowed IPs, 10,000 IPv6 hosts", find_v6);

	allowedips_done(&bench.table);
	ratelimit_free(bench.ratelimit);
	crypto_free(bench.crypto);
	return 0;
}
