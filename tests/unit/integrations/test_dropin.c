/* Mirrors src/integrations/dropin.c */
#include "cmocka_all.h"

#include "integrations/dropin.h"

#include "base/text.h"

#include <string.h>

static char buffer[8192];

static const char *print(enum dropin_kind kind, enum dropin_form form, const char *unit,
			 const char *families)
{
	const struct dropin dropin = {
		.kind = kind,
		.unit = unit,
		.name = "media",
		.netns = "/run/netns/media",
		.resolv_conf = "/run/adit/netns/media/resolv.conf",
		.nsswitch = "/run/adit/netns/media/nsswitch.conf",
		.families = families,
	};
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	dropin_print(&dropin, form, &text);
	assert_false(text.is_truncated);
	return buffer;
}

static void assert_has(const char *text, const char *line)
{
	if (!strstr(text, line))
		fail_msg("'%s' is not in:\n%s", line, text);
}

static void test_a_service_is_bound_to_the_namespace_and_waits_for_the_supervisor(void **state)
{
	const char *text = print(DROPIN_SERVICE, DROPIN_UNIT, "web.service", "~");

	(void)state;
	assert_true(text_starts_with(text, DROPIN_MARK));
	assert_has(text, "\n[Unit]\n");
	assert_has(text, "\nBindsTo=adit-netns@media.service\n");
	assert_has(text, "\nAfter=adit-netns@media.service adit@media.service dbus.service "
			 "nscd.service avahi-daemon.service systemd-resolved.service\n");
	assert_has(text, "\n[Service]\nNetworkNamespacePath=/run/netns/media\n");
	assert_has(text, "\nBindReadOnlyPaths=/run/adit/netns/media/resolv.conf:/etc/resolv.conf "
			 "/run/adit/netns/media/nsswitch.conf:/etc/nsswitch.conf\n");
	assert_has(text, "\nCapabilityBoundingSet=~CAP_NET_ADMIN CAP_SYS_ADMIN CAP_SYS_PTRACE\n");
}

static void test_families_of_the_units_own_are_narrowed_and_never_widened(void **state)
{
	static const struct {
		const char *own;
		const char *result;
	} cases[] = {
		{"~", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"},
		{"~AF_INET6 AF_PACKET", "AF_UNIX AF_INET AF_NETLINK"},
		{"AF_INET AF_VSOCK", "AF_INET"},
		{"AF_INET6", "AF_INET6"},
		{"AF_VSOCK", "none"},
		{"", "none"},
	};
	char line[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text;

		text_init(&text, line, sizeof(line));
		text_add(&text, "\nRestrictAddressFamilies=\nRestrictAddressFamilies=%s\n",
			 cases[i].result);
		assert_has(print(DROPIN_SERVICE, DROPIN_UNIT, "web.service", cases[i].own), line);
	}
}

static void test_a_socket_listens_inside(void **state)
{
	const char *text = print(DROPIN_SOCKET, DROPIN_UNIT, "web.socket", "");

	(void)state;
	assert_has(text, "\n[Socket]\n");
	assert_has(text, "\nAfter=adit-netns@media.service adit@media.service\n");
	assert_has(text, "\nNetworkNamespacePath=/run/netns/media\n");
	assert_null(strstr(text, "[Service]"));
}

static void test_a_container_has_a_user_namespace_and_the_names_of_the_tunnel(void **state)
{
	const char *text = print(DROPIN_CONTAINER, DROPIN_UNIT, "systemd-nspawn@box.service", "~");

	(void)state;
	assert_has(text, "\nExecStart=\nExecStart=systemd-nspawn ");
	assert_has(text, " --private-users=pick ");
	assert_has(text, "\nNetworkNamespacePath=/run/netns/media\n");
	assert_has(text, " --resolv-conf=bind-host ");
	assert_has(text,
		   "\nBindReadOnlyPaths=/run/adit/netns/media/resolv.conf:/etc/resolv.conf\n");
	assert_has(text, " --machine=%i\n");
	assert_null(strstr(text, "--network-"));
}

static void test_the_same_for_configuration_nix(void **state)
{
	const char *text = print(DROPIN_SERVICE, DROPIN_NIX, "web.service", "~");

	(void)state;
	assert_true(text_starts_with(text, "systemd.services.\"web\" = {\n"));
	assert_has(text, "  bindsTo = [ \"adit-netns@media.service\" ];\n");
	assert_has(text, "  after = [ \"adit-netns@media.service\" \"adit@media.service\" "
			 "\"dbus.service\" ");
	assert_has(text, "  serviceConfig = {\n    NetworkNamespacePath = \"/run/netns/media\";\n");
	assert_null(strstr(text, "RestrictAddressFamilies = \"\""));
	text = print(DROPIN_SOCKET, DROPIN_NIX, "web.socket", "");
	assert_true(text_starts_with(text, "systemd.sockets.\"web\" = {\n"));
	text = print(DROPIN_CONTAINER, DROPIN_NIX, "container@box.service", "~");
	assert_has(text, "systemd.services.\"container@box\" = {\n");
	assert_has(text, "containers.\"box\".extraFlags = [\n"
			 "  \"--private-users=pick\"\n");
	assert_has(text, "  serviceConfig = {\n    NetworkNamespacePath = \"/run/netns/media\";\n");
}

static void test_files_with_keys_are_out_of_sight(void **state)
{
	char *paths[] = {(char[]){"/etc/adit/media.conf"}, (char[]){"/etc/wg \"100%\" $x.conf"}};
	struct dropin dropin = {.kind = DROPIN_SERVICE,
				.unit = "web.service",
				.name = "media",
				.netns = "/run/netns/media",
				.resolv_conf = "/r",
				.nsswitch = "/n",
				.families = "~",
				.hidden = paths,
				.n_hidden = 2};
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	dropin_print(&dropin, DROPIN_UNIT, &text);
	assert_has(buffer, " -/run/user -/run/adit -/etc/adit "
			   "-/etc/wg\\ \\\"100%%\\\"\\ $x.conf\n");
	text_init(&text, buffer, sizeof(buffer));
	dropin_print(&dropin, DROPIN_NIX, &text);
	assert_has(buffer, " -/etc/adit -/etc/wg\\\\ \\\\\\\"100%%\\\\\\\"\\\\ \\$x.conf\";\n");
}

/* One key may be there once in an attribute set. */
static void test_no_key_is_there_twice_for_nix(void **state)
{
	static const char key[] = "    InaccessiblePaths = ";
	const char *first = strstr(print(DROPIN_SERVICE, DROPIN_NIX, "web.service", "~"), key);

	(void)state;
	assert_non_null(first);
	assert_null(strstr(first + 1, key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_a_service_is_bound_to_the_namespace_and_waits_for_the_supervisor),
		cmocka_unit_test(test_families_of_the_units_own_are_narrowed_and_never_widened),
		cmocka_unit_test(test_a_socket_listens_inside),
		cmocka_unit_test(test_a_container_has_a_user_namespace_and_the_names_of_the_tunnel),
		cmocka_unit_test(test_the_same_for_configuration_nix),
		cmocka_unit_test(test_files_with_keys_are_out_of_sight),
		cmocka_unit_test(test_no_key_is_there_twice_for_nix),
	};

	return cmocka_run_group_tests_name("integrations/dropin", tests, NULL, NULL);
}
