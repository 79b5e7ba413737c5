/* Mirrors src/wireguard/ratelimit.c */
#include "cmocka_all.h"

#include "wireguard/ratelimit.h"

#include "repeatable.h"

#include <string.h>

#define MS(n) ((n)*NS_PER_MS)

static uint64_t random_state = 1;

static int start(void **state)
{
	const struct random_source random = repeatable_source(&random_state);

	*state = ratelimit_new(&random);
	return *state ? 0 : -1;
}

static int stop(void **state)
{
	ratelimit_free(*state);
	return 0;
}

static struct instant at_ms(uint64_t ms)
{
	return (struct instant){NS_PER_S + MS(ms)};
}

static union endpoint from_text(const char *text)
{
	struct address address;

	assert_true(address_parse(text, strlen(text), &address));
	return endpoint_make(&address, 51820);
}

static bool allow(struct ratelimit *ratelimit, uint64_t ms, const char *text)
{
	const union endpoint from = from_text(text);

	return ratelimit_allow(ratelimit, at_ms(ms), &from);
}

static void spend_burst(struct ratelimit *ratelimit, uint64_t ms, const char *text)
{
	for (int i = 0; i < 5; i++)
		assert_true(allow(ratelimit, ms, text));
	assert_false(allow(ratelimit, ms, text));
}

/* Times and answers of the Linux module's own test (selftest/ratelimiter.c). */
static void test_five_at_once_then_one_every_50_ms(void **state)
{
	spend_burst(*state, 0, "10.0.0.1");
	assert_true(allow(*state, 50, "10.0.0.1"));
	assert_false(allow(*state, 50, "10.0.0.1"));
	assert_true(allow(*state, 150, "10.0.0.1"));
	assert_true(allow(*state, 150, "10.0.0.1"));
	assert_false(allow(*state, 150, "10.0.0.1"));
}

static void test_waiting_earns_no_more_than_the_burst(void **state)
{
	spend_burst(*state, 0, "10.0.0.1");
	spend_burst(*state, 900, "10.0.0.1");
}

static void test_fractions_of_a_token_are_kept(void **state)
{
	spend_burst(*state, 0, "10.0.0.1");
	assert_false(allow(*state, 30, "10.0.0.1"));
	assert_true(allow(*state, 51, "10.0.0.1"));
	assert_false(allow(*state, 99, "10.0.0.1"));
	assert_true(allow(*state, 100, "10.0.0.1"));
}

static void test_twenty_a_second_in_the_long_run(void **state)
{
	unsigned int n = 0;

	for (uint64_t ms = 0; ms < 10000; ms++)
		n += allow(*state, ms, "10.0.0.1");
	assert_int_equal(n, 5 + 199);
}

static void test_ipv4_addresses_have_tokens_of_their_own(void **state)
{
	spend_burst(*state, 0, "10.0.0.1");
	spend_burst(*state, 0, "10.0.0.2");
}

static void test_ports_of_an_address_share_its_tokens(void **state)
{
	union endpoint from = from_text("10.0.0.1");

	for (uint16_t i = 0; i < 5; i++) {
		from.v4.sin_port = i;
		assert_true(ratelimit_allow(*state, at_ms(0), &from));
	}
	from.v4.sin_port = 9;
	assert_false(ratelimit_allow(*state, at_ms(0), &from));
}

static void test_ipv6_addresses_of_a_64_share_its_tokens(void **state)
{
	spend_burst(*state, 0, "2001:db8:1:2::1");
	assert_false(allow(*state, 0, "2001:db8:1:2:ffff::9"));
	spend_burst(*state, 0, "2001:db8:1:3::1");
	spend_burst(*state, 0, "2001:db9:1:2::1");
}

/* 10.0.0.1 and 0:0:a00:1:: are the same bits. */
static void test_families_do_not_share_tokens(void **state)
{
	spend_burst(*state, 0, "10.0.0.1");
	spend_burst(*state, 0, "0:0:a00:1::1");
}

static void test_clock_that_stands_or_goes_back_gives_no_tokens(void **state)
{
	spend_burst(*state, 500, "10.0.0.1");
	assert_false(allow(*state, 500, "10.0.0.1"));
	assert_false(allow(*state, 100, "10.0.0.1"));
}

static union endpoint from_number(uint32_t number)
{
	const struct address address = address_from_v4((struct in_addr){number});

	return endpoint_make(&address, 1);
}

static void test_full_table_refuses_newcomers_and_knows_the_others(void **state)
{
	union endpoint from;

	for (uint32_t i = 0; i < RATELIMIT_SOURCES_MAX; i++) {
		from = from_number(i);
		assert_true(ratelimit_allow(*state, at_ms(0), &from));
	}
	assert_int_equal(ratelimit_count(*state), RATELIMIT_SOURCES_MAX);
	assert_false(allow(*state, 999, "2001:db8::1"));
	for (uint32_t i = 0; i < RATELIMIT_SOURCES_MAX; i++) {
		from = from_number(i);
		assert_true(ratelimit_allow(*state, at_ms(0), &from));
	}
	assert_int_equal(ratelimit_count(*state), RATELIMIT_SOURCES_MAX);
}

static void test_who_was_quiet_for_a_second_is_forgotten(void **state)
{
	union endpoint from;

	for (uint32_t i = 0; i < RATELIMIT_SOURCES_MAX; i++) {
		from = from_number(i);
		assert_true(ratelimit_allow(*state, at_ms(i % 2 ? 500 : 0), &from));
	}
	assert_true(allow(*state, 1400, "2001:db8::1"));
	assert_int_equal(ratelimit_count(*state), RATELIMIT_SOURCES_MAX / 2 + 1);
	assert_true(allow(*state, 2400, "2001:db8::1"));
	assert_int_equal(ratelimit_count(*state), 1);
}

static void test_entries_are_used_again_without_end(void **state)
{
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < RATELIMIT_SOURCES_MAX; i++) {
			union endpoint from = from_number(round << 16 | i);

			assert_true(ratelimit_allow(*state, at_ms(round * 2000), &from));
		}
		assert_int_equal(ratelimit_count(*state), RATELIMIT_SOURCES_MAX);
	}
}

static void test_nothing_is_freed_as_nothing(void **state)
{
	(void)state;
	ratelimit_free(NULL);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_five_at_once_then_one_every_50_ms),
		EACH(test_waiting_earns_no_more_than_the_burst),
		EACH(test_fractions_of_a_token_are_kept),
		EACH(test_twenty_a_second_in_the_long_run),
		EACH(test_ipv4_addresses_have_tokens_of_their_own),
		EACH(test_ports_of_an_address_share_its_tokens),
		EACH(test_ipv6_addresses_of_a_64_share_its_tokens),
		EACH(test_families_do_not_share_tokens),
		EACH(test_clock_that_stands_or_goes_back_gives_no_tokens),
		EACH(test_full_table_refuses_newcomers_and_knows_the_others),
		EACH(test_who_was_quiet_for_a_second_is_forgotten),
		EACH(test_entries_are_used_again_without_end),
		cmocka_unit_test(test_nothing_is_freed_as_nothing),
	};

	return cmocka_run_group_tests_name("wireguard/ratelimit", tests, NULL, NULL);
}
