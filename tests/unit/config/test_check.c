/* Mirrors src/config/check.c */
#include "cmocka_all.h"

#include "source.h"

#define PEER_OF(networks)                                                                          \
	"[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = " networks "\nEndpoint = h:1\n"

/* Lines 1 to 3 are the interface, 4 to 7 the peer. */
static void assert_remarks(const char *text, const char *expected)
{
	assert_string_equal(source_remarks_on(text), expected);
}

static void test_complete_tunnel_needs_no_remark(void **state)
{
	(void)state;
	assert_remarks(INTERFACE PEER, "");
}

static void test_missing_parts_are_named_at_the_interface(void **state)
{
	(void)state;
	assert_remarks("[Interface]\n", "error:1:2: PrivateKey is missing\n"
					"error:1:2: Address is missing\n"
					"error:1:2: there is no [Peer]\n");
	assert_remarks("", "error:0:0: no tunnel is described here\n");
	assert_remarks("[Namespace]\nDevice = wg0\n", "error:0:0: no tunnel is described here\n");
	assert_remarks(
		INTERFACE "[Peer]\n",
		"error:4:2: this [Peer] has no PublicKey\n"
		"warning:4:2: this [Peer] has no AllowedIPs: nothing is ever sent to it\n"
		"warning:4:2: no peer has an Endpoint: the tunnel waits until a peer calls\n");
}

static void test_address_may_stand_in_namespace_but_not_in_both(void **state)
{
	(void)state;
	assert_remarks("[Interface]\nPrivateKey = " KEY_A "\n" PEER
		       "[Namespace]\nAddress = 10.0.0.2\n",
		       "");
	assert_remarks(INTERFACE PEER "[Namespace]\nAddress = 10.0.0.3\n",
		       "error:9:1: Address: [Interface] has one already (line 3)\n");
}

static void test_private_key_and_its_file_exclude_each_other(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf", "[Namespace]\nPrivateKeyFile = key\n" INTERFACE PEER,
			  false, false},
			 {"/c/key", KEY_C, false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_string_equal(source_remarks(&made_up),
			    "error:2:1: PrivateKeyFile: there is a PrivateKey already (line 4)\n");
	source_free(&made_up);
}

static void test_preshared_key_and_its_file_exclude_each_other_in_one_peer(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf",
			  INTERFACE PEER "PresharedKey = " KEY_A "\n[Peer]\nPublicKey = " KEY_C
					 "\nAllowedIPs = 10.0.0.0/8\nPresharedKeyFile = key\n",
			  false, false},
			 {"/c/key", KEY_C, false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_int_equal(report_count(made_up.report, REPORT_ERROR), 0);
	source_free(&made_up);
	made_up.file[0].text = INTERFACE PEER "PresharedKeyFile = key\nPresharedKey = " KEY_A "\n";
	made_up.profile = NULL;
	source_parse(&made_up);
	assert_string_equal(source_remarks(&made_up), "error:8:1: PresharedKeyFile: this peer has "
						      "PresharedKey already (line 9)\n");
	source_free(&made_up);
}

static void test_wireguard_file_takes_the_place_of_the_sections(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf", "[Namespace]\nWireGuard = ../etc/wg.conf\n", false,
			  false},
			 {"/c/../etc/wg.conf", INTERFACE PEER, false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->n_peers, 1);
	assert_string_equal(made_up.profile->file[1], "/c/../etc/wg.conf");
	source_free(&made_up);
}

static void test_wireguard_file_and_sections_exclude_each_other(void **state)
{
	(void)state;
	assert_remarks(INTERFACE PEER "[Namespace]\nWireGuard = x\n",
		       "error:9:1: WireGuard: the tunnel is described by [Interface] and [Peer] "
		       "already (line 1)\n");
	assert_remarks(PEER "[Namespace]\nWireGuard = x\nAddress = 1.1.1.1\n",
		       "error:0:0: PrivateKey is missing\n"
		       "error:6:1: WireGuard: the tunnel is described by [Interface] and [Peer] "
		       "already (line 1)\n");
}

static void test_wireguard_file_that_cannot_be_read_is_one_error(void **state)
{
	(void)state;
	assert_remarks("[Namespace]\nWireGuard = x\n",
		       "error:2:1: WireGuard: cannot read '/c/x': No such file or directory\n");
}

