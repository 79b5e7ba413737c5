/* Mirrors src/plan/ruleset.c.  What the rules do to packets is
 * tests/unit/apply/test_step_firewall.c's; here is what they say.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "config/profile.h"
#include "plan/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct profile_accept ports[] = {
	{.protocol = PROTOCOL_TCP, .ports = {1111, 1111}},
	{.protocol = PROTOCOL_UDP, .ports = {2000, 2010}},
};

static const char counters[] = "table inet adit {\n"
			       "	counter refused_out { }\n"
			       "	counter refused_in { }\n"
			       "	counter to_loopback_ipv4 { }\n"
			       "	counter to_loopback_ipv6 { }\n"
			       "	counter own_source { }\n"
			       "	counter invalid { }\n"
			       "	counter not_accepted { }\n"
			       "	counter refused_forward { }\n";

static const char prerouting[] =
	"\n"
	"	# Our own addresses, 127.0.0.1 and ::1 among them, are never the other side's:\n"
	"	# such a packet could pass for one of a local connection.\n"
	"	chain prerouting {\n"
	"		type filter hook prerouting priority -300; policy accept;\n"
	"		iifname \"lo\" accept\n"
	"		ip daddr 127.0.0.0/8 counter name \"to_loopback_ipv4\" drop\n"
	"		ip6 daddr ::1 counter name \"to_loopback_ipv6\" drop\n"
	"		fib saddr type local counter name \"own_source\" drop\n"
	"	}\n";

static const char forward[] = "\n"
			      "	# Nobody's router.\n"
			      "	chain forward {\n"
			      "		type filter hook forward priority 300; policy drop;\n"
			      "		counter name \"refused_forward\" drop\n"
			      "	}\n"
			      "}\n";

/* The parts that all tables have, around what this one says. */
static void expect(const struct ruleset *ruleset, const char *output, const char *input)
{
	char text[RULESET_TEXT_LEN];
	char expected[RULESET_TEXT_LEN];
	struct error err;

	assert_int_equal(ruleset_print(ruleset, text, sizeof(text), &err), 0);
	(void)snprintf(expected, sizeof(expected), "%s%s%s%s%s", counters, output, prerouting,
		       input, forward);
	assert_string_equal(text, expected);
}

static void test_sealed_only_lo_goes(void **state)
{
	const struct ruleset ruleset = {.device = ""};

	(void)state;
	expect(&ruleset,
	       "\n"
	       "	# Nothing but by lo, in every family and protocol.\n"
	       "	chain output {\n"
	       "		type filter hook output priority 300; policy drop;\n"
	       "		oifname \"lo\" accept\n"
	       "		counter name \"refused_out\" drop\n"
	       "	}\n",
	       "\n"
	       "	chain input {\n"
	       "		type filter hook input priority 300; policy drop;\n"
	       "		iifname \"lo\" accept\n"
	       "		counter name \"refused_in\" drop\n"
	       "	}\n");
}

static const char by_the_tunnel[] =
	"\n"
	"	# By the tunnel or not at all, in every family and protocol.\n"
	"	chain output {\n"
	"		type filter hook output priority 300; policy drop;\n"
	"		oifname \"wg0\" accept\n"
	"		oifname \"lo\" accept\n"
	"		counter name \"refused_out\" drop\n"
	"	}\n";

static void test_from_the_tunnel_come_replies_and_nothing_new(void **state)
{
	const struct ruleset ruleset = {.device = "wg0"};

	(void)state;
	expect(&ruleset, by_the_tunnel,
	       "\n"
	       "	chain input {\n"
	       "		type filter hook input priority 300; policy drop;\n"
	       "		iifname \"lo\" accept\n"
	       "		iifname != \"wg0\" counter name \"refused_in\" drop\n"
	       "		ct state invalid counter name \"invalid\" drop\n"
	       "		# Replies, and ICMP errors about what was sent.\n"
	       "		ct state established,related accept\n"
	       "		counter name \"not_accepted\" drop\n"
	       "	}\n");
}

static void test_accepted_ports_are_let_in_one_by_one(void **state)
{
	const struct ruleset ruleset = {.device = "wg0", .accept = ports, .n_accepts = 2};

	(void)state;
	expect(&ruleset, by_the_tunnel,
	       "\n"
	       "	chain input {\n"
	       "		type filter hook input priority 300; policy drop;\n"
	       "		iifname \"lo\" accept\n"
	       "		iifname != \"wg0\" counter name \"refused_in\" drop\n"
	       "		ct state invalid counter name \"invalid\" drop\n"
	       "		# Replies, and ICMP errors about what was sent.\n"
	       "		ct state established,related accept\n"
	       "		# [Tunnel] Accept=\n"
	       "		ct state new tcp dport 1111 accept\n"
	       "		ct state new udp dport 2000-2010 accept\n"
	       "		counter name \"not_accepted\" drop\n"
	       "	}\n");
}

