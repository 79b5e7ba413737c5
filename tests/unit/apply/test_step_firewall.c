/* Mirrors src/apply/step_firewall.c: what the rules of a run, its settings and
 * its routes do to real packets.  The test is the other side of the tunnel: it
 * holds the TUN descriptor.
 */
#include "cmocka_all.h"

#include "apply/packet.h"
#include "apply/snapshot.h"
#include "namespace.h"

#include "apply/apply.h"
#include "apply/observe.h"
#include "apply/record.h"
#include "base/error.h"
#include "config/profile.h"
#include "net/nft.h"
#include "net/nftables.h"
#include "plan/plan.h"
#include "plan/ruleset.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <netinet/ip.h>
#include <poll.h>

#define OWN_V4	 "10.2.0.2"
#define OWN_V6	 "fd00::2"
#define OTHER_V4 "192.0.2.1"
#define OTHER_V6 "2001:db8::1"

enum {
	OUR_PORT = 5000,
	OTHER_PORT = 7000,
	QUIET_MS = 10, /* a packet through lo or the tunnel takes some 20 us */
};

static struct host host;
static struct profile profile;

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	(void)prefix_parse(text, strlen(text), &prefix);
	return prefix;
}

static void apply(const char *allowed_v4, const char *allowed_v6)
{
	const struct plan_environment environment = {.ping_gid = NAMESPACE_ID, .has_ipv6 = true};
	struct prefix allowed_ips[] = {make_prefix(allowed_v4), make_prefix(allowed_v6)};
	struct profile_peer peer = {.allowed_ip = allowed_ips, .n_allowed_ips = 2};
	struct error err = {0};
	struct plan plan;

	(void)snprintf(profile.device, sizeof(profile.device), "wg0");
	profile.address[0] = make_prefix(OWN_V4 "/24");
	profile.address[1] = make_prefix(OWN_V6 "/64");
	profile.n_addresses = 2;
	profile.peer = &peer;
	profile.n_peers = 1;
	assert_int_equal(plan_run(&profile, &environment, &plan, &err), 0);
	assert_int_equal(host_open(&host, NULL), 0);
	if (apply_plan(&plan, &host, NULL, &err) < 0)
		fail_msg("%s", err.what);
	plan_done(&plan);
}

static int run_setup(void **state)
{
	int r = namespace_setup(state);

	if (r == 0 && !namespace_reason)
		apply("0.0.0.0/0", "::/0");
	return r;
}

static int run_teardown(void **state)
{
	(void)state;
	host_done(&host);
	return 0;
}

/* Bound to `address`; connected nowhere. */
static int open_udp(const char *address, uint16_t port)
{
	struct address parsed = packet_address(address);
	union endpoint here = endpoint_make(&parsed, port);
	int fd = socket(here.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	int on = 1;

	assert_true(fd >= 0);
	if (!address_is_v4(&parsed))
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, &here.any, endpoint_len(&here)), 0);
	return fd;
}

static int send_udp(int fd, const char *address, uint16_t port, const char *text)
{
	struct address parsed = packet_address(address);
	union endpoint there = endpoint_make(&parsed, port);

	if (sendto(fd, text, strlen(text), 0, &there.any, endpoint_len(&there)) < 0)
		return -errno;
	return 0;
}

static void connect_udp(int fd, const char *address, uint16_t port)
{
	struct address parsed = packet_address(address);
	union endpoint there = endpoint_make(&parsed, port);

	assert_int_equal(connect(fd, &there.any, endpoint_len(&there)), 0);
}

static bool wait_for(int fd, int ms)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};

	return poll(&ready, 1, ms) == 1;
}

static void expect_udp(int fd, const char *text)
{
	char buffer[4096] = {0};

	assert_true(wait_for(fd, 2000));
	assert_int_equal(recv(fd, buffer, sizeof(buffer) - 1, 0), (int)strlen(text));
	assert_string_equal(buffer, text);
}

