/* Mirrors src/config/reader.c */
#include "cmocka_all.h"

#include "base/text.h"
#include "source.h"

/* What a person would see. */
static const char *print_remarks(const char *text)
{
	static char buffer[16 * REPORT_ONE_TEXT_LEN];
	struct made_up made_up = source_of(text);
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	for (size_t i = 0; i < report_length(made_up.report); i++)
		report_write_one(made_up.report, i, false, &out);
	source_free(&made_up);
	return buffer;
}

static void test_empty_items_are_wrong_where_wg_refuses_them(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(INTERFACE "[Peer]\nPublicKey = " KEY_B
							"\nEndpoint=h:1\n"
							"AllowedIPs = ,10.0.0.0/8,,11.0.0.0/8,\n"),
			    "error:7:14: AllowedIPs: nothing stands beside this comma\n"
			    "error:7:26: AllowedIPs: nothing stands beside this comma\n"
			    "error:7:37: AllowedIPs: nothing stands beside this comma\n");
}

static void test_lists_of_wg_quick_are_split_at_commas_and_blanks(void **state)
{
	struct made_up made_up =
		source_of(INTERFACE "Address = ,10.1.0.2/24 ,, fd00::2/64 ,\n" PEER);

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->n_addresses, 3);
	source_free(&made_up);
}

static void test_last_value_of_wg_counts_with_a_warning(void **state)
{
	struct made_up made_up = source_of(INTERFACE "ListenPort = 1\nlistenport = 2\n" PEER
						     "Endpoint = 192.0.2.9:9\n");

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->listen_port, 2);
	assert_int_equal(endpoint_port(&made_up.profile->peer[0].endpoint), 9);
	assert_string_equal(source_remarks(&made_up),
			    "warning:5:1: ListenPort: given again, and the last one counts (the "
			    "first: line 4)\n"
			    "warning:10:1: Endpoint: given again, and the last one counts (the "
			    "first: line 9)\n");
	source_free(&made_up);
}

static void test_keys_of_another_peer_are_not_given_again(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(INTERFACE PEER "[Peer]\nPublicKey = " KEY_C
							     "\nAllowedIPs = fd00::/8\n"),
			    "note:10:14: AllowedIPs has IPv6 and Address has none: IPv6 "
			    "destinations are unreachable inside\n");
}

static void test_sections_and_lists_add_up_across_files(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf", INTERFACE PEER, false, false},
			 {"/c/work.conf.d/a.conf",
			  "[Lan]\nForward = tcp:1\n[lan]\nForward = tcp:2\n", false, false},
			 {"/c/work.conf.d/b.conf",
			  "[Lan]\nForward = tcp:3\n[Peer]\nPublicKey = " KEY_C
			  "\nAllowedIPs = 10.0.0.0/8\n",
			  false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->n_forwards, 3);
	assert_int_equal(made_up.profile->n_peers, 2);
	assert_int_equal(made_up.profile->n_files, 3);
	assert_int_equal(made_up.profile->forward[2].place.file, 2);
	source_free(&made_up);
}

static void test_drop_in_begins_without_a_section(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf", INTERFACE PEER "[Namespace]\n", false, false},
			 {"/c/work.conf.d/a.conf", "Device = wg2\nBackend = auto\n", false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_string_equal(source_remarks(&made_up), "error:1:1: a key before any section\n");
	source_free(&made_up);
}

static void test_group_of_keys_not_obeyed_is_remarked_on_once(void **state)
{
	struct made_up made_up = source_of(
		INTERFACE
		"PostUp = a\nPreDown = b\nPostUp = c\nTable = off\nSaveConfig = true\n" PEER);

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(report_count(made_up.report, REPORT_WARNING), 3);
	assert_int_equal(report_pos_at(made_up.report, 0).line, 4);
	source_free(&made_up);
}

static void test_keys_of_wg_quick_are_unknown_in_own_sections(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(INTERFACE PEER "[Namespace]\nPostUp = a\n"),
			    "error:9:1: [Namespace] has no key 'PostUp'\n");
}

static void test_keys_of_an_unknown_section_are_not_looked_at(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(INTERFACE PEER "[Foo]\nA = 1\nMTU = x\n"),
			    "error:8:2: no section is called [Foo]\n");
	assert_string_equal(
		source_remarks_on(INTERFACE "[Peer\nA = 1\n[ \nMTU = x\n" PEER),
		"error:4:1: a section's name ends with ']'\nerror:6:1: a section's name ends with "
		"']'\n");
}

static void test_what_was_misspelt_is_not_missing_too(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on("[Interface]\nPrivatKey = x\nAdress = y\n"
					      "[Peer]\nPublikKey = z\nAllowedIP = 1\n"
					      "Endpoint = h:1\n"),
			    "error:2:1: [Interface] has no key 'PrivatKey'\n"
			    "error:3:1: [Interface] has no key 'Adress'\n"
			    "error:5:1: [Peer] has no key 'PublikKey'\n"
			    "error:6:1: [Peer] has no key 'AllowedIP'\n");
}

