/* Mirrors src/config/key.c */
#include "cmocka_all.h"

#include "config/key.h"
#include "source.h"

static struct slice slice_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static void assert_accepted(const struct made_up *made_up)
{
	if (made_up->r != 0)
		print_error("%s", source_remarks(made_up));
	assert_int_equal(made_up->r, 0);
}

static void test_every_key_is_found_in_its_section_only_once(void **state)
{
	(void)state;
	assert_true(n_keys <= KEYS_MAX);
	for (size_t i = 0; i < n_keys; i++) {
		const struct key *key = &key_table[i];

		assert_ptr_equal(key_find(key->section, slice_of(key->name)), key);
		assert_non_null(key->set);
		assert_non_null(key_find_anywhere(slice_of(key->name)));
	}
}

static void test_every_key_is_in_the_manual(void **state)
{
	static char manual[1 << 16];
	const char *root = getenv("ADIT_SOURCE_ROOT");
	char name[512];
	FILE *file;

	(void)state;
	if (!root)
		skip();
	(void)snprintf(name, sizeof(name), "%s/docs/adit.conf.5.scd", root);
	file = fopen(name, "r");
	assert_non_null(file);
	assert_true(fread(manual, 1, sizeof(manual) - 1, file) > 0);
	(void)fclose(file);
	for (size_t i = 0; i < n_keys; i++) {
		(void)snprintf(name, sizeof(name), "*%s* =", key_table[i].name);
		if (!strstr(manual, name))
			print_error("%s\n", name);
		assert_non_null(strstr(manual, name));
	}
}

static void test_sections_are_found_in_any_case(void **state)
{
	(void)state;
	assert_int_equal(section_find(slice_of("INTERFACE")), SECTION_INTERFACE);
	assert_int_equal(section_find(slice_of("tunnel")), SECTION_TUNNEL);
	assert_int_equal(section_find(slice_of("Interfaces")), SECTIONS);
	assert_int_equal(section_find(slice_of("")), SECTIONS);
}

static void test_near_names_are_suggested_and_far_ones_not(void **state)
{
	(void)state;
	assert_string_equal(section_suggest(slice_of("Interfcae")), "Interface");
	assert_null(section_suggest(slice_of("WiFi")));
	assert_string_equal(key_suggest(SECTION_INTERFACE, slice_of("Adress"))->name, "Address");
	assert_string_equal(key_suggest(SECTION_PEER, slice_of("AllowedIP"))->name, "AllowedIPs");
	assert_null(key_suggest(SECTION_INTERFACE, slice_of("Colour")));
	assert_null(key_suggest(SECTION_LAN, slice_of("")));
	assert_null(key_find(SECTION_LAN, slice_of("Adress")));
	assert_null(key_find_anywhere(slice_of("Adress")));
}

static void test_interface_and_peer_fill_the_profile(void **state)
{
	struct made_up made_up =
		source_of("[Interface]\nPrivateKey = " KEY_A "\nAddress = 10.0.0.2/24 fd00::2,\n"
			  "DNS = 10.0.0.1, corp.example\nMTU = 1380\nListenPort = domain\n"
			  "FwMark = 0x10\n"
			  "[Peer]\nPublicKey = " KEY_B "\nPresharedKey = " KEY_C "\n"
			  "AllowedIPs = 10.9.8.7/8, ::/0\nAllowedIPs=11.0.0.0/8\n"
			  "Endpoint = vpn.example:5\nPersistentKeepalive = 25\n");
	const struct profile *profile = made_up.profile;

	(void)state;
	assert_accepted(&made_up);
	assert_true(profile->has_private_key);
	assert_int_equal(profile->private_key.byte[0], 0x78);
	assert_int_equal(profile->n_addresses, 2);
	assert_int_equal(profile->address[0].len, 24);
	assert_int_equal(profile->address[0].address.ip.s6_addr[15], 2);
	assert_int_equal(profile->address[1].len, 128);
	assert_int_equal(profile->n_dns, 1);
	assert_int_equal(profile->dns_place[0].line, 4);
	assert_int_equal(profile->n_search, 1);
	assert_string_equal(profile->search[0], "corp.example");
	assert_int_equal(profile->mtu, 1380);
	assert_int_equal(profile->listen_port, 53);
	assert_int_equal(profile->fwmark, 16);
	assert_int_equal(profile->n_peers, 1);
	assert_int_equal(profile->peer[0].n_allowed_ips, 3);
	assert_int_equal(profile->peer[0].allowed_ip[0].address.ip.s6_addr[15], 0);
	assert_int_equal(profile->peer[0].allowed_ip_place[0].column, 14);
	assert_string_equal(profile->peer[0].endpoint_host, "vpn.example");
	assert_int_equal(profile->peer[0].endpoint_port, 5);
	assert_int_equal(profile->peer[0].keepalive_s, 25);
	assert_false(secret_is_zero(profile->peer[0].preshared_key.byte, 32));
	source_free(&made_up);
}