static void expect_nothing(int fd)
{
	char buffer[64];

	(void)wait_for(fd, QUIET_MS);
	assert_int_equal(recv(fd, buffer, sizeof(buffer), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void expect_silence(void)
{
	struct packet packet;

	(void)wait_for(host.tun_fd, QUIET_MS);
	assert_false(packet_read(host.tun_fd, &packet));
}

static void inject(const struct packet *packet)
{
	assert_true(packet_write(host.tun_fd, packet));
}

static const struct flow new_flows[] = {
	{OTHER_V4, OWN_V4, OTHER_PORT, OUR_PORT},
	{OTHER_V6, OWN_V6, OTHER_PORT, OUR_PORT},
};

static void test_the_links_coming_up_sends_nothing(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect_silence();
}

static void test_a_new_flow_from_the_tunnel_reaches_nobody_and_gets_no_answer(void **state)
{
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		int fd = open_udp(new_flows[i].to, OUR_PORT);

		packet_udp(&packet, &new_flows[i], "hello");
		inject(&packet);
		expect_nothing(fd);
		(void)close(fd);
		/* nor is there an ICMP error about the closed port */
		inject(&packet);
		expect_silence();
	}
}

static void test_nobody_connects_from_the_tunnel(void **state)
{
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		struct address address = packet_address(new_flows[i].to);
		union endpoint here = endpoint_make(&address, OUR_PORT);
		int fd = socket(here.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		assert_int_equal(bind(fd, &here.any, endpoint_len(&here)), 0);
		assert_int_equal(listen(fd, 1), 0);
		packet_syn(&packet, &new_flows[i]);
		inject(&packet);
		expect_silence();
		(void)close(fd);
		inject(&packet);
		expect_silence(); /* no reset either */
	}
}

static void test_nobody_is_pinged_from_the_tunnel(void **state)
{
	const struct icmp echo4 = {.type = ICMP_ECHO, .rest = 0x12340001};
	const struct icmp echo6 = {.type = ICMPV6_ECHO_REQUEST, .rest = 0x12340001};
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	packet_icmp(&packet, OTHER_V4, OWN_V4, &echo4);
	inject(&packet);
	packet_icmp(&packet, OTHER_V6, OWN_V6, &echo6);
	inject(&packet);
	expect_silence();
}

static void test_replies_come_in(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		int fd = open_udp(new_flows[i].to, OUR_PORT);
		struct packet packet;

		assert_int_equal(send_udp(fd, new_flows[i].from, OTHER_PORT, "question"), 0);
		assert_true(packet_read(host.tun_fd, &packet));
		packet_udp(&packet, &new_flows[i], "answer");
		inject(&packet);
		expect_udp(fd, "answer");
		(void)close(fd);
	}
}

/* The second half of a datagram names no port: conntrack puts it together first. */
static void test_a_reply_in_fragments_comes_in(void **state)
{
	int fd = -1;
	struct packet whole;
	struct packet part;

	(void)state;
	NAMESPACE_OR_SKIP();
	fd = open_udp(OWN_V4, OUR_PORT);
	assert_int_equal(send_udp(fd, OTHER_V4, OTHER_PORT, "question"), 0);
	assert_true(packet_read(host.tun_fd, &whole));
	packet_udp(&whole, &new_flows[0], "an answer that is split after sixteen bytes");
	for (size_t at = 0; at < whole.len - 20; at += 16) {
		struct address from = packet_address(OTHER_V4);
		struct address to = packet_address(OWN_V4);
		size_t left = whole.len - 20 - at;

		part = (struct packet){.len = left < 16 ? left : 16};
		memcpy(part.bytes + 20, whole.bytes + 20 + at, part.len);
		packet_wrap(&part, &from, &to, IPPROTO_UDP);
		be16_store(part.bytes + 4, 0x7777);
		be16_store(part.bytes + 6, (uint16_t)(at / 8 | (left > 16 ? IP_MF : 0)));
		be16_store(part.bytes + 10, 0);
		be16_store(part.bytes + 10, packet_fold(packet_sum(0, part.bytes, 20)));
		inject(&part);
	}
	expect_udp(fd, "an answer that is split after sixteen bytes");
	(void)close(fd);
}

static void test_an_icmp_error_about_what_was_sent_is_heard(void **state)
{
	const struct icmp kinds[] = {
		{.type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH},
		{.type = ICMPV6_DEST_UNREACH, .code = ICMPV6_PORT_UNREACH},
	};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		int fd = open_udp(new_flows[i].to, OUR_PORT);
		struct icmp icmp = kinds[i];
		struct packet question;
		struct packet error;
		char byte;

		connect_udp(fd, new_flows[i].from, OTHER_PORT);
		assert_int_equal(send(fd, "question", 8, 0), 8);
		assert_true(packet_read(host.tun_fd, &question));
		icmp.about = question.bytes;
		icmp.about_len = question.len;
		packet_icmp(&error, new_flows[i].from, new_flows[i].to, &icmp);
		inject(&error);
		assert_true(wait_for(fd, 2000));
		assert_int_equal(recv(fd, &byte, 1, 0), -1);
		assert_int_equal(errno, ECONNREFUSED);
		(void)close(fd);
	}
}