static void test_wireguard_file_without_a_tunnel_is_told(void **state)
{
	struct made_up made_up = {
		.file = {{"/c/work.conf", "[Namespace]\nWireGuard = x\n", false, false},
			 {"/c/x", "# nothing\n", false, false}},
	};

	(void)state;
	source_parse(&made_up);
	assert_string_equal(source_remarks(&made_up), "error:0:0: no tunnel is described here\n");
	source_free(&made_up);
}

static void test_dns_outside_allowed_ips_names_both_lines(void **state)
{
	(void)state;
	assert_remarks(INTERFACE "DNS = 10.64.0.1, 9.9.9.9\n" PEER_OF("10.64.0.0/10"),
		       "error:4:18: DNS: '9.9.9.9' lies outside the peers' AllowedIPs (line 7)\n");
	assert_remarks(INTERFACE "DNS = 9.9.9.9\n" PEER_OF("0.0.0.0/1, 128.0.0.0/1"), "");
}

static void test_dns_of_namespace_replaces_that_of_interface(void **state)
{
	struct made_up made_up = source_of(INTERFACE "DNS = 1.1.1.1, a.example\n" PEER_OF(
		"9.0.0.0/8") "[Namespace]\nDNS = 9.9.9.9\n");

	(void)state;
	assert_int_equal(made_up.r, 0);
	assert_int_equal(made_up.profile->n_dns, 1);
	assert_int_equal(made_up.profile->n_search, 0);
	source_free(&made_up);
}

static void test_dns_that_cannot_answer_is_warned_of(void **state)
{
	(void)state;
	assert_remarks(INTERFACE "DNS = 127.0.0.53, fd00::1\n" PEER_OF("0.0.0.0/0, ::/0"),
		       "warning:4:7: DNS: '127.0.0.53' is the namespace's own loopback, where no "
		       "server is unless the command starts one\n"
		       "warning:4:19: DNS: 'fd00::1' cannot be reached without an IPv6 address\n"
		       "note:7:25: AllowedIPs has IPv6 and Address has none: IPv6 destinations are "
		       "unreachable inside\n");
}

static void test_family_without_an_address_is_one_note(void **state)
{
	(void)state;
	assert_remarks(INTERFACE PEER_OF("0.0.0.0/0, ::/0, fd00::/8"),
		       "note:6:25: AllowedIPs has IPv6 and Address has none: IPv6 destinations are "
		       "unreachable inside\n");
	assert_remarks("[Interface]\nPrivateKey = " KEY_A
		       "\nAddress = fd00::1\n" PEER_OF("0.0.0.0/0, ::/0"),
		       "note:6:14: AllowedIPs has IPv4 and Address has none: IPv4 destinations are "
		       "unreachable inside\n");
}

static void test_mtu_below_1280_is_wrong_with_ipv6_only(void **state)
{
	(void)state;
	assert_remarks(INTERFACE "MTU = 1279\n" PEER, "");
	assert_remarks(INTERFACE "MTU = 1280\nAddress = fd00::2\n" PEER, "");
	assert_remarks(INTERFACE "MTU = 1279\nAddress = fd00::2\n" PEER,
		       "error:4:1: MTU: 1279 is too little for the IPv6 address: 1280 at the "
		       "least\n");
}

static void test_tunnel_without_an_endpoint_is_warned_of(void **state)
{
	(void)state;
	assert_remarks(
		INTERFACE "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 0.0.0.0/0\n",
		"warning:4:2: no peer has an Endpoint: the tunnel waits until a peer calls\n");
}

static void test_nat_mode_has_no_tunnel_of_its_own(void **state)
{
	(void)state;
	assert_remarks("[Nat]\nVia = wg0\n[Namespace]\nDNS = 9.9.9.9\n",
		       "later:1:2: [Nat] is not available yet\n");
	assert_remarks(INTERFACE PEER "[Nat]\nVia = wg0\n",
		       "later:8:2: [Nat] is not available yet\n"
		       "error:8:2: [Nat] uses a tunnel of the host's own, and there is an "
		       "[Interface] (line 1)\n"
		       "error:8:2: [Nat] uses a tunnel of the host's own, and there is a [Peer] "
		       "(line 4)\n");
	assert_remarks("[Nat]\n[Namespace]\nDevice = wg1\n",
		       "later:1:2: [Nat] is not available yet\n"
		       "error:1:2: [Nat] has no Via\n"
		       "error:3:1: Device: has no meaning beside [Nat] (line 1)\n");
}

