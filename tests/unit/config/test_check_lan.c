/* Mirrors src/config/check_lan.c */
#include "cmocka_all.h"

#include "source.h"

#define TUNNEL                                                                                     \
	"[Interface]\nPrivateKey = " KEY_A "\nAddress = 10.66.0.2\nDNS = 10.66.0.1\n"              \
	"[Peer]\nPublicKey = " KEY_B "\nEndpoint = 192.0.2.1:51820\n"
#define ALL    "AllowedIPs = 0.0.0.0/0, ::/0\n"
#define HALVES "AllowedIPs = 0.0.0.0/1, 128.0.0.0/1, ::/0\n"
#define SOME   "AllowedIPs = 10.0.0.0/8, ::/0\n"

static void expect(const char *text, const char *remark)
{
	struct made_up made_up = source_of(text);
	const char *remarks = source_remarks(&made_up);

	if (!strstr(remarks, remark))
		fail_msg("not said: %s\nbut: %s", remark, remarks);
	source_free(&made_up);
}

static void expect_fine(const char *text)
{
	struct made_up made_up = source_of(text);

	if (made_up.r != 0)
		fail_msg("%s", source_remarks(&made_up));
	source_free(&made_up);
}

static void test_addresses_apart_from_everything_are_fine(void **state)
{
	(void)state;
	expect_fine(TUNNEL ALL
		    "[Lan]\nHostAddress = 192.168.10.10\n"
		    "NamespaceAddress = 192.168.10.11\nAllow = 192.168.1.0/24 tcp:445\n");
	expect_fine(TUNNEL HALVES "[Lan]\nHostAddress = 192.168.10.10\n"
				  "NamespaceAddress = 192.168.10.11\nAllow = 192.168.1.7\n");
}

static void test_an_end_that_is_the_tunnels_or_a_servers_names_both_lines(void **state)
{
	(void)state;
	expect(TUNNEL ALL "[Lan]\nHostAddress = 10.66.0.1\nNamespaceAddress = 10.66.0.2\n",
	       "error:10:1: HostAddress: 10.66.0.1/32 and the DNS server 10.66.0.1/32 overlap "
	       "(line 4)\n");
	expect(TUNNEL ALL "[Lan]\nHostAddress = 10.66.0.1\nNamespaceAddress = 10.66.0.2\n",
	       "error:11:1: NamespaceAddress: 10.66.0.2/32 and the tunnel's address 10.66.0.2/32 "
	       "overlap (line 3)\n");
}

static void test_an_end_inside_narrow_allowed_ips_names_both_lines(void **state)
{
	(void)state;
	expect(TUNNEL SOME "[Lan]\nHostAddress = 10.1.0.1\nNamespaceAddress = 10.1.0.2\n",
	       "error:10:1: HostAddress: 10.1.0.1/32 and AllowedIPs 10.0.0.0/8 overlap (line 8)\n");
}

static void test_what_is_allowed_takes_nothing_from_the_tunnel(void **state)
{
	(void)state;
	expect(TUNNEL ALL "[Lan]\nAllow = 10.66.0.0/16\n",
	       "error:10:9: Allow: 10.66.0.0/16 and the DNS server 10.66.0.1/32 overlap (line "
	       "4)\n");
	expect(TUNNEL ALL "[Lan]\nAllow = 10.66.0.2 tcp:1\n", "the tunnel's address");
	expect(TUNNEL SOME "[Lan]\nAllow = 10.3.0.0/16\n", "AllowedIPs 10.0.0.0/8 overlap");
	expect(TUNNEL ALL "[Lan]\nAllow = 0.0.0.0/1\n",
	       "Allow: a network that wide is no LAN: /8 at the widest");
	expect(TUNNEL ALL "[Lan]\nAllow = ::/0\n",
	       "Allow: a network that wide is no LAN: /16 at the widest");
}

static void test_lo_is_not_forwarded_by_a_veth(void **state)
{
	(void)state;
	expect(TUNNEL ALL "[Lan]\nPath = veth\nForward = lo/tcp:80\n",
	       "error:11:11: Forward: the path is veth, which does not go by lo\n");
	expect(TUNNEL ALL "[Lan]\nPath = veth\nForward = 127.0.0.1/tcp:80\n", "does not go by lo");
	expect(TUNNEL ALL "[Lan]\nPath = veth\nForward = ::1/tcp:80\n", "does not go by lo");
	expect_fine(TUNNEL ALL "[Lan]\nForward = lo/tcp:80\n");
}

static void test_a_veth_needs_a_namespace_of_adits_own(void **state)
{
	(void)state;
	expect(TUNNEL ALL "[Namespace]\nPath = /run/netns/x\n[Lan]\nPath = veth\n",
	       "error:12:1: Path: a veth needs a namespace of adit's own, and Path says another "
	       "(line 10)\n");
	expect(TUNNEL ALL "[Namespace]\nPath = /run/netns/x\n[Lan]\nAllow = 192.168.1.7\n",
	       "error:12:1: Allow: a veth needs a namespace of adit's own");
	expect_fine(TUNNEL ALL "[Namespace]\nPath = /run/netns/x\n[Lan]\nForward = tcp:80\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_apart_from_everything_are_fine),
		cmocka_unit_test(test_an_end_that_is_the_tunnels_or_a_servers_names_both_lines),
		cmocka_unit_test(test_an_end_inside_narrow_allowed_ips_names_both_lines),
		cmocka_unit_test(test_what_is_allowed_takes_nothing_from_the_tunnel),
		cmocka_unit_test(test_lo_is_not_forwarded_by_a_veth),
		cmocka_unit_test(test_a_veth_needs_a_namespace_of_adits_own),
	};

	return cmocka_run_group_tests_name("config/check_lan", tests, NULL, NULL);
}
