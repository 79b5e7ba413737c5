/* Mirrors src/dataplane/checksum.c */
#include "cmocka_all.h"

#include "dataplane/checksum.h"
#include "made_packet.h"

static void fill(uint8_t *bytes, size_t len, uint64_t *state)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)next_random(state);
}

static void assert_stored(uint64_t sum, uint16_t expected)
{
	uint8_t at[2];

	checksum_store(at, sum);
	assert_int_equal(be16_load(at), (uint16_t)~expected);
	checksum_store_partial(at, sum);
	assert_int_equal(be16_load(at), expected);
}

static void test_equals_the_slow_sum_at_every_length_and_alignment(void **state)
{
	uint64_t random = 1;
	uint8_t bytes[400];

	(void)state;
	fill(bytes, sizeof(bytes), &random);
	for (size_t offset = 0; offset < 8; offset++)
		for (size_t len = 0; len < 300; len++)
			assert_stored(checksum_add(0, bytes + offset, len),
				      slow_sum(0, bytes + offset, len));
}

static void test_carries_are_not_lost_in_the_longest_packet(void **state)
{
	static uint8_t bytes[65535];

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	assert_stored(checksum_add(UINT64_MAX, bytes, sizeof(bytes)),
		      slow_sum(0xffff, bytes, sizeof(bytes)));
}

static void test_pieces_of_even_length_add_up_to_the_whole(void **state)
{
	uint64_t random = 2;
	uint8_t bytes[1501];

	(void)state;
	fill(bytes, sizeof(bytes), &random);
	for (size_t cut = 0; cut < sizeof(bytes); cut += 2) {
		uint64_t sum =
			checksum_add(checksum_add(0, bytes, cut), bytes + cut, sizeof(bytes) - cut);

		assert_stored(sum, slow_sum(0, bytes, sizeof(bytes)));
	}
}

static void test_pseudo_header_of_both_families(void **state)
{
	static const uint8_t versions[] = {4, 6};
	uint8_t packet[200];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct made made = {.version = versions[i], .protocol = IPPROTO_UDP};

		(void)make_packet(&made, packet);
		assert_stored(checksum_add_pseudo(0, packet, IPPROTO_UDP, 65535),
			      slow_pseudo(packet, IPPROTO_UDP, 65535));
	}
}

/* RFC 768: a UDP checksum that comes out as 0 is sent as 0xffff. */
static void test_zero_is_never_stored_where_it_says_none(void **state)
{
	const uint8_t all_ones[] = {0xff, 0xff};
	uint8_t at[2] = {1, 1};

	(void)state;
	checksum_store_nonzero(at, checksum_add(0, all_ones, 2));
	assert_int_equal(be16_load(at), 0xffff);
	checksum_store_nonzero(at, 1);
	assert_int_not_equal(be16_load(at), 0xffff);
}

static void test_an_ipv4_header_sums_up_afterwards(void **state)
{
	const struct made made = {.version = 4, .protocol = 99, .ip_options = 3};
	uint8_t packet[64];

	(void)state;
	(void)make_packet(&made, packet);
	packet[8] = 3;
	checksum_store_ipv4(packet, 32);
	assert_int_equal(slow_sum(0, packet, 32), 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_the_slow_sum_at_every_length_and_alignment),
		cmocka_unit_test(test_carries_are_not_lost_in_the_longest_packet),
		cmocka_unit_test(test_pieces_of_even_length_add_up_to_the_whole),
		cmocka_unit_test(test_pseudo_header_of_both_families),
		cmocka_unit_test(test_zero_is_never_stored_where_it_says_none),
		cmocka_unit_test(test_an_ipv4_header_sums_up_afterwards),
	};

	return cmocka_run_group_tests_name("dataplane/checksum", tests, NULL, NULL);
}