static void test_own_sections_fill_the_profile(void **state)
{
	struct made_up made_up =
		source_of(INTERFACE PEER
			  "[Namespace]\nDNS = 9.9.9.9 corp.example\nBackend = KERNEL\n"
			  "Device = wg9\nUnderlay = other\n"
			  "Users = alice, bob carol\nGroups = wheel\n"
			  "[Lan]\nInterface = enp3s0\nForward = tcp:2222->22, br/udp:53\n"
			  "Path = veth\nHostAddress = 192.168.10.10\n"
			  "NamespaceAddress = 192.168.10.11\nAllow = 10.9.0.0/16 tcp:1, fd00::/16\n"
			  "ProxyProtocol = no\n[Tunnel]\nAccept = tcp:1, udp:2-3\n");
	const struct profile *profile = made_up.profile;

	(void)state;
	assert_accepted(&made_up);
	assert_int_equal(profile->n_dns, 1);
	assert_int_equal(profile->n_search, 1);
	assert_int_equal(profile->backend, BACKEND_KERNEL);
	assert_string_equal(profile->device, "wg9");
	assert_string_equal(profile->underlay, "other");
	assert_int_equal(profile->n_users, 3);
	assert_string_equal(profile->user[2], "carol");
	assert_string_equal(profile->group[0], "wheel");
	assert_string_equal(profile->lan_interface, "enp3s0");
	assert_int_equal(profile->n_forwards, 2);
	assert_int_equal(profile->forward[1].place.column, 25);
	assert_int_equal(profile->lan_path, LAN_PATH_VETH);
	assert_int_equal(profile->n_lan_host, 1);
	assert_int_equal(profile->n_lan_namespace, 1);
	assert_int_equal(profile->n_allows, 2);
	assert_false(profile->has_proxy_protocol);
	assert_int_equal(profile->n_accepts, 2);
	source_free(&made_up);
}

static void test_a_path_is_relative_to_its_configuration_and_has_its_place(void **state)
{
	struct made_up made_up = source_of(INTERFACE PEER "[Namespace]\nPath = netns/x\n");

	(void)state;
	assert_accepted(&made_up);
	assert_string_equal(made_up.profile->path, "/c/netns/x");
	assert_int_equal(made_up.profile->path_place.column, 8);
	source_free(&made_up);
}

static void test_nat_fills_the_profile(void **state)
{
	struct made_up made_up = source_of("[Nat]\nVia = wg0\nHostAddress = 10.0.0.1 fc00::1\n"
					   "NamespaceAddress = 10.0.0.2/30, fc00::2\n");

	(void)state;
	assert_accepted(&made_up);
	assert_int_equal(made_up.profile->mode, MODE_NAT);
	assert_string_equal(made_up.profile->nat_via, "wg0");
	assert_int_equal(made_up.profile->n_nat_host, 2);
	assert_int_equal(made_up.profile->nat_namespace[0].len, 30);
	source_free(&made_up);
}

static void test_key_files_are_read_relative_to_their_configuration(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf",
			  "[Interface]\nAddress = 10.0.0.2\n" PEER "PresharedKeyFile = /k/psk\n"
			  "[Namespace]\nPrivateKeyFile = keys/key\n",
			  false, false},
			 {"/c/keys/key", "\n  " KEY_A " \n", false, false},
			 {"/k/psk", KEY_C, false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_accepted(&made_up);
	assert_int_equal(made_up.profile->private_key.byte[0], 0x78);
	assert_int_equal(made_up.profile->peer[0].preshared_key.byte[0], 0xd0);
	assert_string_equal(source_remarks(&made_up), "");
	source_free(&made_up);
}

static void test_credentials_are_key_files_too(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf",
			  "[Interface]\nAddress = 10.0.0.2\n" PEER
			  "[Namespace]\nPrivateKeyFile = @key\n",
			  false, false},
			 {"/credentials/key", KEY_A "\n", false, false}},
		.has_credentials = true,
	};

	(void)state;
	source_parse(&made_up);
	assert_accepted(&made_up);
	assert_true(made_up.profile->has_private_key);
	source_free(&made_up);
}

static void test_key_file_that_others_can_read_is_remarked_on(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf",
			  "[Interface]\nAddress = 10.0.0.2\n" PEER
			  "[Namespace]\nPrivateKeyFile = key\n",
			  false, false},
			 {"/c/key", KEY_A "\n", true, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_accepted(&made_up);
	assert_string_equal(source_remarks(&made_up), "warning:8:18: PrivateKeyFile: others can "
						      "read '/c/key' (mode 0644)\n");
	source_free(&made_up);
	made_up.file[1].is_system = true;
	made_up.profile = NULL;
	source_parse(&made_up);
	assert_int_equal(made_up.r, -EBADMSG);
	source_free(&made_up);
}