static void test_an_icmp_error_about_what_was_never_sent_is_not_heard(void **state)
{
	const struct flow never = {OWN_V4, OTHER_V4, OUR_PORT, OTHER_PORT};
	struct icmp icmp = {.type = ICMP_DEST_UNREACH, .code = ICMP_PORT_UNREACH};
	struct packet made_up;
	struct packet error;
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	fd = open_udp(OWN_V4, OUR_PORT);
	connect_udp(fd, OTHER_V4, OTHER_PORT);
	packet_udp(&made_up, &never, "question");
	icmp.about = made_up.bytes;
	icmp.about_len = made_up.len;
	packet_icmp(&error, OTHER_V4, OWN_V4, &icmp);
	inject(&error);
	expect_nothing(fd);
	(void)close(fd);
}

static int path_mtu(int fd, int level, int option)
{
	int mtu = 0;
	socklen_t len = sizeof(mtu);

	assert_int_equal(getsockopt(fd, level, option, &mtu, &len), 0);
	return mtu;
}

/* RFC 1191 and RFC 8201: else large packets disappear without a word. */
static void test_path_mtu_discovery_works(void **state)
{
	const struct icmp kinds[] = {
		{.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED, .rest = 1300},
		{.type = ICMPV6_PKT_TOOBIG, .rest = 1300},
	};
	const int level[] = {IPPROTO_IP, IPPROTO_IPV6};
	const int option[] = {IP_MTU, IPV6_MTU};
	const int errors[] = {IP_RECVERR, IPV6_RECVERR};
	const int on = 1;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		int fd = open_udp(new_flows[i].to, OUR_PORT);
		struct icmp icmp = kinds[i];
		struct packet question;
		struct packet error;

		connect_udp(fd, new_flows[i].from, OTHER_PORT);
		/* so that the error is waited for */
		assert_int_equal(setsockopt(fd, level[i], errors[i], &on, sizeof(on)), 0);
		assert_int_equal(path_mtu(fd, level[i], option[i]), 1420);
		assert_int_equal(send(fd, "question", 8, 0), 8);
		assert_true(packet_read(host.tun_fd, &question));
		icmp.about = question.bytes;
		icmp.about_len = question.len;
		packet_icmp(&error, new_flows[i].from, new_flows[i].to, &icmp);
		inject(&error);
		assert_true(wait_for(fd, 2000)); /* the error itself */
		assert_int_equal(path_mtu(fd, level[i], option[i]), 1300);
		(void)close(fd);
	}
}

/* Two programs inside speak to each other by the namespace's own address, and
 * the other side knows both ports.  IPv4's input refuses such a packet by
 * itself; IPv6's does not.
 */