static void test_the_longest_name_and_the_most_ports_fit(void **state)
{
	struct profile_accept most[PROFILE_ACCEPTS_MAX];
	const struct ruleset ruleset = {
		.device = "a23456789012345", .accept = most, .n_accepts = PROFILE_ACCEPTS_MAX};
	char text[RULESET_TEXT_LEN];

	(void)state;
	for (size_t i = 0; i < PROFILE_ACCEPTS_MAX; i++)
		most[i] = (struct profile_accept){.ports = {10000, 65535}};
	assert_int_equal(ruleset_print(&ruleset, text, sizeof(text), NULL), 0);
	assert_non_null(strstr(text, "oifname \"a23456789012345\" accept"));
}

static void test_a_name_that_is_more_than_a_name_is_refused(void **state)
{
	static const char *const names[] = {"wg*", "a b", "a\"", "a\n", "..", "-a", "a;b", "a{"};
	char text[RULESET_TEXT_LEN] = "untouched";

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct ruleset ruleset = {.device = names[i]};
		struct error err;

		assert_int_equal(ruleset_print(&ruleset, text, sizeof(text), &err), -EINVAL);
		assert_string_equal(err.what, "the tunnel's name is not the name of a link");
	}
	assert_string_equal(text, "untouched");
}

static void test_a_name_without_an_end_is_refused(void **state)
{
	static const char endless[] = "aaaaaaaaaaaaaaaa";
	const struct ruleset ruleset = {.device = endless};
	char text[RULESET_TEXT_LEN];

	(void)state;
	assert_int_equal(sizeof(endless), IFNAMSIZ + 1);
	assert_int_equal(ruleset_print(&ruleset, text, sizeof(text), NULL), -EINVAL);
}

static void test_a_text_that_does_not_fit_is_an_error_and_never_half_the_rules(void **state)
{
	const struct ruleset ruleset = {.device = "wg0"};
	char text[RULESET_TEXT_LEN];
	size_t len;

	(void)state;
	assert_int_equal(ruleset_print(&ruleset, text, sizeof(text), NULL), 0);
	len = strlen(text);
	assert_int_equal(ruleset_print(&ruleset, text, len, NULL), -ENOSPC);
	assert_int_equal(ruleset_print(&ruleset, text, len + 1, NULL), 0);
}

static void test_a_table_is_made_or_replaced_in_the_same_transaction(void **state)
{
	char beginning[RULESET_BEGINNING_LEN];
	char removal[RULESET_BEGINNING_LEN];

	(void)state;
	assert_string_equal(ruleset_beginning("adit", false, beginning),
			    "create table inet adit\n");
	assert_string_equal(ruleset_beginning("adit-x", true, beginning),
			    ruleset_removal("adit-x", removal));
}

static void test_every_counter_of_the_table_has_a_meaning_and_is_used(void **state)
{
	const struct ruleset ruleset = {.device = "wg0"};
	char text[RULESET_TEXT_LEN];

	(void)state;
	assert_int_equal(ruleset_print(&ruleset, text, sizeof(text), NULL), 0);
	for (const struct ruleset_counter *counter = ruleset_counters; counter->name; counter++) {
		char use[64];

		(void)snprintf(use, sizeof(use), "counter name \"%s\" drop", counter->name);
		assert_non_null(strstr(text, use));
		assert_true(strlen(counter->meaning) > 0);
	}
}

static void test_the_removal_succeeds_without_a_table(void **state)
{
	char removal[RULESET_BEGINNING_LEN];

	(void)state;
	assert_string_equal(ruleset_removal("adit", removal),
			    "table inet adit\ndelete table inet adit\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed_only_lo_goes),
		cmocka_unit_test(test_from_the_tunnel_come_replies_and_nothing_new),
		cmocka_unit_test(test_accepted_ports_are_let_in_one_by_one),
		cmocka_unit_test(test_the_longest_name_and_the_most_ports_fit),
		cmocka_unit_test(test_a_name_that_is_more_than_a_name_is_refused),
		cmocka_unit_test(test_a_name_without_an_end_is_refused),
		cmocka_unit_test(
			test_a_text_that_does_not_fit_is_an_error_and_never_half_the_rules),
		cmocka_unit_test(test_a_table_is_made_or_replaced_in_the_same_transaction),
		cmocka_unit_test(test_every_counter_of_the_table_has_a_meaning_and_is_used),
		cmocka_unit_test(test_the_removal_succeeds_without_a_table),
	};

	return cmocka_run_group_tests_name("plan/ruleset", tests, NULL, NULL);
}
