/* Mirrors src/wireguard/inner.c */
#include "cmocka_all.h"

#include "wireguard/inner.h"

#include "base/bytes.h"

#include <string.h>

/* RFC 3168 section 5 */
enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3 };

static uint16_t checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < 20; i += 2)
		sum += be16_load(header + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void write_v4(uint8_t packet[64], uint16_t total_len, uint8_t tos)
{
	static const uint8_t header[20] = {0x45, 0, 0,	0, 0x12, 0x34, 0,  0, 64, 17,
					   0,	 0, 10, 1, 2,	 3,    10, 4, 5,  6};

	memset(packet, 0, 64);
	memcpy(packet, header, sizeof(header));
	packet[1] = tos;
	be16_store(packet + 2, total_len);
	be16_store(packet + 10, checksum(packet));
}

static void write_v6(uint8_t packet[64], uint16_t payload_len, uint8_t traffic_class)
{
	memset(packet, 0, 64);
	be32_store(packet, UINT32_C(6) << 28 | (uint32_t)traffic_class << 20 | 0xabcde);
	be16_store(packet + 4, payload_len);
	packet[8] = 0xfd;
	packet[23] = 1;
	packet[24] = 0xfd;
	packet[39] = 2;
}

static void test_lengths_are_those_of_the_headers(void **state)
{
	uint8_t packet[64];

	(void)state;
	write_v4(packet, 50, 0);
	assert_int_equal(inner_length(packet, 64), 50);
	assert_int_equal(inner_length(packet, 50), 50);
	write_v6(packet, 20, 0);
	assert_int_equal(inner_length(packet, 64), 60);
	assert_int_equal(inner_length(packet, 60), 60);
}

static void test_packets_shorter_than_they_say_are_refused(void **state)
{
	uint8_t packet[64];

	(void)state;
	write_v4(packet, 50, 0);
	assert_int_equal(inner_length(packet, 49), 0);
	assert_int_equal(inner_length(packet, 19), 0);
	write_v4(packet, 19, 0);
	assert_int_equal(inner_length(packet, 64), 0);
	write_v6(packet, 20, 0);
	assert_int_equal(inner_length(packet, 59), 0);
	assert_int_equal(inner_length(packet, 39), 0);
	assert_int_equal(inner_length(packet, 0), 0);
}

static void test_what_is_neither_ipv4_nor_ipv6_is_refused(void **state)
{
	uint8_t packet[64];

	(void)state;
	for (unsigned int version = 0; version < 16; version++) {
		write_v4(packet, 50, 0);
		packet[0] = (uint8_t)(version << 4 | 5);
		if (version != 4)
			assert_false(version == 6 ? inner_has_header(packet, 39)
						  : inner_has_header(packet, 64));
		assert_int_equal(inner_ecn(packet, version == 6 ? 39 : 64), 0);
	}
}

static void test_the_source_is_read_in_both_families(void **state)
{
	char text[ADDRESS_TEXT_LEN];
	struct address source;
	uint8_t packet[64];

	(void)state;
	write_v4(packet, 50, 0);
	source = inner_source(packet);
	assert_string_equal(address_print(&source, text), "10.1.2.3");
	write_v6(packet, 20, 0);
	source = inner_source(packet);
	assert_string_equal(address_print(&source, text), "fd00::1");
}

/* RFC 6040 figure 4, rows inner, columns outer: what the packet becomes, -1 dropped. */
static const int decapsulated[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = -1},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

static void expect_decapsulation(uint8_t *packet, uint8_t outer, int expected)
{
	uint8_t before[64];

	memcpy(before, packet, sizeof(before));
	assert_int_equal(inner_decapsulate_ecn(packet, (uint8_t)(0xb8 | outer)), expected >= 0);
	if (expected < 0)
		assert_memory_equal(packet, before, sizeof(before));
	else
		assert_int_equal(inner_ecn(packet, 64), expected);
}

static void test_ecn_leaves_the_tunnel_as_rfc_6040_says(void **state)
{
	uint8_t packet[64];

	(void)state;
	for (uint8_t inner = 0; inner < 4; inner++) {
		for (uint8_t outer = 0; outer < 4; outer++) {
			write_v4(packet, 50, 0x28 | inner);
			expect_decapsulation(packet, outer, decapsulated[inner][outer]);
			assert_int_equal(packet[1] & 0xfc, 0x28);
			assert_int_equal(checksum(packet), 0);
			write_v6(packet, 20, 0x28 | inner);
			expect_decapsulation(packet, outer, decapsulated[inner][outer]);
			assert_int_equal(be32_load(packet) & 0xfc0fffff,
					 UINT32_C(0x628abcde) & 0xfc0fffff);
		}
	}
}

/* The carry of the one's complement sum, in every place it can be. */
static void test_the_checksum_holds_for_every_header(void **state)
{
	uint8_t packet[64];

	(void)state;
	for (uint32_t id = 0; id < 65536; id++) {
		write_v4(packet, 50, ECT_0);
		be16_store(packet + 4, (uint16_t)id);
		be16_store(packet + 10, 0);
		be16_store(packet + 10, checksum(packet));
		assert_true(inner_decapsulate_ecn(packet, CE));
		assert_int_equal(checksum(packet), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths_are_those_of_the_headers),
		cmocka_unit_test(test_packets_shorter_than_they_say_are_refused),
		cmocka_unit_test(test_what_is_neither_ipv4_nor_ipv6_is_refused),
		cmocka_unit_test(test_the_source_is_read_in_both_families),
		cmocka_unit_test(test_ecn_leaves_the_tunnel_as_rfc_6040_says),
		cmocka_unit_test(test_the_checksum_holds_for_every_header),
	};

	return cmocka_run_group_tests_name("wireguard/inner", tests, NULL, NULL);
}