static void test_the_other_side_cannot_pass_for_us(void **state)
{
	static const char *const own[] = {OWN_V4, OWN_V6};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		const struct flow forged = {own[i], own[i], OUR_PORT, OUR_PORT + 1};
		int client = open_udp(own[i], OUR_PORT);
		int server = open_udp(own[i], OUR_PORT + 1);
		struct packet packet;

		assert_int_equal(send_udp(client, own[i], OUR_PORT + 1, "inside"), 0);
		expect_udp(server, "inside");
		assert_int_equal(send_udp(server, own[i], OUR_PORT, "inside"), 0);
		expect_udp(client, "inside");
		packet_udp(&packet, &forged, "forged");
		inject(&packet);
		expect_nothing(server);
		(void)close(client);
		(void)close(server);
	}
}

static void test_the_other_side_cannot_claim_or_reach_loopback(void **state)
{
	static const struct flow forged[] = {
		{"127.0.0.1", "127.0.0.1", OUR_PORT, OUR_PORT + 1},
		{"127.0.0.1", OWN_V4, OUR_PORT, OUR_PORT + 1},
		{OTHER_V4, "127.0.0.1", OUR_PORT, OUR_PORT + 1},
		{"::1", "::1", OUR_PORT, OUR_PORT + 1},
		{"::1", OWN_V6, OUR_PORT, OUR_PORT + 1},
		{OTHER_V6, "::1", OUR_PORT, OUR_PORT + 1},
	};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		int client = open_udp(i < 3 ? "127.0.0.1" : "::1", OUR_PORT);
		int server = open_udp(i < 3 ? "0.0.0.0" : "::", OUR_PORT + 1);
		struct packet packet;

		assert_int_equal(
			send_udp(client, i < 3 ? "127.0.0.1" : "::1", OUR_PORT + 1, "inside"), 0);
		expect_udp(server, "inside");
		packet_udp(&packet, &forged[i], "forged");
		inject(&packet);
		expect_nothing(server);
		(void)close(client);
		(void)close(server);
	}
}

static void expect_routes(const struct snapshot *before)
{
	struct snapshot now;

	snapshot_take(host.route, &now);
	assert_string_equal(now.bytes, before->bytes);
}

/* RFC 4861 section 4.2, a router for 1800 s, and 4.6.2, a prefix for addresses. */
static const uint8_t advertisement[] = {
	0, 0, 0, 0, 0,	  0, 0,	   0,	 3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10,
	0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 9, 0,  0,	 0, 0, 0,    0,	   0, 0, 0,    0,
};

static void inject_advertisement(void)
{
	const struct icmp icmp = {
		.type = 134,
		.rest = 64U << 24 | 1800,
		.about = advertisement,
		.about_len = sizeof(advertisement),
	};
	struct packet packet;

	packet_icmp(&packet, "fe80::1", "ff02::1", &icmp);
	inject(&packet);
}

static void test_a_router_advertisement_changes_nothing_with_and_without_rules(void **state)
{
	char removal[RULESET_BEGINNING_LEN];
	struct snapshot before;

	(void)state;
	NAMESPACE_OR_SKIP();
	snapshot_take(host.route, &before);
	inject_advertisement();
	expect_routes(&before);
	/* the settings alone */
	assert_int_equal(nft_apply(ruleset_removal(RULESET_TABLE, removal), NULL), 0);
	snapshot_take(host.route, &before);
	inject_advertisement();
	expect_routes(&before);
}

static void add_stray_route(const char *to, uint32_t index)
{
	const struct route route = {.to = make_prefix(to), .oif = index, .metric = 2000};

	assert_int_equal(route_add(host.route, &route, NULL), 0);
}