static void test_key_file_of_zeroes_or_junk_is_refused(void **state)
{
	static const char *const texts[] = {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "",
					    "swordfish"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct made_up made_up = {
			.file = {{"/c/work.conf",
				  "[Interface]\nAddress = 10.0.0.2\n" PEER
				  "[Namespace]\nPrivateKeyFile = key\n",
				  false, false},
				 {"/c/key", texts[i], false, false}},
		};

		source_parse(&made_up);
		assert_int_equal(made_up.r, -EBADMSG);
		assert_non_null(strstr(source_remarks(&made_up), "error:8:18: PrivateKeyFile: "));
		source_free(&made_up);
	}
}

static void test_endpoint_without_brackets_is_remarked_on(void **state)
{
	(void)state;
	assert_string_equal(
		source_remarks_on(INTERFACE "[Peer]\nPublicKey = " KEY_B
					    "\nAllowedIPs = 0.0.0.0/0\n"
					    "Endpoint = 2001:db8::1:51820\n"),
		"warning:7:12: Endpoint: '2001:db8::1:51820': read as [2001:db8::1]:51820\n");
}

static void test_device_is_a_usable_interface_name(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(INTERFACE PEER "[Namespace]\nDevice = lo\n"),
			    "error:9:10: Device: 'lo': lo is every namespace's loopback\n");
	assert_non_null(strstr(source_remarks_on(INTERFACE PEER "[Namespace]\nDevice = wg*\n"),
			       "error:9:12: Device: 'wg*': "));
}

/* A list of one item more than fits: each is a number behind `before`. */
static void assert_too_many(const char *head, const char *before, unsigned int count,
			    const char *what)
{
	static char text[1 << 16];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", head);

	for (unsigned int i = 0; i <= count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%u", i ? ", " : "",
					before, i + 1);
	(void)snprintf(text + len, sizeof(text) - len, "\n");
	assert_non_null(strstr(source_remarks_on(text), what));
}

static void test_lists_have_limits(void **state)
{
	(void)state;
	assert_too_many(INTERFACE "DNS = ", "10.0.0.", PROFILE_DNS_MAX, "more than 16 servers");
	assert_too_many(INTERFACE "DNS = ", "d", PROFILE_SEARCH_MAX, "more than 16 search domains");
	assert_too_many(INTERFACE "Address = ", "10.0.1.", PROFILE_ADDRESSES_MAX,
			"more than 32 addresses");
	assert_too_many(INTERFACE "[Namespace]\nUsers = ", "u", PROFILE_NAMES_MAX,
			"more than 32 users");
	assert_too_many(INTERFACE "[Namespace]\nGroups = ", "g", PROFILE_NAMES_MAX,
			"more than 32 groups");
	assert_too_many("[Lan]\nForward = ", "tcp:", PROFILE_FORWARDS_MAX, "more than 64 forwards");
	assert_too_many("[Lan]\nAllow = ", "10.0.0.", PROFILE_ALLOWS_MAX, "more than 64 flows");
	assert_too_many("[Tunnel]\nAccept = ", "tcp:", PROFILE_ACCEPTS_MAX, "more than 64 flows");
}

static void test_allowed_ips_have_a_limit_over_all_peers(void **state)
{
	static char text[CONFIG_TEXT_MAX];
	size_t len =
		(size_t)snprintf(text, sizeof(text),
				 INTERFACE "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 0.0.0.0");

	(void)state;
	for (unsigned int i = 1; i <= PROFILE_ALLOWED_IPS_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, ",10.0.%u.%u", i >> 8,
					i & 255);
	assert_non_null(strstr(source_remarks_on(text), "more than 16384 networks"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_key_is_found_in_its_section_only_once),
		cmocka_unit_test(test_every_key_is_in_the_manual),
		cmocka_unit_test(test_sections_are_found_in_any_case),
		cmocka_unit_test(test_near_names_are_suggested_and_far_ones_not),
		cmocka_unit_test(test_interface_and_peer_fill_the_profile),
		cmocka_unit_test(test_own_sections_fill_the_profile),
		cmocka_unit_test(test_a_path_is_relative_to_its_configuration_and_has_its_place),
		cmocka_unit_test(test_nat_fills_the_profile),
		cmocka_unit_test(test_key_files_are_read_relative_to_their_configuration),
		cmocka_unit_test(test_credentials_are_key_files_too),
		cmocka_unit_test(test_key_file_that_others_can_read_is_remarked_on),
		cmocka_unit_test(test_key_file_of_zeroes_or_junk_is_refused),
		cmocka_unit_test(test_endpoint_without_brackets_is_remarked_on),
		cmocka_unit_test(test_device_is_a_usable_interface_name),
		cmocka_unit_test(test_lists_have_limits),
		cmocka_unit_test(test_allowed_ips_have_a_limit_over_all_peers),
	};

	return cmocka_run_group_tests_name("config/key", tests, NULL, NULL);
}
