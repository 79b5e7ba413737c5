/* Mirrors src/plan/veth.c.  What the rules do to packets is tests/system/test_named_veth.py's. */
#include "cmocka_all.h"

#include "base/text.h"
#include "plan/veth.h"
#include "plan/veth_model.h"

#include <stdio.h>

static void test_a_short_name_is_in_the_links_name(void **state)
{
	char link[IFNAMSIZ];
	char table[VETH_TABLE_LEN];

	(void)state;
	assert_string_equal(veth_host_link("media", link), "ve-media");
	assert_string_equal(veth_host_link("abcdefghijkl", link), "ve-abcdefghijkl");
	assert_string_equal(veth_host_table("media", table), "adit-media");
}

static void test_long_names_are_told_apart_by_what_follows_from_them(void **state)
{
	char name[PROFILE_NAME_LEN];
	char link[IFNAMSIZ];
	char other[IFNAMSIZ];
	char table[VETH_TABLE_LEN];

	(void)state;
	assert_string_equal(veth_host_link("abcdefghijklm", link),
			    veth_host_link("abcdefghijklm", other));
	assert_int_equal(strlen(link), IFNAMSIZ - 1);
	assert_true(text_is_link_name(link, strlen(link)));
	assert_string_not_equal(link, veth_host_link("abcdefghijkln", other));
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(strlen(veth_host_link(name, link)), IFNAMSIZ - 1);
	assert_int_equal(strlen(veth_host_table(name, table)), strlen("adit-") + 64);
}

static void test_the_same_name_gives_the_same_addresses_and_others_others(void **state)
{
	struct veth first;
	struct veth again;
	struct veth other;

	(void)state;
	profile.n_lan_host = profile.n_lan_namespace = 0;
	veth_describe(&profile, true, &first);
	veth_describe(&profile, true, &again);
	(void)strcpy(profile.name, "other");
	veth_describe(&profile, true, &other);
	for (size_t i = 0; i < VETH_FAMILIES; i++) {
		assert_true(first.ends[i].is_used);
		assert_true(address_equal(&first.ends[i].host, &again.ends[i].host));
		assert_true(address_equal(&first.ends[i].inside, &again.ends[i].inside));
		assert_false(address_equal(&first.ends[i].host, &first.ends[i].inside));
		assert_false(address_equal(&first.ends[i].host, &other.ends[i].host));
	}
	assert_int_equal(first.ends[VETH_IPV4].host.ip.s6_addr[12], 10);
	assert_int_equal(first.ends[VETH_IPV6].host.ip.s6_addr[0], 0xfd);
}

static void test_two_thousand_names_have_addresses_and_links_of_their_own(void **state)
{
	enum { N = 2000 };
	static struct veth veth[N];
	unsigned int n_same = 0;

	(void)state;
	profile.n_lan_host = profile.n_lan_namespace = 0;
	for (unsigned int i = 0; i < N; i++) {
		(void)snprintf(profile.name, sizeof(profile.name), "a-long-name-%u", i);
		veth_describe(&profile, true, &veth[i]);
		for (unsigned int j = 0; j < i; j++) {
			assert_string_not_equal(veth[i].host_link, veth[j].host_link);
			n_same += address_equal(&veth[i].ends[VETH_IPV4].host,
						&veth[j].ends[VETH_IPV4].host);
		}
	}
	/* 2 million pairs of names, 8 million pairs of addresses */
	assert_in_range(n_same, 0, 3);
}

static void test_an_address_that_the_tunnel_has_is_not_chosen(void **state)
{
	struct veth usual;
	struct veth other;

	(void)state;
	profile.n_lan_host = profile.n_lan_namespace = 0;
	veth_describe(&profile, true, &usual);
	profile.address[profile.n_addresses++].address = usual.ends[VETH_IPV4].inside;
	profile.dns[profile.n_dns++] = usual.ends[VETH_IPV6].host;
	veth_describe(&profile, true, &other);
	for (size_t i = 0; i < VETH_FAMILIES; i++)
		assert_false(address_equal(&usual.ends[i].host, &other.ends[i].host));
}

