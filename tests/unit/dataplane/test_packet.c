/* Mirrors src/dataplane/packet.c */
#include "cmocka_all.h"

#include "dataplane/packet.h"
#include "made_packet.h"

static uint8_t packet[2048];

static size_t make(const struct made *made)
{
	return make_packet(made, packet);
}

static void test_plain_tcp_is_found_in_both_families(void **state)
{
	struct packet_layout layout;
	size_t len;

	(void)state;
	len = make(&(struct made){.version = 4, .protocol = IPPROTO_TCP, .n_options = 3});
	assert_true(packet_parse(packet, len, &layout));
	assert_int_equal(layout.version, 4);
	assert_int_equal(layout.transport, 20);
	assert_true(layout.is_plain && !layout.is_fragment);
	assert_int_equal(packet_transport_len(packet, len, &layout), 32);
	len = make(&(struct made){.version = 6, .protocol = IPPROTO_TCP});
	assert_true(packet_parse(packet, len, &layout));
	assert_int_equal(layout.version, 6);
	assert_int_equal(layout.transport, 40);
	assert_int_equal(packet_transport_len(packet, len, &layout), 20);
}

static void test_options_and_extension_headers_are_skipped_and_not_plain(void **state)
{
	struct packet_layout layout;
	size_t len;

	(void)state;
	len = make(&(struct made){.version = 4, .protocol = IPPROTO_UDP, .ip_options = 10});
	assert_true(packet_parse(packet, len, &layout));
	assert_int_equal(layout.transport, 60);
	assert_false(layout.is_plain);
	len = make(&(struct made){.version = 6, .protocol = IPPROTO_UDP, .ip_options = 2});
	assert_true(packet_parse(packet, len, &layout));
	assert_int_equal(layout.transport, 56);
	assert_int_equal(layout.protocol, IPPROTO_UDP);
	assert_false(layout.is_plain);
	assert_int_equal(packet_transport_len(packet, len, &layout), 8);
}

/* Extension headers: hop by hop, AH with 12 bytes of check value, destination. */
static void test_a_chain_of_extension_headers_is_followed(void **state)
{
	struct packet_layout layout;
	size_t len = make(&(struct made){.version = 6, .protocol = 99, .payload_len = 60});

	(void)state;
	packet[6] = IPPROTO_HOPOPTS;
	memset(packet + 40, 0, 60);
	packet[40] = IPPROTO_AH;
	packet[48] = IPPROTO_DSTOPTS;
	packet[49] = 4;
	packet[72] = IPPROTO_TCP;
	packet[80 + 12] = 5 << 4;
	assert_true(packet_parse(packet, len, &layout));
	assert_int_equal(layout.protocol, IPPROTO_TCP);
	assert_int_equal(layout.transport, 80);
	assert_int_equal(packet_transport_len(packet, len, &layout), 20);
}

static void test_endless_extension_headers_are_refused(void **state)
{
	struct packet_layout layout;
	size_t len = make(
		&(struct made){.version = 6, .protocol = IPPROTO_HOPOPTS, .payload_len = 8 * 20});

	(void)state;
	memset(packet + 40, 0, 8 * 20);
	assert_false(packet_parse(packet, len, &layout));
}

static void test_fragments_are_seen_and_have_no_transport(void **state)
{
	struct packet_layout layout;
	size_t len = make(&(struct made){.version = 4, .protocol = IPPROTO_UDP, .payload_len = 40});

	(void)state;
	be16_store(packet + 6, 0x2000); /* more fragments */
	assert_true(packet_parse(packet, len, &layout));
	assert_true(layout.is_fragment);
	assert_int_equal(packet_transport_len(packet, len, &layout), 0);
	be16_store(packet + 6, 185);
	assert_true(packet_parse(packet, len, &layout));
	assert_true(layout.is_fragment);
	be16_store(packet + 6, 0x4000);
	assert_true(packet_parse(packet, len, &layout));
	assert_false(layout.is_fragment);
}