/* A way out that ought not to be there, with addresses and default routes. */
static void add_stray_link(void)
{
	static const struct link_new link = {.name = "eth0", .kind = "veth", .peer = "eth1"};
	static const struct link_change up = {.flags = IFF_UP, .flags_mask = IFF_UP};
	struct link_address address = {.address = make_prefix("198.51.100.2/24")};
	struct link_address address6 = {.address = make_prefix("fd99::2/64")};
	struct link_info info;

	assert_int_equal(link_create(host.route, &link, NULL), 0);
	assert_int_equal(link_get(host.route, "eth0", &info, NULL), 0);
	address.index = info.index;
	address6.index = info.index;
	assert_int_equal(ifaddr_add(host.route, &address, NULL), 0);
	assert_int_equal(ifaddr_add(host.route, &address6, NULL), 0);
	assert_int_equal(link_change(host.route, "eth0", &up, NULL), 0);
	assert_int_equal(link_change(host.route, "eth1", &up, NULL), 0);
	add_stray_route("0.0.0.0/0", info.index);
	add_stray_route("::/0", info.index);
}

static void bind_to_link(int fd, const char *name)
{
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1), 0);
}

static void test_nothing_leaves_by_another_link(void **state)
{
	static const char *const to[] = {"198.51.100.7",    "203.0.113.1", "224.0.0.251",
					 "255.255.255.255", "fd99::7",	   OTHER_V6,
					 "ff02::fb"};

	(void)state;
	NAMESPACE_OR_SKIP();
	add_stray_link();
	for (size_t i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
		int fd = open_udp(i < 4 ? "0.0.0.0" : "::", OUR_PORT);
		int on = 1;

		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)), 0);
		bind_to_link(fd, "eth0");
		assert_int_equal(send_udp(fd, to[i], OTHER_PORT, "leak"), -EPERM);
		(void)close(fd);
	}
}

static void test_no_raw_packet_leaves_by_another_link(void **state)
{
	const struct flow flow = {OWN_V4, "198.51.100.7", OUR_PORT, OTHER_PORT};
	struct sockaddr_in to = {.sin_family = AF_INET};
	struct packet packet;
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	add_stray_link();
	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	assert_true(fd >= 0);
	bind_to_link(fd, "eth0");
	packet_udp(&packet, &flow, "leak");
	(void)inet_pton(AF_INET, flow.to, &to.sin_addr);
	assert_int_equal(
		sendto(fd, packet.bytes, packet.len, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EPERM);
	(void)close(fd);
}

static uint64_t count_packets(const char *name)
{
	struct observed_counter counters[OBSERVE_COUNTERS_MAX];
	struct nlsock *sock = NULL;
	int n;

	assert_int_equal(nftables_open(&sock, NULL), 0);
	n = observe_counters(sock, "wg0", counters, NULL);
	nlsock_close(sock);
	for (int i = 0; i < n; i++)
		if (strcmp(counters[i].name, name) == 0)
			return counters[i].packets;
	fail_msg("no counter '%s'", name);
	return 0;
}

static void test_what_is_refused_is_counted(void **state)
{
	struct packet packet;
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(count_packets("not_accepted"), 0);
	assert_int_equal(count_packets("refused_out"), 0);
	packet_udp(&packet, &new_flows[0], "hello");
	inject(&packet);
	packet_udp(&packet, &new_flows[1], "hello");
	inject(&packet);
	add_stray_link();
	fd = open_udp("0.0.0.0", OUR_PORT);
	bind_to_link(fd, "eth0");
	assert_int_equal(send_udp(fd, OTHER_V4, OTHER_PORT, "leak"), -EPERM);
	(void)close(fd);
	expect_silence();
	assert_int_equal(count_packets("not_accepted"), 2);
	assert_true(count_packets("refused_out") > 0);
}

/* Where the kernel itself would drop it and not say so (::1: before any rule). */
static void test_what_claims_or_wants_loopback_is_counted(void **state)
{
	static const struct {
		struct flow flow;
		const char *counter;
	} cases[] = {
		{{OTHER_V4, "127.0.0.1", OTHER_PORT, OUR_PORT}, "to_loopback_ipv4"},
		{{OTHER_V4, "127.99.0.1", OTHER_PORT, OUR_PORT}, "to_loopback_ipv4"},
		{{"127.0.0.1", OWN_V4, OTHER_PORT, OUR_PORT}, "own_source"},
		{{OWN_V4, OWN_V4, OTHER_PORT, OUR_PORT}, "own_source"},
		{{OWN_V6, OWN_V6, OTHER_PORT, OUR_PORT}, "own_source"},
		{{OTHER_V6, "::1", OTHER_PORT, OUR_PORT}, "to_loopback_ipv6"},
		{{"::1", OWN_V6, OTHER_PORT, OUR_PORT}, "to_loopback_ipv6"},
	};
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = count_packets(cases[i].counter);

		packet_udp(&packet, &cases[i].flow, "forged");
		inject(&packet);
		assert_int_equal(count_packets(cases[i].counter), before + 1);
	}
}

