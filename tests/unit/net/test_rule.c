/* Mirrors src/net/rule.c */
#include "cmocka_all.h"

#include "namespace.h"
#include "net/fake.h"

#include "base/error.h"
#include "net/nlsock.h"
#include "net/rule.h"

#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

static struct nlsock *sock;

static int setup(void **state)
{
	int r = namespace_setup(state);

	return r == 0 && !namespace_reason ? nlsock_open(&sock, NULL) : r;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static int count(void *context, const struct nlmsghdr *message)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);

	/* those of every namespace are for the local, main and default tables */
	*(int *)context += header->table != RT_TABLE_LOCAL && header->table != RT_TABLE_MAIN &&
			   header->table != RT_TABLE_DEFAULT;
	return 0;
}

static int count_rules(int family)
{
	struct fib_rule_hdr *header =
		mnl_nlmsg_get_payload(nlsock_begin(sock, RTM_GETRULE, NLM_F_DUMP, sizeof(*header)));
	int n = 0;

	header->family = (uint8_t)family;
	assert_int_equal(nlsock_exchange(sock, count, &n, NULL), 0);
	return n;
}

static void test_rules_of_both_families_come_and_go_before_their_link(void **state)
{
	static const int families[] = {AF_INET, AF_INET6};

	(void)state;
	NAMESPACE_OR_SKIP();
	for (size_t i = 0; i < 2; i++) {
		const struct rule rule = {
			.family = families[i],
			.priority = 100,
			.table = i ? 51820 : 77,
			.iif = "ve-none",
		};
		struct error err;

		assert_int_equal(rule_add(sock, &rule, NULL), 0);
		assert_int_equal(count_rules(families[i]), 1);
		assert_int_equal(rule_add(sock, &rule, &err), -EEXIST);
		assert_non_null(
			strstr(err.what, "cannot add the rule of priority 100: File exists"));
		assert_int_equal(rule_delete(sock, &rule, NULL), 0);
		assert_int_equal(count_rules(families[i]), 0);
		assert_int_equal(rule_delete(sock, &rule, &err), -ENOENT);
		assert_non_null(strstr(err.what, "cannot delete the rule of priority 100: "));
	}
}

static int collect(void *context, const struct rule *rule)
{
	char *text = context;
	char from[PREFIX_TEXT_LEN] = "any";
	char to[PREFIX_TEXT_LEN] = "any";

	if (rule->from.len)
		(void)prefix_print(&rule->from, from);
	if (rule->to.len)
		(void)prefix_print(&rule->to, to);
	(void)snprintf(text + strlen(text), 1024 - strlen(text),
		       "%u: %s to %s iif '%s' oif '%s' mark %x/%x action %u table %u%s\n",
		       rule->priority, from, to, rule->iif, rule->oif, rule->mark, rule->mark_mask,
		       rule->action, rule->table, rule->has_more ? " and more" : "");
	return 0;
}

static void expect(int family, const char *expected)
{
	char text[1024] = "";
	struct error err;

	if (rule_dump(sock, family, collect, text, &err) < 0)
		fail_msg("%s", err.what);
	assert_string_equal(text, expected);
}

#define IPV4_USUAL                                                                                 \
	"32766: any to any iif '' oif '' mark 0/0 action 1 table 254\n"                            \
	"32767: any to any iif '' oif '' mark 0/0 action 1 table 253\n"

static void test_a_namespace_has_rules_from_the_first(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	expect(AF_INET, "0: any to any iif '' oif '' mark 0/0 action 1 table 255\n" IPV4_USUAL);
	expect(AF_INET6, "0: any to any iif '' oif '' mark 0/0 action 1 table 255\n"
			 "32766: any to any iif '' oif '' mark 0/0 action 1 table 254\n");
}

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	assert_true(prefix_parse(text, strlen(text), &prefix));
	return prefix;
}

static void test_all_that_a_rule_says_is_read_and_deletes_no_other(void **state)
{
	struct rule rule = {.family = AF_INET, .priority = 7, .table = 300};
	struct rule other;

	(void)state;
	NAMESPACE_OR_SKIP();
	rule.from = make_prefix("10.0.0.0/8");
	rule.to = make_prefix("192.0.2.0/24");
	(void)strcpy(rule.iif, "lo");
	(void)strcpy(rule.oif, "wg0");
	rule.mark = 1;
	rule.mark_mask = 0xff;
	assert_int_equal(rule_add(sock, &rule, NULL), 0);
	other = rule;
	other.from = make_prefix("10.0.0.0/9");
	assert_int_equal(rule_add(sock, &other, NULL), 0);
	assert_int_equal(rule_delete(sock, &other, NULL), 0);
	expect(AF_INET, "0: any to any iif '' oif '' mark 0/0 action 1 table 255\n"
			"7: 10.0.0.0/8 to 192.0.2.0/24 iif 'lo' oif 'wg0' mark 1/ff action 1 "
			"table 300\n" IPV4_USUAL);
	assert_int_equal(rule_delete(sock, &rule, NULL), 0);
}