static void test_without_ipv6_there_is_none_of_it(void **state)
{
	struct veth veth;

	(void)state;
	veth_describe(&profile, false, &veth);
	assert_true(veth.ends[VETH_IPV4].is_used);
	assert_false(veth.ends[VETH_IPV6].is_used);
}

static void test_inside_answers_leave_and_what_is_allowed(void **state)
{
	char buffer[4096];
	struct text text;
	struct veth veth;

	(void)state;
	profile.n_lan_host = profile.n_lan_namespace = 1;
	lan_add_allow("192.168.1.7", 445);
	lan_add_allow("192.168.2.0/24", 0);
	lan_add_allow("2001:db8::/64", 1);
	veth_describe(&profile, true, &veth);
	text_init(&text, buffer, sizeof(buffer));
	veth_print_output(&veth, "wg0", &text);
	assert_string_equal(
		buffer,
		"		oifname \"wg0\" ip saddr 192.168.10.11 counter name "
		"\"refused_out\" drop\n"
		"		oifname \"wg0\" ip daddr 192.168.10.10 counter name "
		"\"refused_out\" drop\n"
		"		# To the host only answers, so that nothing is begun there and no\n"
		"		# flow of the tunnel goes on there.\n"
		"		oifname \"eth-lan\" ip saddr 192.168.10.11 ip daddr 192.168.10.10 "
		"ct direction reply accept\n"
		"		oifname \"eth-lan\" ip saddr 192.168.10.11 ip daddr 192.168.1.7/32 "
		"tcp dport 445 accept\n"
		"		oifname \"eth-lan\" ip saddr 192.168.10.11 ip daddr 192.168.2.0/24 "
		"accept\n");
}

static void test_inside_comes_what_the_host_began(void **state)
{
	char buffer[4096];
	struct text text;
	struct veth veth;

	(void)state;
	veth_describe(&profile, true, &veth);
	text_init(&text, buffer, sizeof(buffer));
	veth_print_input(&veth, &text);
	assert_string_equal(
		buffer,
		"		# From the host what it began, and answers to what [Lan] Allow= "
		"names.\n"
		"		iifname \"eth-lan\" ip saddr 192.168.10.10 ip daddr 192.168.10.11 "
		"ct direction original accept\n"
		"		iifname \"eth-lan\" ip6 saddr fd00:10::10 ip6 daddr fd00:10::11 "
		"ct direction original accept\n"
		"		iifname \"eth-lan\" icmpv6 type "
		"{ nd-neighbor-solicit, nd-neighbor-advert } accept\n");
	lan_add_allow("192.168.1.7", 445);
	veth_describe(&profile, true, &veth);
	text_init(&text, buffer, sizeof(buffer));
	veth_print_input(&veth, &text);
	assert_non_null(strstr(buffer, "iifname \"eth-lan\" ip daddr 192.168.10.11 "
				       "ct direction reply accept\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_short_name_is_in_the_links_name),
		cmocka_unit_test(test_long_names_are_told_apart_by_what_follows_from_them),
		cmocka_unit_test_setup(
			test_the_same_name_gives_the_same_addresses_and_others_others, lan_begin),
		cmocka_unit_test_setup(
			test_two_thousand_names_have_addresses_and_links_of_their_own, lan_begin),
		cmocka_unit_test_setup(test_an_address_that_the_tunnel_has_is_not_chosen,
				       lan_begin),
		cmocka_unit_test_setup(test_without_ipv6_there_is_none_of_it, lan_begin),
		cmocka_unit_test_setup(test_inside_answers_leave_and_what_is_allowed, lan_begin),
		cmocka_unit_test_setup(test_inside_comes_what_the_host_began, lan_begin),
	};

	return cmocka_run_group_tests_name("plan/veth", tests, NULL, NULL);
}