static void test_what_is_of_no_flow_is_counted(void **state)
{
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	packet_syn(&packet, &new_flows[0]);
	packet.bytes[20 + 13] = 4 | 2; /* SYN and RST */
	inject(&packet);
	expect_silence();
	assert_int_equal(count_packets("invalid"), 1);
}

static int open_listener(const char *address)
{
	struct address parsed = packet_address(address);
	union endpoint here = endpoint_make(&parsed, OUR_PORT);
	int fd = socket(here.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, &here.any, endpoint_len(&here)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_accepted_ports_are_answered_and_others_are_not(void **state)
{
	static const char *const any[] = {"0.0.0.0", "::"};
	struct flow flow;
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		int listener = open_listener(any[i]);
		int server = open_udp(any[i], OUR_PORT + 1);
		int closed = open_udp(any[i], OUR_PORT + 2);

		packet_syn(&packet, &new_flows[i]);
		inject(&packet);
		assert_true(wait_for(host.tun_fd, 2000));
		assert_true(packet_read(host.tun_fd, &packet)); /* SYN and ACK */
		flow = new_flows[i];
		flow.to_port = OUR_PORT + 1;
		packet_udp(&packet, &flow, "hello");
		inject(&packet);
		expect_udp(server, "hello");
		flow.to_port = OUR_PORT + 2;
		packet_udp(&packet, &flow, "hello");
		inject(&packet);
		expect_nothing(closed);
		/* the port that TCP may come to, by UDP */
		packet_udp(&packet, &new_flows[i], "hello");
		inject(&packet);
		(void)close(listener);
		(void)close(server);
		(void)close(closed);
	}
	assert_int_equal(count_packets("not_accepted"), 4);
}

static void test_nothing_is_forwarded(void **state)
{
	const struct flow flow = {OTHER_V4, "198.51.100.7", OUR_PORT, OTHER_PORT};
	struct packet packet;

	(void)state;
	NAMESPACE_OR_SKIP();
	add_stray_link();
	/* as a program inside with power over the namespace might */
	assert_int_equal(sysctl_write("net/ipv4/conf/all/forwarding", "1", NULL), 0);
	packet_udp(&packet, &flow, "through");
	inject(&packet);
	expect_silence();
	assert_int_equal(count_packets("refused_forward"), 1);
}

static void test_lo_answers_at_once(void **state)
{
	static const char *const addresses[] = {"127.0.0.1", "127.0.0.53", "::1", OWN_V4, OWN_V6};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		int server = open_udp(addresses[i], OUR_PORT);
		int client = open_udp(i == 2 || i == 4 ? "::" : "0.0.0.0", 0);

		assert_int_equal(send_udp(client, addresses[i], OUR_PORT, "hello"), 0);
		expect_udp(server, "hello");
		(void)close(client);
		(void)close(server);
	}
	expect_silence();
}

static void test_ping_needs_no_capability(void **state)
{
	const struct icmp echo = {.type = ICMP_ECHO};
	struct address to = packet_address(OTHER_V4);
	union endpoint there = endpoint_make(&to, 0);
	struct packet packet;
	int fd;

	(void)state;
	NAMESPACE_OR_SKIP();
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	assert_true(fd >= 0);
	packet_icmp(&packet, OWN_V4, OTHER_V4, &echo);
	assert_int_equal(sendto(fd, packet.bytes + 20, 8, 0, &there.any, endpoint_len(&there)), 8);
	assert_true(packet_read(host.tun_fd, &packet));
	(void)close(fd);
}