static void test_a_rule_that_says_no_leads_to_no_table(void **state)
{
	struct rule rule = {.family = AF_INET, .priority = 7, .action = FR_ACT_BLACKHOLE};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(rule_add(sock, &rule, NULL), 0);
	expect(AF_INET, "0: any to any iif '' oif '' mark 0/0 action 1 table 255\n"
			"7: any to any iif '' oif '' mark 0/0 action 6 table 0\n" IPV4_USUAL);
	assert_int_equal(rule_delete(sock, &rule, NULL), 0);
	assert_int_equal(rule_delete(sock, &rule, NULL), -ENOENT);
}

static void test_a_family_without_rules_is_told(void **state)
{
	char text[1024] = "";
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(rule_dump(sock, AF_APPLETALK, collect, text, &err), -EAFNOSUPPORT);
	assert_non_null(strstr(err.what, "cannot list the rules of routing"));
}

/* ---- what the kernel may answer ---- */

static struct nlmsghdr *begin_rule(struct fake *fake, uint8_t family, uint8_t from_len)
{
	struct nlmsghdr *message = fake_begin(fake, RTM_NEWRULE, 1);
	struct fib_rule_hdr *header = fake_header(fake, sizeof(*header));

	header->family = family;
	header->src_len = from_len;
	header->action = FR_ACT_TO_TBL;
	return message;
}

static int dump_fake(struct fake *fake, char *text)
{
	int r;

	fake_send(fake);
	fake_end(fake, 1, 0);
	r = rule_dump(fake->sock, AF_INET6, collect, text, NULL);
	fake_close(fake);
	return r;
}

static void test_what_is_not_kept_is_said_to_be_more(void **state)
{
	static const uint16_t more[] = {FRA_SUPPRESS_PREFIXLEN, FRA_UID_RANGE, FRA_L3MDEV, 77};
	static const uint8_t bytes[8] = {1};

	(void)state;
	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		char text[1024] = "";
		struct fake fake;

		assert_true(fake_open(&fake));
		mnl_attr_put(begin_rule(&fake, AF_INET, 0), more[i], i == 0 ? 4 : 8, bytes);
		assert_int_equal(dump_fake(&fake, text), 0);
		assert_non_null(strstr(text, " and more\n"));
	}
}

/* ::ffff:10.0.0.0/104: an IPv6 prefix that could only be told as an IPv4 one. */
static void test_a_mapped_prefix_is_more_than_can_be_told(void **state)
{
	static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 10};
	char text[1024] = "";
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	mnl_attr_put(begin_rule(&fake, AF_INET6, 104), FRA_SRC, sizeof(mapped), mapped);
	assert_int_equal(dump_fake(&fake, text), 0);
	assert_string_equal(text,
			    "0: any to any iif '' oif '' mark 0/0 action 1 table 0 and more\n");
}

static void test_an_answer_that_is_none_is_refused(void **state)
{
	static const uint8_t bytes[3];
	static const uint16_t types[] = {FRA_TABLE, FRA_PRIORITY, FRA_FWMARK,  FRA_FWMASK,
					 FRA_SRC,   FRA_DST,	  FRA_IIFNAME, FRA_OIFNAME};
	char text[1024] = "";

	(void)state;
	for (size_t i = 0; i <= sizeof(types) / sizeof(types[0]); i++) {
		struct fake fake;

		assert_true(fake_open(&fake));
		if (i < sizeof(types) / sizeof(types[0]))
			mnl_attr_put(begin_rule(&fake, AF_INET, 0), types[i],
				     types[i] == FRA_IIFNAME || types[i] == FRA_OIFNAME ? 0 : 3,
				     bytes);
		else
			(void)begin_rule(&fake, AF_APPLETALK, 0);
		assert_int_equal(dump_fake(&fake, text), -EBADMSG);
	}
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(test_rules_of_both_families_come_and_go_before_their_link),
		REAL(test_a_namespace_has_rules_from_the_first),
		REAL(test_all_that_a_rule_says_is_read_and_deletes_no_other),
		REAL(test_a_rule_that_says_no_leads_to_no_table),
		REAL(test_a_family_without_rules_is_told),
		cmocka_unit_test(test_what_is_not_kept_is_said_to_be_more),
		cmocka_unit_test(test_a_mapped_prefix_is_more_than_can_be_told),
		cmocka_unit_test(test_an_answer_that_is_none_is_refused),
	};

	return cmocka_run_group_tests_name("net/rule", tests, namespace_group_setup, NULL);
}
