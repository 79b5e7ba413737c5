/* Mirrors src/config/peers.c */
#include "cmocka_all.h"

#include "source.h"

#define HEAD	"[Interface]\nPrivateKey = " KEY_A "\nAddress = 10.0.0.2, fd00::2\n"
#define PEER_B	"[Peer]\nPublicKey = " KEY_B "\nEndpoint = b:1\n"
#define PEER_C	"[Peer]\nPublicKey = " KEY_C "\nEndpoint = c:1\n"
#define NETWORK "AllowedIPs = "

static void assert_networks(const struct profile_peer *peer, const char *expected)
{
	char text[256] = "";
	char prefix[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < peer->n_allowed_ips; i++) {
		(void)strcat(text, i ? " " : "");
		(void)strcat(text, prefix_print(&peer->allowed_ip[i], prefix));
	}
	assert_string_equal(text, expected);
}

static void test_network_in_two_peers_is_the_last_ones(void **state)
{
	struct made_up made_up =
		source_of(HEAD PEER_B NETWORK "10.0.0.0/8, fd00::/8, 11.0.0.0/8\n" PEER_C NETWORK
					      "10.9.9.9/8\n");

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_networks(&made_up.profile->peer[0], "fd00::/8 11.0.0.0/8");
	assert_networks(&made_up.profile->peer[1], "10.0.0.0/8");
	assert_string_equal(
		source_remarks(&made_up),
		"warning:11:14: AllowedIPs: 10.0.0.0/8 was another peer's (line 7): the "
		"last one has it\n");
	source_free(&made_up);
}

static void test_network_given_twice_to_a_peer_is_kept_once(void **state)
{
	struct made_up made_up =
		source_of(HEAD PEER_B NETWORK "10.0.0.0/8, 10.1.1.1/8, ::/0, ::/0\n");

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_networks(&made_up.profile->peer[0], "10.0.0.0/8 ::/0");
	assert_string_equal(source_remarks(&made_up), "");
	source_free(&made_up);
}

static void test_narrower_network_of_another_peer_is_warned_of_once(void **state)
{
	(void)state;
	assert_string_equal(
		source_remarks_on(HEAD PEER_B NETWORK "0.0.0.0/0, ::/0\n" PEER_C NETWORK
						      "10.0.0.0/8, 11.0.0.0/8, fd00::/8\n"),
		"warning:11:14: AllowedIPs: 10.0.0.0/8 lies inside 0.0.0.0/0 of another peer (line "
		"7): the narrower one counts\n");
}

static void test_narrower_network_of_the_same_peer_is_fine(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(HEAD PEER_B NETWORK "0.0.0.0/0, 10.0.0.0/8, ::/0\n"),
			    "");
}

static void test_network_inside_two_is_found_behind_the_nearer_one(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(HEAD PEER_B NETWORK "10.0.0.0/8\n" PEER_C NETWORK
								  "10.1.0.0/16, 10.1.1.0/24\n"),
			    "warning:11:14: AllowedIPs: 10.1.0.0/16 lies inside 10.0.0.0/8 of "
			    "another peer (line "
			    "7): the narrower one counts\n");
}

static void test_neighbours_and_other_families_do_not_overlap(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(HEAD PEER_B NETWORK
					      "10.0.0.0/9, ::/1\n" PEER_C NETWORK
					      "10.128.0.0/9, 8000::/1\n"),
			    "");
}