static void test_addresses_of_a_veth_come_in_pairs(void **state)
{
	(void)state;
	assert_remarks("[Nat]\nVia = wg0\nHostAddress = 10.0.0.1\nNamespaceAddress = fc00::1\n",
		       "later:1:2: [Nat] is not available yet\n"
		       "error:3:1: HostAddress: IPv4 here and not in NamespaceAddress\n"
		       "error:4:1: NamespaceAddress: IPv6 here and not in HostAddress\n");
	assert_remarks("[Nat]\nVia = wg0\nHostAddress = fc00::1\nNamespaceAddress = fc00::1/64\n",
		       "later:1:2: [Nat] is not available yet\n"
		       "error:4:1: NamespaceAddress: the same IPv6 address as HostAddress\n");
}

static void test_lan_path_follows_from_what_is_asked(void **state)
{
	struct made_up relay = source_of(INTERFACE PEER "[Lan]\nForward = tcp:1\n"
							"ProxyProtocol = yes\n");
	struct made_up veth = source_of(INTERFACE PEER "[Lan]\nAllow = 10.0.0.1\n");

	(void)state;
	assert_int_equal(relay.r, 0);
	assert_int_equal(relay.profile->lan_path, LAN_PATH_RELAY);
	assert_true(relay.profile->has_proxy_protocol);
	assert_int_equal(veth.r, 0);
	assert_int_equal(veth.profile->lan_path, LAN_PATH_VETH);
	assert_string_equal(source_remarks(&veth),
			    "lasting:8:2: [Lan] is for lasting namespaces (adit up)\n"
			    "note:9:1: Allow: LAN flows go by a veth, not by the relay\n");
	source_free(&relay);
	source_free(&veth);
}

static void test_lan_path_that_cannot_do_it_is_an_error(void **state)
{
	(void)state;
	assert_remarks(INTERFACE PEER "[Lan]\nPath = relay\nHostAddress = 10.0.0.1\n"
				      "NamespaceAddress = 10.0.0.2\n",
		       "lasting:8:2: [Lan] is for lasting namespaces (adit up)\n"
		       "error:10:1: HostAddress: needs Path=veth, and Path says relay (line 9)\n");
	assert_remarks(INTERFACE PEER "[Lan]\nPath = veth\nProxyProtocol = yes\n",
		       "lasting:8:2: [Lan] is for lasting namespaces (adit up)\n"
		       "error:10:1: ProxyProtocol: only the relay can send it, and the path is "
		       "veth\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete_tunnel_needs_no_remark),
		cmocka_unit_test(test_missing_parts_are_named_at_the_interface),
		cmocka_unit_test(test_address_may_stand_in_namespace_but_not_in_both),
		cmocka_unit_test(test_private_key_and_its_file_exclude_each_other),
		cmocka_unit_test(test_preshared_key_and_its_file_exclude_each_other_in_one_peer),
		cmocka_unit_test(test_wireguard_file_takes_the_place_of_the_sections),
		cmocka_unit_test(test_wireguard_file_and_sections_exclude_each_other),
		cmocka_unit_test(test_wireguard_file_that_cannot_be_read_is_one_error),
		cmocka_unit_test(test_wireguard_file_without_a_tunnel_is_told),
		cmocka_unit_test(test_dns_outside_allowed_ips_names_both_lines),
		cmocka_unit_test(test_dns_of_namespace_replaces_that_of_interface),
		cmocka_unit_test(test_dns_that_cannot_answer_is_warned_of),
		cmocka_unit_test(test_family_without_an_address_is_one_note),
		cmocka_unit_test(test_mtu_below_1280_is_wrong_with_ipv6_only),
		cmocka_unit_test(test_tunnel_without_an_endpoint_is_warned_of),
		cmocka_unit_test(test_nat_mode_has_no_tunnel_of_its_own),
		cmocka_unit_test(test_addresses_of_a_veth_come_in_pairs),
		cmocka_unit_test(test_lan_path_follows_from_what_is_asked),
		cmocka_unit_test(test_lan_path_that_cannot_do_it_is_an_error),
	};

	return cmocka_run_group_tests_name("config/check", tests, NULL, NULL);
}