static int accepting_setup(void **state)
{
	int r;

	profile.accept[0] = (struct profile_accept){PROTOCOL_TCP, {OUR_PORT, OUR_PORT}, {0}};
	profile.accept[1] =
		(struct profile_accept){PROTOCOL_UDP, {OUR_PORT + 1, OUR_PORT + 1}, {0}};
	profile.n_accepts = 2;
	r = run_setup(state);
	profile.n_accepts = 0;
	return r;
}

static int restricted_setup(void **state)
{
	int r = namespace_setup(state);

	if (r == 0 && !namespace_reason)
		apply("10.0.0.0/8", "fd00::/8");
	return r;
}

static void test_outside_allowed_ips_is_an_error_at_once(void **state)
{
	int fd4;
	int fd6;

	(void)state;
	NAMESPACE_OR_SKIP();
	fd4 = open_udp("0.0.0.0", OUR_PORT);
	fd6 = open_udp("::", OUR_PORT);
	assert_int_equal(send_udp(fd4, "10.9.9.9", OTHER_PORT, "in"), 0);
	assert_int_equal(send_udp(fd6, "fd09::9", OTHER_PORT, "in"), 0);
	assert_int_equal(send_udp(fd4, OTHER_V4, OTHER_PORT, "out"), -EHOSTUNREACH);
	assert_int_equal(send_udp(fd6, OTHER_V6, OTHER_PORT, "out"), -EHOSTUNREACH);
	(void)close(fd4);
	(void)close(fd6);
}

static void test_a_tunnel_that_is_gone_is_an_error_at_once(void **state)
{
	int fd4;
	int fd6;

	(void)state;
	NAMESPACE_OR_SKIP();
	fd4 = open_udp("0.0.0.0", OUR_PORT);
	fd6 = open_udp("::", OUR_PORT);
	(void)close(host.tun_fd);
	host.tun_fd = -1;
	assert_int_equal(send_udp(fd4, "10.9.9.9", OTHER_PORT, "in"), -EHOSTUNREACH);
	assert_int_equal(send_udp(fd6, "fd09::9", OTHER_PORT, "in"), -EHOSTUNREACH);
	/* nor does another way out that appears then serve */
	add_stray_link();
	assert_int_equal(send_udp(fd4, "10.9.9.9", OTHER_PORT, "in"), -EPERM);
	assert_int_equal(send_udp(fd6, "fd09::9", OTHER_PORT, "in"), -EPERM);
	(void)close(fd4);
	(void)close(fd6);
}

/* ---- a table in place of another ---- */

static char first[] = "table inet adit {\n\tchain first { }\n}\n";
static char second[] = "table inet adit {\n\tchain second { }\n}\n";

static int load(struct step *step, char *ruleset, struct error *err)
{
	const struct plan plan = {.step = step, .n_steps = 1, .ruleset = {ruleset}};

	return apply_plan(&plan, &host, NULL, err);
}

static bool has_chain(const char *name)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "list chain inet adit %s", name);
	return nft_apply(text, NULL) == 0;
}

static int bare_setup(void **state)
{
	int r = namespace_setup(state);

	return r == 0 && !namespace_reason ? host_open(&host, NULL) : r;
}

static void test_a_table_where_there_is_one_is_refused_unless_it_replaces_that(void **state)
{
	struct step step = {.kind = STEP_FIREWALL_LOAD};
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(load(&step, first, NULL), 0);
	assert_int_equal(load(&step, second, &err), -EEXIST);
	assert_true(has_chain("first"));
	step.firewall.is_replaced = true;
	assert_int_equal(load(&step, second, NULL), 0);
	assert_true(has_chain("second"));
	assert_false(has_chain("first"));
}

