/* Mirrors src/plan/ruleset.c.  What the rules do to packets is
 * tests/unit/apply/test_step_firewall.c's; here is what they say.
 */
#include "cmocka_all.h"

#include "base/error.h"
#include "plan/ruleset.h"
#include "plan/step.h"

#include <errno.h>
#include <string.h>

static const char expected[] =
	"create table inet adit\n"
	"table inet adit {\n"
	"	counter refused_out { }\n"
	"	counter refused_in { }\n"
	"	counter refused_forward { }\n"
	"\n"
	"	# By the tunnel or not at all, in every family and protocol.\n"
	"	chain output {\n"
	"		type filter hook output priority 300; policy drop;\n"
	"		oifname \"wg0\" accept\n"
	"		oifname \"lo\" accept\n"
	"		counter name \"refused_out\" drop\n"
	"	}\n"
	"\n"
	"	chain input {\n"
	"		type filter hook input priority 300; policy drop;\n"
	"		iifname \"lo\" accept\n"
	"		iifname != \"wg0\" counter name \"refused_in\" drop\n"
	"		# Our own addresses, 127.0.0.1 and ::1 among them, are never the other\n"
	"		# side's: such a packet could pass for one of a local connection.\n"
	"		fib saddr type local counter name \"refused_in\" drop\n"
	"		ip daddr 127.0.0.0/8 counter name \"refused_in\" drop\n"
	"		ip6 daddr ::1 counter name \"refused_in\" drop\n"
	"		# Replies, and ICMP errors about what was sent: nothing new.\n"
	"		ct state established,related accept\n"
	"		counter name \"refused_in\" drop\n"
	"	}\n"
	"\n"
	"	# Nobody's router.\n"
	"	chain forward {\n"
	"		type filter hook forward priority 300; policy drop;\n"
	"		counter name \"refused_forward\" drop\n"
	"	}\n"
	"}\n";

static void test_the_whole_text(void **state)
{
	const struct step_firewall firewall = {.device = "wg0"};
	char text[RULESET_TEXT_LEN];
	struct error err;

	(void)state;
	assert_int_equal(ruleset_print(&firewall, text, sizeof(text), &err), 0);
	assert_string_equal(text, expected);
}

static void test_the_longest_name_fits(void **state)
{
	const struct step_firewall firewall = {.device = "a23456789012345"};
	char text[RULESET_TEXT_LEN];

	(void)state;
	assert_int_equal(ruleset_print(&firewall, text, sizeof(text), NULL), 0);
	assert_non_null(strstr(text, "oifname \"a23456789012345\" accept"));
}

static void test_a_name_that_is_more_than_a_name_is_refused(void **state)
{
	static const char *const names[] = {"",	  "wg*", "a b", "a\"", "a\n",
					    "..", "-a",	 "a;b", "a{"};
	char text[RULESET_TEXT_LEN] = "untouched";

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct step_firewall firewall = {0};
		struct error err;

		(void)strncpy(firewall.device, names[i], sizeof(firewall.device) - 1);
		assert_int_equal(ruleset_print(&firewall, text, sizeof(text), &err), -EINVAL);
		assert_string_equal(err.what, "the tunnel's name is not the name of a link");
	}
	assert_string_equal(text, "untouched");
}

static void test_a_name_without_an_end_is_refused(void **state)
{
	struct step_firewall firewall;
	char text[RULESET_TEXT_LEN];

	(void)state;
	memset(firewall.device, 'a', sizeof(firewall.device));
	assert_int_equal(ruleset_print(&firewall, text, sizeof(text), NULL), -EINVAL);
}

static void test_a_text_that_does_not_fit_is_an_error_and_never_half_the_rules(void **state)
{
	const struct step_firewall firewall = {.device = "wg0"};
	char text[RULESET_TEXT_LEN];

	(void)state;
	assert_int_equal(ruleset_print(&firewall, text, sizeof(expected) - 1, NULL), -ENOSPC);
	assert_int_equal(ruleset_print(&firewall, text, sizeof(expected), NULL), 0);
}

static void test_the_removal_succeeds_without_a_table(void **state)
{
	(void)state;
	assert_string_equal(ruleset_removal(), "table inet adit\ndelete table inet adit\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_whole_text),
		cmocka_unit_test(test_the_longest_name_fits),
		cmocka_unit_test(test_a_name_that_is_more_than_a_name_is_refused),
		cmocka_unit_test(test_a_name_without_an_end_is_refused),
		cmocka_unit_test(
			test_a_text_that_does_not_fit_is_an_error_and_never_half_the_rules),
		cmocka_unit_test(test_the_removal_succeeds_without_a_table),
	};

	return cmocka_run_group_tests_name("plan/ruleset", tests, NULL, NULL);
}
