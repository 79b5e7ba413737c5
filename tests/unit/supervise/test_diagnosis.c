/* Mirrors src/supervise/diagnosis.c */
#include "cmocka_all.h"

#include "supervise/diagnosis.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

static struct diagnosis_facts facts_to(const char *to)
{
	struct diagnosis_facts facts = {0};

	assert_true(endpoint_parse(to, strlen(to), &facts.endpoint));
	return facts;
}

static void assert_says(const struct diagnosis_facts *facts, int code, const char *what,
			const char *hint)
{
	struct error err = {0};

	assert_int_equal(diagnosis_explain(facts, 10 * NS_PER_S, &err), -code);
	assert_non_null(strstr(err.what, what));
	assert_non_null(strstr(err.hint, hint));
}

static void test_silence_names_key_portal_and_blocked_udp_in_that_order(void **state)
{
	struct diagnosis_facts facts = facts_to("192.0.2.1:51820");
	struct error err = {0};
	const char *key;
	const char *portal;
	const char *blocked;

	(void)state;
	assert_int_equal(diagnosis_explain(&facts, 10 * NS_PER_S, &err), -ETIMEDOUT);
	assert_string_equal(err.what, "no answer from 192.0.2.1:51820 within 10 s");
	key = strstr(err.hint, "key");
	portal = strstr(err.hint, "captive portal");
	blocked = strstr(err.hint, "blocks UDP");
	assert_non_null(key);
	assert_true(key < portal && portal < blocked);
}

static void test_local_firewall_is_told_from_a_missing_route(void **state)
{
	struct diagnosis_facts facts = facts_to("192.0.2.1:51820");

	(void)state;
	facts.send_errno = EPERM;
	assert_says(&facts, EPERM, "not permitted: a firewall on this machine", "allow UDP");
	facts.send_errno = ENETUNREACH;
	assert_says(&facts, ENETUNREACH, "no route to 192.0.2.1:51820", "ip route get");
}

static void test_missing_ipv6_is_named_when_the_endpoint_is_ipv6(void **state)
{
	struct diagnosis_facts facts = facts_to("[2001:db8::1]:51820");

	(void)state;
	facts.send_errno = ENETUNREACH;
	assert_says(&facts, ENETUNREACH, "no IPv6 connection", "IPv4 Endpoint");
}

static void test_icmp_refusals_are_told_apart(void **state)
{
	struct diagnosis_facts facts = facts_to("192.0.2.1:51820");

	(void)state;
	facts.icmp_errno = ECONNREFUSED;
	assert_says(&facts, ECONNREFUSED, "nothing listens there", "port in Endpoint");
	facts.icmp_errno = EACCES;
	assert_says(&facts, EACCES, "prohibits it", "another port");
	facts.icmp_errno = EHOSTUNREACH;
	assert_says(&facts, EHOSTUNREACH, "a router on the way answers", "address in Endpoint");
}

static void test_a_reply_that_does_not_authenticate_wins_over_all_else(void **state)
{
	struct diagnosis_facts facts = facts_to("192.0.2.1:51820");

	(void)state;
	facts.bad_responses = 1;
	facts.icmp_errno = ECONNREFUSED;
	assert_int_equal(diagnosis_find(&facts), CAUSE_BAD_REPLY);
	assert_says(&facts, EBADMSG, "does not authenticate", "want a PresharedKey");
	facts.has_preshared_key = true;
	assert_says(&facts, EBADMSG, "does not authenticate", "PresharedKey that of this server");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_silence_names_key_portal_and_blocked_udp_in_that_order),
		cmocka_unit_test(test_local_firewall_is_told_from_a_missing_route),
		cmocka_unit_test(test_missing_ipv6_is_named_when_the_endpoint_is_ipv6),
		cmocka_unit_test(test_icmp_refusals_are_told_apart),
		cmocka_unit_test(test_a_reply_that_does_not_authenticate_wins_over_all_else),
	};

	return cmocka_run_group_tests_name("supervise/diagnosis", tests, NULL, NULL);
}