static void test_ipv6_fragments_are_seen(void **state)
{
	struct packet_layout layout;
	size_t len =
		make(&(struct made){.version = 6, .protocol = IPPROTO_FRAGMENT, .payload_len = 40});

	(void)state;
	packet[40] = IPPROTO_HOPOPTS; /* what the data of a later piece looks like */
	be16_store(packet + 42, 8);
	memset(packet + 48, 0xff, 32);
	assert_true(packet_parse(packet, len, &layout));
	assert_true(layout.is_fragment);
	assert_int_equal(layout.transport, 48);
	assert_int_equal(packet_transport_len(packet, len, &layout), 0);
}

static void test_what_is_cut_off_or_no_ip_is_refused(void **state)
{
	struct packet_layout layout;

	(void)state;
	(void)make(&(struct made){.version = 4, .protocol = IPPROTO_TCP, .ip_options = 2});
	assert_false(packet_parse(packet, 19, &layout));
	assert_false(packet_parse(packet, 27, &layout));
	assert_true(packet_parse(packet, 28, &layout));
	assert_int_equal(packet_transport_len(packet, 28 + 19, &layout), 0);
	packet[0] = 0x44;
	assert_false(packet_parse(packet, 100, &layout));
	packet[0] = 0x55;
	assert_false(packet_parse(packet, 100, &layout));
	(void)make(&(struct made){.version = 6, .protocol = IPPROTO_TCP, .ip_options = 2});
	assert_false(packet_parse(packet, 39, &layout));
	assert_false(packet_parse(packet, 55, &layout));
}

static void test_tcp_header_lengths_are_checked(void **state)
{
	struct packet_layout layout;
	size_t len = make(&(struct made){.version = 4, .protocol = IPPROTO_TCP, .payload_len = 8});

	(void)state;
	assert_true(packet_parse(packet, len, &layout));
	packet[20 + 12] = 4 << 4;
	assert_int_equal(packet_transport_len(packet, len, &layout), 0);
	packet[20 + 12] = 8 << 4;
	assert_int_equal(packet_transport_len(packet, len, &layout), 0);
	packet[20 + 12] = 7 << 4;
	assert_int_equal(packet_transport_len(packet, len, &layout), 28);
	packet[9] = IPPROTO_ICMP;
	assert_true(packet_parse(packet, len, &layout));
	assert_int_equal(packet_transport_len(packet, len, &layout), 0);
}

static void test_ecn_is_read_in_both_families(void **state)
{
	(void)state;
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		uint8_t tos = (uint8_t)(0xb8 | ecn);

		(void)make(&(struct made){.version = 4, .protocol = 99, .tos = tos});
		assert_int_equal(packet_ecn(packet), ecn);
		(void)make(&(struct made){.version = 6, .protocol = 99, .tos = tos});
		assert_int_equal(packet_ecn(packet), ecn);
	}
}

static void test_a_new_length_keeps_the_header_right(void **state)
{
	struct packet_layout layout;
	size_t len = make(&(struct made){.version = 4, .protocol = IPPROTO_TCP, .ip_options = 1});

	(void)state;
	assert_true(packet_parse(packet, len, &layout));
	packet_set_len(packet, &layout, 40000);
	assert_int_equal(be16_load(packet + 2), 40000);
	assert_int_equal(slow_sum(0, packet, 24), 0xffff);
	len = make(&(struct made){.version = 6, .protocol = IPPROTO_TCP});
	assert_true(packet_parse(packet, len, &layout));
	packet_set_len(packet, &layout, 40040);
	assert_int_equal(be16_load(packet + 4), 40000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_tcp_is_found_in_both_families),
		cmocka_unit_test(test_options_and_extension_headers_are_skipped_and_not_plain),
		cmocka_unit_test(test_a_chain_of_extension_headers_is_followed),
		cmocka_unit_test(test_endless_extension_headers_are_refused),
		cmocka_unit_test(test_fragments_are_seen_and_have_no_transport),
		cmocka_unit_test(test_ipv6_fragments_are_seen),
		cmocka_unit_test(test_what_is_cut_off_or_no_ip_is_refused),
		cmocka_unit_test(test_tcp_header_lengths_are_checked),
		cmocka_unit_test(test_ecn_is_read_in_both_families),
		cmocka_unit_test(test_a_new_length_keeps_the_header_right),
	};

	return cmocka_run_group_tests_name("dataplane/packet", tests, NULL, NULL);
}
