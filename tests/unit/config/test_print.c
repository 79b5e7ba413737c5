/* Mirrors src/config/print.c */
#include "cmocka_all.h"

#include "base/text.h"
#include "source.h"

static const char *print(const char *config)
{
	static char buffer[8192];
	struct made_up made_up = source_of(config);
	struct text text;

	assert_int_equal(made_up.r, 0);
	assert_true(config_wg_size(made_up.profile) <= sizeof(buffer));
	text_init(&text, buffer, config_wg_size(made_up.profile));
	config_print_wg(made_up.profile, &text);
	assert_false(text.is_truncated);
	source_free(&made_up);
	return buffer;
}

static void test_device_is_printed_as_showconf_prints_it(void **state)
{
	(void)state;
	assert_string_equal(print("[Interface]\nPrivateKey = " KEY_A "\nListenPort = 51820\n"
				  "FwMark = 51820\nAddress = 10.0.0.2, fd00::2\n"
				  "[Peer]\nPublicKey = " KEY_B "\nPresharedKey = " KEY_C "\n"
				  "AllowedIPs = 10.1.2.3/8, ::/0\nEndpoint = [2001:db8::1]:5\n"
				  "PersistentKeepalive = 25\n"
				  "[Peer]\nPublicKey = " KEY_C "\nAllowedIPs = 192.0.2.0/24\n"
				  "Endpoint = 192.0.2.1:7\n"),
			    "[Interface]\n"
			    "ListenPort = 51820\n"
			    "FwMark = 0xca6c\n"
			    "PrivateKey = eEeGGJoGqh0q9nbnAm3fHC3FPb3HWqmzRVAdGwNm3l8=\n"
			    "\n"
			    "[Peer]\n"
			    "PublicKey = " KEY_B "\n"
			    "PresharedKey = " KEY_C "\n"
			    "AllowedIPs = 10.0.0.0/8, ::/0\n"
			    "Endpoint = [2001:db8::1]:5\n"
			    "PersistentKeepalive = 25\n"
			    "\n"
			    "[Peer]\n"
			    "PublicKey = " KEY_C "\n"
			    "AllowedIPs = 192.0.2.0/24\n"
			    "Endpoint = 192.0.2.1:7\n");
}

static void test_private_key_is_clamped_as_kernels_do(void **state)
{
	(void)state;
	assert_non_null(
		strstr(print("[Interface]\nAddress = 10.0.0.2\n"
			     "PrivateKey = //////////////////////////////////////////8=\n" PEER),
		       "PrivateKey = +P///////////////////////////////////////38=\n"));
}

static void test_names_of_endpoints_are_kept(void **state)
{
	static const char format[] =
		INTERFACE "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 0.0.0.0/0\nEndpoint = %s\n";
	char config[512];

	(void)state;
	(void)snprintf(config, sizeof(config), format, "vpn.example.:domain");
	assert_non_null(strstr(print(config), "\nEndpoint = vpn.example.:53\n"));
	(void)snprintf(config, sizeof(config), format, "[fe80::1%eth0]:7");
	assert_non_null(strstr(print(config), "\nEndpoint = [fe80::1%eth0]:7\n"));
}

static void test_peer_that_only_has_a_key_is_printed(void **state)
{
	(void)state;
	assert_non_null(strstr(print(INTERFACE "[Peer]\nPublicKey = " KEY_B "\n"),
			       "[Peer]\nPublicKey = " KEY_B "\n"));
}

static void test_nat_mode_has_no_key_to_print(void **state)
{
	(void)state;
	assert_string_equal(print("[Nat]\nVia = wg0\n"), "[Interface]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_device_is_printed_as_showconf_prints_it),
		cmocka_unit_test(test_private_key_is_clamped_as_kernels_do),
		cmocka_unit_test(test_names_of_endpoints_are_kept),
		cmocka_unit_test(test_peer_that_only_has_a_key_is_printed),
		cmocka_unit_test(test_nat_mode_has_no_key_to_print),
	};

	return cmocka_run_group_tests_name("config/print", tests, NULL, NULL);
}
