/* Mirrors src/confine/resolver.c */
#include "cmocka_all.h"

#include "base/address.h"
#include "base/text.h"
#include "confine/options.h"
#include "confine/resolver.h"

#include <string.h>

static const char *nsswitch(const char *host)
{
	static char buffer[4096];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	resolver_write_nsswitch(host, &text);
	assert_false(text.is_truncated);
	return buffer;
}

static void test_resolv_conf_has_the_servers_and_the_search_list(void **state)
{
	struct address dns[2];
	const char *const search[] = {"one.example", "two.example"};
	const struct confine_options options = {
		.dns = dns, .n_dns = 2, .search = search, .n_search = 2};
	char buffer[512];
	struct text text;

	(void)state;
	assert_true(address_parse("10.2.0.1", 8, &dns[0]));
	assert_true(address_parse("fd00::1", 7, &dns[1]));
	text_init(&text, buffer, sizeof(buffer));
	resolver_write_resolv_conf(&options, &text);
	assert_non_null(strstr(buffer, "\nnameserver 10.2.0.1\nnameserver fd00::1\n"
				       "search one.example two.example\n"));
}

static void test_without_a_server_the_file_names_none(void **state)
{
	const struct confine_options options = {0};
	char buffer[512];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	resolver_write_resolv_conf(&options, &text);
	assert_null(strstr(buffer, "\nnameserver"));
	assert_non_null(strstr(buffer, "# "));
}

static void test_hosts_line_asks_files_and_dns_alone(void **state)
{
	(void)state;
	assert_string_equal(nsswitch("passwd: files\nhosts: files mdns4_minimal "
				     "[NOTFOUND=return] resolve dns mymachines\nrpc: db files\n"),
			    "passwd: files\nrpc: db files\nhosts: files dns\n");
}

static void test_every_spelling_of_the_hosts_line_goes(void **state)
{
	(void)state;
	assert_string_equal(nsswitch("\thosts :resolve\n  hosts:\tmdns\nhosts: nis"),
			    "hosts: files dns\n");
}

static void test_other_lines_stay(void **state)
{
	(void)state;
	assert_string_equal(nsswitch("# hosts: resolve\nhostsx: a\nhost: b\n\nhosts\n"),
			    "# hosts: resolve\nhostsx: a\nhost: b\n\nhosts\nhosts: files dns\n");
}

static void test_myhostname_stays_where_it_was_used(void **state)
{
	(void)state;
	assert_string_equal(nsswitch("hosts: mymachines resolve myhostname files dns\n"),
			    "hosts: files myhostname dns\n");
	assert_string_equal(nsswitch("hosts: files dns # not myhostname\n"), "hosts: files dns\n");
}

static void test_a_host_without_the_file_gets_the_line(void **state)
{
	(void)state;
	assert_string_equal(nsswitch(NULL), "hosts: files dns\n");
	assert_string_equal(nsswitch("passwd: files"), "passwd: files\nhosts: files dns\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolv_conf_has_the_servers_and_the_search_list),
		cmocka_unit_test(test_without_a_server_the_file_names_none),
		cmocka_unit_test(test_hosts_line_asks_files_and_dns_alone),
		cmocka_unit_test(test_every_spelling_of_the_hosts_line_goes),
		cmocka_unit_test(test_other_lines_stay),
		cmocka_unit_test(test_myhostname_stays_where_it_was_used),
		cmocka_unit_test(test_a_host_without_the_file_gets_the_line),
	};

	return cmocka_run_group_tests_name("confine/resolver", tests, NULL, NULL);
}