static void test_no_value_of_a_secret_or_unknown_key_is_shown(void **state)
{
	(void)state;
	assert_null(strstr(print_remarks("[Interface]\nPrivateKey = sesame\n"), "sesame"));
	assert_null(strstr(print_remarks("[Interface]\nPrivatKey = sesame\n"), "sesame"));
	assert_null(strstr(print_remarks("[Peer]\nPresharedKey = sesame # sesame\n"), "sesame"));
	assert_null(
		strstr(print_remarks("[Interface]\nsesamesesamesesamesesame1 = x\n"), "sesame"));
	assert_null(strstr(print_remarks("[Interface]\nsesamesesamesesamesesame1\n"), "sesame"));
	assert_non_null(strstr(print_remarks(INTERFACE "MTU = open sesame\n" PEER), "open sesame"));
	assert_non_null(strstr(print_remarks(INTERFACE "open sesame\n" PEER), "open sesame"));
}

static void test_file_with_a_key_that_others_can_read_is_remarked_on(void **state)
{
	struct made_up made_up = {.file = {{"/c/work.conf", INTERFACE PEER, true, false}}};
	struct made_up in_etc = {.file = {{"/etc/adit/work.conf", INTERFACE PEER, true, true}}};
	struct made_up keyless = {
		.file = {{"/c/work.conf", "[Nat]\nVia = wg0\n", true, true}},
	};

	(void)state;
	source_parse(&made_up);
	assert_int_equal(made_up.r, 0);
	assert_string_equal(source_remarks(&made_up), "warning:2:1: others can read this file, and "
						      "it holds a key (mode 0644)\n");
	source_free(&made_up);
	source_parse(&in_etc);
	assert_int_equal(in_etc.r, -EBADMSG);
	source_free(&in_etc);
	source_parse(&keyless);
	assert_int_equal(keyless.r, 0);
	assert_string_equal(source_remarks(&keyless), "later:1:2: [Nat] is not available yet\n");
	source_free(&keyless);
}

static void test_utf16_is_named(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on("\xff\xfe[I"),
			    "error:0:0: the file is UTF-16, not UTF-8\n");
	assert_string_equal(source_remarks_on("\xfe\xff[I"),
			    "error:0:0: the file is UTF-16, not UTF-8\n");
}

static void test_more_peers_than_the_limit_are_refused(void **state)
{
	static char text[CONFIG_TEXT_MAX];
	size_t len = 0;

	(void)state;
	for (int i = 0; i <= PROFILE_PEERS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "[Peer]\n");
	(void)snprintf(text + len, sizeof(text) - len, "PublicKey = x\n" INTERFACE);
	{
		struct made_up made_up = source_of(text);

		assert_int_equal(made_up.r, -EBADMSG);
		assert_true(report_is_full(made_up.report));
		source_free(&made_up);
	}
}

static void test_what_can_only_be_parsed_is_said_once_for_a_section(void **state)
{
	(void)state;
	assert_string_equal(
		source_remarks_on(INTERFACE PEER
				  "[Namespace]\nUsers = alice\nUsers = bob\nBackend = kernel\n"
				  "[Lan]\nForward = tcp:1\n[Lan]\nForward = tcp:2\n"),
		"later:9:1: Users: not available yet\n"
		"lasting:11:11: Backend: 'kernel' is for lasting namespaces (adit up)\n"
		"lasting:12:2: [Lan] is for lasting namespaces (adit up)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_items_are_wrong_where_wg_refuses_them),
		cmocka_unit_test(test_lists_of_wg_quick_are_split_at_commas_and_blanks),
		cmocka_unit_test(test_last_value_of_wg_counts_with_a_warning),
		cmocka_unit_test(test_keys_of_another_peer_are_not_given_again),
		cmocka_unit_test(test_sections_and_lists_add_up_across_files),
		cmocka_unit_test(test_drop_in_begins_without_a_section),
		cmocka_unit_test(test_group_of_keys_not_obeyed_is_remarked_on_once),
		cmocka_unit_test(test_keys_of_wg_quick_are_unknown_in_own_sections),
		cmocka_unit_test(test_keys_of_an_unknown_section_are_not_looked_at),
		cmocka_unit_test(test_what_was_misspelt_is_not_missing_too),
		cmocka_unit_test(test_no_value_of_a_secret_or_unknown_key_is_shown),
		cmocka_unit_test(test_file_with_a_key_that_others_can_read_is_remarked_on),
		cmocka_unit_test(test_utf16_is_named),
		cmocka_unit_test(test_more_peers_than_the_limit_are_refused),
		cmocka_unit_test(test_what_can_only_be_parsed_is_said_once_for_a_section),
	};

	return cmocka_run_group_tests_name("config/reader", tests, NULL, NULL);
}
