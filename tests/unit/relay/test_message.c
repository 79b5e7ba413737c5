/* Mirrors src/relay/message.c */
#include "cmocka_all.h"

#include "relay/message.h"

#include <errno.h>
#include <string.h>

static void test_requests_are_counted_by_their_length(void **state)
{
	const size_t one = sizeof(struct connect_request);

	(void)state;
	assert_int_equal(message_count_requests(one), 1);
	assert_int_equal(message_count_requests(CONNECT_BATCH_MAX * one), CONNECT_BATCH_MAX);
	assert_int_equal(message_count_requests(0), -EBADMSG);
	assert_int_equal(message_count_requests(one + 1), -EBADMSG);
	assert_int_equal(message_count_requests((CONNECT_BATCH_MAX + 1) * one), -EBADMSG);
}

static void test_results_need_a_descriptor_for_each_success(void **state)
{
	const struct connect_result result[CONNECT_RESULTS_MAX + 1] = {
		{1, 0}, {2, ECONNREFUSED}, {3, 0}};

	(void)state;
	assert_int_equal(message_count_results(result, 3 * sizeof(result[0]), 2), 3);
	assert_int_equal(message_count_results(result, 3 * sizeof(result[0]), 1), -EBADMSG);
	assert_int_equal(message_count_results(result, 3 * sizeof(result[0]), 3), -EBADMSG);
	assert_int_equal(message_count_results(result, 3 * sizeof(result[0]) - 1, 2), -EBADMSG);
	assert_int_equal(message_count_results(result, 0, 0), -EBADMSG);
	assert_int_equal(message_count_results(result, sizeof(result), 8), -EBADMSG);
}

static void test_a_source_has_no_more_bits_than_its_family(void **state)
{
	static struct control control = {.head.n_sources = 1};
	size_t len = message_control_len(&control);

	(void)state;
	assert_true(prefix_parse("192.0.2.0/24", strlen("192.0.2.0/24"), &control.source[0]));
	control.source[0].len = 32;
	assert_true(message_is_control(&control, len));
	control.source[0].len = 33;
	assert_false(message_is_control(&control, len));
	control.source[0] = (struct prefix){.len = 128};
	assert_true(message_is_control(&control, len));
	control.source[0].len = 129;
	assert_false(message_is_control(&control, len));
}

static void test_a_control_message_is_as_long_as_it_says(void **state)
{
	static struct control control;
	size_t head = sizeof(control.head);

	(void)state;
	control.head.n_sources = 0;
	assert_true(message_is_control(&control, head));
	assert_false(message_is_control(&control, head - 1));
	control.head.n_sources = 2;
	assert_int_equal(message_control_len(&control), head + 2 * sizeof(struct prefix));
	assert_true(message_is_control(&control, head + 2 * sizeof(struct prefix)));
	assert_false(message_is_control(&control, head));
	control.head.n_sources = CONTROL_SOURCES_MAX + 1;
	assert_false(message_is_control(&control, message_control_len(&control)));
	control.head.n_sources = UINT32_MAX;
	assert_false(message_is_control(&control, sizeof(control)));
}

static bool is_request(const char *from, int family)
{
	struct client_request request = {0};

	assert_true(endpoint_parse(from, strlen(from), &request.from));
	return message_is_client_request(&request, sizeof(request), family);
}

static void test_a_client_has_one_address_and_a_port(void **state)
{
	struct client_request request = {0};

	(void)state;
	assert_true(is_request("192.0.2.1:1", AF_INET));
	assert_true(is_request("[2001:db8::1]:65535", AF_INET6));
	assert_true(is_request("[fe80::1]:1", AF_INET6));
	assert_false(is_request("192.0.2.1:1", AF_INET6));
	assert_false(is_request("[2001:db8::1]:1", AF_INET));
	assert_false(is_request("0.0.0.0:1", AF_INET));
	assert_false(is_request("255.255.255.255:1", AF_INET));
	assert_false(is_request("224.0.0.251:5353", AF_INET));
	assert_false(is_request("[::]:1", AF_INET6));
	assert_false(is_request("[ff02::fb]:1", AF_INET6));
	request.from = (union endpoint){.v4 = {.sin_family = AF_INET}};
	request.from.v4.sin_addr.s_addr = htonl(0xc0000201);
	assert_false(message_is_client_request(&request, sizeof(request), AF_INET));
	request.from.v4.sin_port = htons(1);
	assert_true(message_is_client_request(&request, sizeof(request), AF_INET));
	assert_false(message_is_client_request(&request, sizeof(request) - 1, AF_INET));
	request.from.any.sa_family = AF_UNIX;
	assert_false(message_is_client_request(&request, sizeof(request), AF_UNIX));
	request.from = (union endpoint){.v6 = {.sin6_family = AF_INET6, .sin6_port = 1}};
	request.from.v6.sin6_addr.s6_addr[10] = request.from.v6.sin6_addr.s6_addr[11] = 0xff;
	request.from.v6.sin6_addr.s6_addr[15] = 1;
	assert_false(message_is_client_request(&request, sizeof(request), AF_INET6));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_are_counted_by_their_length),
		cmocka_unit_test(test_results_need_a_descriptor_for_each_success),
		cmocka_unit_test(test_a_source_has_no_more_bits_than_its_family),
		cmocka_unit_test(test_a_control_message_is_as_long_as_it_says),
		cmocka_unit_test(test_a_client_has_one_address_and_a_port),
	};

	return cmocka_run_group_tests_name("relay/message", tests, NULL, NULL);
}