static void test_second_section_of_a_peer_replaces_what_it_says(void **state)
{
	struct made_up made_up = source_of(
		HEAD PEER_B NETWORK "10.0.0.0/8\nPersistentKeepalive = 9\nPresharedKey = " KEY_A
				    "\n[Peer]\nPublicKey = " KEY_B "\n" NETWORK
				    "11.0.0.0/8\n" PEER_C NETWORK "12.0.0.0/8\n");
	const struct profile *profile = made_up.profile;

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(profile->n_peers, 2);
	assert_networks(&profile->peer[0], "11.0.0.0/8");
	assert_int_equal(profile->peer[0].keepalive_s, 9);
	assert_string_equal(profile->peer[0].endpoint_host, "b");
	assert_false(secret_is_zero(profile->peer[0].preshared_key.byte, 32));
	assert_networks(&profile->peer[1], "12.0.0.0/8");
	assert_string_equal(source_remarks(&made_up),
			    "warning:11:13: PublicKey: this peer was described before (line 5): "
			    "what is said here replaces that\n");
	source_free(&made_up);
}

static void test_second_section_of_a_peer_may_replace_all(void **state)
{
	struct made_up made_up =
		source_of(HEAD PEER_B NETWORK
			  "10.0.0.0/8\nPersistentKeepalive = 9\nPresharedKey = " KEY_A
			  "\n[Peer]\nPublicKey = " KEY_B "\nEndpoint = 192.0.2.1:5\n"
			  "PersistentKeepalive = off\n"
			  "PresharedKey = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	const struct profile *profile = made_up.profile;

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(profile->n_peers, 1);
	assert_networks(&profile->peer[0], "");
	assert_int_equal(profile->peer[0].keepalive_s, 0);
	assert_string_equal(profile->peer[0].endpoint_host, "");
	assert_int_equal(endpoint_port(&profile->peer[0].endpoint), 5);
	assert_true(secret_is_zero(profile->peer[0].preshared_key.byte, 32));
	source_free(&made_up);
}

/* As a device that is configured one section after the other. */
static void test_network_taken_and_given_up_does_not_return(void **state)
{
	struct made_up made_up =
		source_of(HEAD PEER_B NETWORK "10.0.0.0/8\n" PEER_C NETWORK
					      "10.0.0.0/8\n" PEER_C NETWORK "11.0.0.0/8\n");

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->n_peers, 2);
	assert_networks(&made_up.profile->peer[0], "");
	assert_networks(&made_up.profile->peer[1], "11.0.0.0/8");
	source_free(&made_up);
}

static void test_peers_without_keys_are_not_the_same_peer(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(HEAD "[Peer]\nEndpoint = b:1\n" NETWORK
						   "10.0.0.0/8\n[Peer]\n" NETWORK "11.0.0.0/8\n"),
			    "error:4:2: this [Peer] has no PublicKey\nerror:7:2: this [Peer] has "
			    "no PublicKey\n");
}

/* An IPv4 address is kept as ::ffff:a.b.c.d, and ::/0 does not hold it. */
static void test_families_are_kept_apart(void **state)
{
	(void)state;
	assert_string_equal(source_remarks_on(HEAD PEER_B NETWORK
					      "::/0, 10.0.0.0/8\n" PEER_C NETWORK "fd00::/8\n"),
			    "warning:11:14: AllowedIPs: fd00::/8 lies inside ::/0 of another peer "
			    "(line 7): the "
			    "narrower one counts\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_in_two_peers_is_the_last_ones),
		cmocka_unit_test(test_network_given_twice_to_a_peer_is_kept_once),
		cmocka_unit_test(test_narrower_network_of_another_peer_is_warned_of_once),
		cmocka_unit_test(test_narrower_network_of_the_same_peer_is_fine),
		cmocka_unit_test(test_network_inside_two_is_found_behind_the_nearer_one),
		cmocka_unit_test(test_neighbours_and_other_families_do_not_overlap),
		cmocka_unit_test(test_second_section_of_a_peer_replaces_what_it_says),
		cmocka_unit_test(test_second_section_of_a_peer_may_replace_all),
		cmocka_unit_test(test_network_taken_and_given_up_does_not_return),
		cmocka_unit_test(test_peers_without_keys_are_not_the_same_peer),
		cmocka_unit_test(test_families_are_kept_apart),
	};

	return cmocka_run_group_tests_name("config/peers", tests, NULL, NULL);
}