static void test_undo_puts_back_what_was_replaced(void **state)
{
	struct step step = {.kind = STEP_FIREWALL_LOAD, .firewall = {.is_replaced = true}};
	struct record record = {0};
	const struct plan plan = {.step = &step, .n_steps = 1, .ruleset = {second}};

	(void)state;
	NAMESPACE_OR_SKIP();
	host.record = &record;
	assert_int_equal(load(&step, first, NULL), 0);
	assert_int_equal(load(&step, second, NULL), 0);
	assert_string_equal(record.table[SIDE_INSIDE].ruleset, second);
	assert_true(record.table[SIDE_INSIDE].loader > 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(apply_undo(&plan, &host, NULL), 0);
		assert_true(has_chain("first"));
	}
	record_done(&record);
}

static void test_undo_leaves_a_table_in_place_of_one_that_nobody_knows(void **state)
{
	struct step step = {.kind = STEP_FIREWALL_LOAD, .firewall = {.is_replaced = true}};
	const struct plan plan = {.step = &step, .n_steps = 1, .ruleset = {second}};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(load(&step, second, NULL), 0);
	assert_int_equal(apply_undo(&plan, &host, NULL), 0);
	assert_true(has_chain("second"));
}

static void test_a_table_removed_is_not_known_any_more(void **state)
{
	struct step step = {.kind = STEP_FIREWALL_LOAD};
	struct record record = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	host.record = &record;
	assert_int_equal(load(&step, first, NULL), 0);
	assert_non_null(record.table[SIDE_INSIDE].ruleset);
	step.is_removal = true;
	assert_int_equal(load(&step, first, NULL), 0);
	assert_null(record.table[SIDE_INSIDE].ruleset);
	assert_false(has_chain("first"));
	record_done(&record);
}

#define BARE(test)	 cmocka_unit_test_setup_teardown(test, bare_setup, run_teardown)
#define RUN(test)	 cmocka_unit_test_setup_teardown(test, run_setup, run_teardown)
#define ACCEPTING(test)	 cmocka_unit_test_setup_teardown(test, accepting_setup, run_teardown)
#define RESTRICTED(test) cmocka_unit_test_setup_teardown(test, restricted_setup, run_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(test_the_links_coming_up_sends_nothing),
		RUN(test_a_new_flow_from_the_tunnel_reaches_nobody_and_gets_no_answer),
		RUN(test_nobody_connects_from_the_tunnel),
		RUN(test_nobody_is_pinged_from_the_tunnel),
		RUN(test_replies_come_in),
		RUN(test_a_reply_in_fragments_comes_in),
		RUN(test_an_icmp_error_about_what_was_sent_is_heard),
		RUN(test_an_icmp_error_about_what_was_never_sent_is_not_heard),
		RUN(test_path_mtu_discovery_works),
		RUN(test_the_other_side_cannot_pass_for_us),
		RUN(test_the_other_side_cannot_claim_or_reach_loopback),
		RUN(test_a_router_advertisement_changes_nothing_with_and_without_rules),
		RUN(test_nothing_leaves_by_another_link),
		RUN(test_no_raw_packet_leaves_by_another_link),
		RUN(test_what_is_refused_is_counted),
		RUN(test_what_claims_or_wants_loopback_is_counted),
		RUN(test_what_is_of_no_flow_is_counted),
		RUN(test_nothing_is_forwarded),
		ACCEPTING(test_accepted_ports_are_answered_and_others_are_not),
		RUN(test_lo_answers_at_once),
		RUN(test_ping_needs_no_capability),
		RESTRICTED(test_outside_allowed_ips_is_an_error_at_once),
		RESTRICTED(test_a_tunnel_that_is_gone_is_an_error_at_once),
		BARE(test_a_table_where_there_is_one_is_refused_unless_it_replaces_that),
		BARE(test_undo_puts_back_what_was_replaced),
		BARE(test_undo_leaves_a_table_in_place_of_one_that_nobody_knows),
		BARE(test_a_table_removed_is_not_known_any_more),
	};

	return cmocka_run_group_tests_name("apply/step_firewall", tests, namespace_group_setup,
					   NULL);
}
