/* Sends forged handshakes, for tests: as many a second as asked for.
 *
 *     handshake_flood KIND ADDRESS PORT PUBLIC_KEY RATE SECONDS [PREFIX]
 *
 * KIND: "good" initiations with a right mac1 and nonsense inside; "responses"
 * likewise; "bad" with a wrong mac1; "noise" of random types and lengths;
 * "replay" of the datagram that standard input gives in hex.  PUBLIC_KEY is the
 * receiver's, in hex.  With PREFIX, an IPv4 address, the sources are forged:
 * they are taken from the /16 around it, by a raw socket.  Writes the number of
 * datagrams that were sent.
 */
#include "base/bytes.h"
#include "base/clock.h"
#include "wireguard/cookie.h"
#include "wireguard/message.h"

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 32, VARIANTS = 4096, PAYLOAD_MAX = 256, HEADERS_LEN = 28 };

struct datagram {
	uint8_t bytes[HEADERS_LEN + PAYLOAD_MAX]; /* the headers are used with PREFIX only */
	size_t len;				  /* of the payload */
};

static struct datagram variants[VARIANTS];
static struct crypto *crypto;
static struct cookie_maker maker;
static struct sockaddr_in to = {.sin_family = AF_INET};

static void fail(const char *what)
{
	(void)fprintf(stderr, "handshake_flood: %s\n", what);
	exit(1);
}

static void fill_random(void *ret, size_t len)
{
	if (getrandom(ret, len, 0) != (ssize_t)len)
		fail("no randomness");
}

/* ---- payloads ---- */

static size_t make_handshake(uint8_t *bytes, enum message_type type, size_t len)
{
	fill_random(bytes, len);
	le32_store(bytes, type);
	cookie_add_macs(&maker, crypto, clock_now(), bytes, len);
	return len;
}

static size_t make_good(uint8_t *bytes)
{
	return make_handshake(bytes, MESSAGE_INITIATION, sizeof(struct message_initiation));
}

static size_t make_response(uint8_t *bytes)
{
	return make_handshake(bytes, MESSAGE_RESPONSE, sizeof(struct message_response));
}

static size_t make_bad(uint8_t *bytes)
{
	size_t len = make_good(bytes);

	bytes[len - sizeof(struct message_macs)] ^= 1;
	return len;
}

static size_t make_noise(uint8_t *bytes)
{
	uint16_t len;

	fill_random(&len, sizeof(len));
	fill_random(bytes, PAYLOAD_MAX);
	if (len & 0x8000)
		le32_store(bytes, len % 6); /* nearly right */
	return len % (PAYLOAD_MAX + 1);
}

static size_t make_replay(uint8_t *bytes)
{
	static char text[2 * PAYLOAD_MAX + 2];
	static size_t len;

	if (len == 0) {
		if (!fgets(text, sizeof(text), stdin))
			fail("nothing to replay");
		len = strcspn(text, "\n");
	}
	if (len / 2 > PAYLOAD_MAX || !hex_decode(text, len, bytes, len / 2))
		fail("no hex");
	return len / 2;
}

static const struct {
	const char *name;
	size_t (*make)(uint8_t *bytes);
} kinds[] = {
	{"good", make_good},   {"responses", make_response}, {"bad", make_bad},
	{"noise", make_noise}, {"replay", make_replay},
};

/* ---- sources ---- */

/* The kernel fills in what is zero; the UDP checksum may be. */
static void add_headers(struct datagram *datagram, uint32_t prefix)
{
	uint16_t random[2];
	struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
	struct udphdr udp = {.dest = to.sin_port, .len = htons((uint16_t)(datagram->len + 8))};

	fill_random(random, sizeof(random));
	ip.saddr = htonl((prefix & 0xffff0000) | random[0]);
	ip.daddr = to.sin_addr.s_addr;
	udp.source = random[1];
	memcpy(datagram->bytes, &ip, sizeof(ip));
	memcpy(datagram->bytes + sizeof(ip), &udp, sizeof(udp));
}

static void prepare(const char *kind, const char *prefix)
{
	struct in_addr address = {0};
	size_t (*make)(uint8_t * bytes) = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, kind) == 0)
			make = kinds[i].make;
	if (!make || (prefix && inet_pton(AF_INET, prefix, &address) != 1))
		fail("unknown kind or prefix");
	for (size_t i = 0; i < VARIANTS; i++) {
		variants[i].len = make(variants[i].bytes + HEADERS_LEN);
		if (prefix)
			add_headers(&variants[i], ntohl(address.s_addr));
	}
}

/* ---- sending ---- */

static unsigned int send_some(int fd, size_t *at, unsigned int n, bool has_headers)
{
	struct mmsghdr message[BATCH] = {0};
	struct iovec part[BATCH];
	int sent;

	for (unsigned int i = 0; i < n; i++) {
		struct datagram *datagram = &variants[(*at + i) % VARIANTS];
		size_t skip = has_headers ? 0 : HEADERS_LEN;

		part[i] =
			(struct iovec){datagram->bytes + skip, datagram->len + HEADERS_LEN - skip};
		message[i].msg_hdr = (struct msghdr){.msg_name = &to,
						     .msg_namelen = sizeof(to),
						     .msg_iov = &part[i],
						     .msg_iovlen = 1};
	}
	sent = sendmmsg(fd, message, n, 0);
	*at += n;
	return sent > 0 ? (unsigned int)sent : 0;
}

/* At an even pace: what is late is caught up with. */
static unsigned long flood(int fd, double rate, double seconds, bool has_headers)
{
	const struct timespec nap = {.tv_nsec = 500000};
	struct instant began = clock_now();
	unsigned long n_due = 0;
	unsigned long n_sent = 0;
	double elapsed = 0;
	size_t at = 0;

	while (elapsed < seconds) {
		elapsed = (double)instant_since(clock_now(), began) / (double)NS_PER_S;
		while ((double)n_due < elapsed * rate) {
			n_sent += send_some(fd, &at, BATCH, has_headers);
			n_due += BATCH;
		}
		(void)nanosleep(&nap, NULL);
	}
	return n_sent;
}

int main(int argc, char **argv)
{
	bool has_headers = argc == 8;
	uint8_t key[WG_KEY_LEN];
	int fd;

	if (argc < 7 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 ||
	    !hex_decode(argv[4], strlen(argv[4]), key, sizeof(key)))
		fail("usage: handshake_flood KIND ADDRESS PORT PUBLIC_KEY RATE SECONDS [PREFIX]");
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	crypto = crypto_new();
	if (!crypto)
		fail("no cryptography");
	cookie_maker_init(&maker, crypto, key);
	prepare(argv[1], has_headers ? argv[7] : NULL);
	fd = has_headers ? socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)
			 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("no socket");
	(void)printf("%lu\n", flood(fd, atof(argv[5]), atof(argv[6]), has_headers));
	(void)close(fd);
	crypto_free(crypto);
	return 0;
}
