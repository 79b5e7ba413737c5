/* Mirrors src/dataplane/icmp.c */
#include "cmocka_all.h"

#include "dataplane/icmp.h"
#include "made_packet.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static uint8_t packet[MADE_MAX];
static uint8_t answer[ICMP_MESSAGE_MAX];

static size_t ask(const struct made *made)
{
	return icmp_unreachable(packet, make_packet(made, packet), answer);
}

static void test_ipv4_gets_host_unreachable_with_a_quotation(void **state)
{
	size_t len = ask(&(struct made){.version = 4, .protocol = IPPROTO_UDP, .payload_len = 40});

	(void)state;
	assert_int_equal(len, 28 + 68);
	assert_int_equal(be16_load(answer + 2), len);
	assert_int_equal(slow_sum(0, answer, 20), 0xffff);
	assert_memory_equal(answer + 12, packet + 16, 4);
	assert_memory_equal(answer + 16, packet + 12, 4);
	assert_int_equal(answer[20], ICMP_DEST_UNREACH);
	assert_int_equal(answer[21], ICMP_HOST_UNREACH);
	assert_int_equal(slow_sum(0, answer + 20, len - 20), 0xffff);
	assert_memory_equal(answer + 28, packet, 68);
}

static void test_ipv6_gets_address_unreachable_with_a_quotation(void **state)
{
	size_t len = ask(&(struct made){.version = 6, .protocol = IPPROTO_TCP});

	(void)state;
	assert_int_equal(len, 48 + 60);
	assert_memory_equal(answer + 8, packet + 24, 16);
	assert_memory_equal(answer + 24, packet + 8, 16);
	assert_int_equal(answer[40], ICMP6_DST_UNREACH);
	assert_int_equal(answer[41], ICMP6_DST_UNREACH_ADDR);
	assert_int_equal(
		slow_sum(slow_pseudo(answer, IPPROTO_ICMPV6, len - 40), answer + 40, len - 40),
		0xffff);
	assert_memory_equal(answer + 48, packet, 60);
}

/* RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c) */
static void test_long_packets_are_quoted_in_part(void **state)
{
	(void)state;
	assert_int_equal(
		ask(&(struct made){.version = 4, .protocol = IPPROTO_UDP, .payload_len = 60000}),
		576);
	assert_int_equal(
		ask(&(struct made){.version = 6, .protocol = IPPROTO_UDP, .payload_len = 60000}),
		1280);
}

static void test_errors_are_not_answered_but_echoes_are(void **state)
{
	static const struct {
		struct made made;
		uint8_t type;
		bool is_answered;
	} cases[] = {
		{{.version = 4, .protocol = IPPROTO_ICMP, .payload_len = 8}, ICMP_ECHO, true},
		{{.version = 4, .protocol = IPPROTO_ICMP, .payload_len = 8},
		 ICMP_DEST_UNREACH,
		 false},
		{{.version = 4, .protocol = IPPROTO_ICMP}, 0, false},
		{{.version = 6, .protocol = IPPROTO_ICMPV6, .payload_len = 8},
		 ICMP6_ECHO_REQUEST,
		 true},
		{{.version = 6, .protocol = IPPROTO_ICMPV6, .payload_len = 8},
		 ICMP6_DST_UNREACH,
		 false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = make_packet(&cases[i].made, packet);

		packet[made_ip_len(&cases[i].made)] = cases[i].type;
		assert_int_equal(icmp_unreachable(packet, len, answer) != 0, cases[i].is_answered);
	}
}

static void test_nothing_is_said_to_or_about_many(void **state)
{
	size_t len = make_packet(&(struct made){.version = 4, .protocol = IPPROTO_UDP}, packet);

	(void)state;
	packet[16] = 224;
	assert_int_equal(icmp_unreachable(packet, len, answer), 0);
	packet[16] = 10;
	packet[12] = 255;
	assert_int_equal(icmp_unreachable(packet, len, answer), 0);
	be32_store(packet + 12, 0);
	assert_int_equal(icmp_unreachable(packet, len, answer), 0);
	len = make_packet(&(struct made){.version = 6, .protocol = IPPROTO_UDP}, packet);
	packet[24] = 0xff;
	assert_int_equal(icmp_unreachable(packet, len, answer), 0);
	packet[24] = 0xfd;
	memset(packet + 8, 0, 16);
	assert_int_equal(icmp_unreachable(packet, len, answer), 0);
}

static void test_only_the_first_fragment_is_answered(void **state)
{
	size_t len = make_packet(
		&(struct made){.version = 4, .protocol = IPPROTO_UDP, .payload_len = 64}, packet);

	(void)state;
	be16_store(packet + 6, 0x2000);
	assert_int_not_equal(icmp_unreachable(packet, len, answer), 0);
	be16_store(packet + 6, 8);
	assert_int_equal(icmp_unreachable(packet, len, answer), 0);
	assert_int_equal(icmp_unreachable(packet, 10, answer), 0);
}

static void test_a_burst_is_followed_by_one_message_each_interval(void **state)
{
	struct icmp_limit limit = {0};
	struct instant now = {NS_PER_S};

	(void)state;
	for (int i = 0; i < ICMP_BURST; i++)
		assert_true(icmp_limit_take(&limit, now));
	assert_false(icmp_limit_take(&limit, now));
	now = instant_add(now, ICMP_REFILL_NS - 1);
	assert_false(icmp_limit_take(&limit, now));
	now = instant_add(now, 1);
	assert_true(icmp_limit_take(&limit, now));
	assert_false(icmp_limit_take(&limit, now));
	now = instant_add(now, 3600 * NS_PER_S);
	for (int i = 0; i < ICMP_BURST; i++)
		assert_true(icmp_limit_take(&limit, now));
	assert_false(icmp_limit_take(&limit, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4_gets_host_unreachable_with_a_quotation),
		cmocka_unit_test(test_ipv6_gets_address_unreachable_with_a_quotation),
		cmocka_unit_test(test_long_packets_are_quoted_in_part),
		cmocka_unit_test(test_errors_are_not_answered_but_echoes_are),
		cmocka_unit_test(test_nothing_is_said_to_or_about_many),
		cmocka_unit_test(test_only_the_first_fragment_is_answered),
		cmocka_unit_test(test_a_burst_is_followed_by_one_message_each_interval),
	};

	return cmocka_run_group_tests_name("dataplane/icmp", tests, NULL, NULL);
}
