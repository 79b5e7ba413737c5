/* Mirrors src/apply/survey.c: a namespace made by a plan is found to be so, and made
 * so again whatever somebody did to it.
 */
#include "cmocka_all.h"

#include "apply/snapshot.h"
#include "namespace.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/error.h"
#include "net/nft.h"
#include "net/tun.h"
#include "plan/diff.h"
#include "plan/print.h"
#include "plan/ruleset.h"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

enum { TEXT_LEN = 8192 };

static const struct plan_environment environment = {.ping_gid = NAMESPACE_ID, .has_ipv6 = true};
static struct profile profile;
static struct prefix allowed_ips[3];
static struct profile_peer peer = {.allowed_ip = allowed_ips, .n_allowed_ips = 3};
static struct host host;
static struct record record;
static struct plan named;
static struct error err;

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix = {0};

	(void)prefix_parse(text, strlen(text), &prefix);
	return prefix;
}

static void make_profile(void)
{
	memset(&profile, 0, sizeof(profile));
	(void)snprintf(profile.device, sizeof(profile.device), "wg0");
	profile.address[0] = make_prefix("10.2.0.2/24");
	profile.address[1] = make_prefix("fd00::2/64");
	profile.n_addresses = 2;
	allowed_ips[0] = make_prefix("0.0.0.0/1");
	allowed_ips[1] = make_prefix("128.0.0.0/1");
	allowed_ips[2] = make_prefix("::/0");
	profile.peer = &peer;
	profile.n_peers = 1;
	profile.accept[0] =
		(struct profile_accept){.protocol = PROTOCOL_TCP, .ports = {1111, 1111}};
	profile.n_accepts = 1;
}

static int setup(void **state)
{
	int r = namespace_setup(state);

	make_profile();
	memset(&err, 0, sizeof(err));
	record = (struct record){0};
	if (r < 0 || namespace_reason)
		return r;
	r = plan_named(&profile, &environment, BACKEND_USERSPACE, &named, &err);
	if (r == 0)
		r = host_open(&host, &err);
	host.record = &record;
	return r;
}

static int teardown(void **state)
{
	(void)state;
	host_done(&host);
	record_done(&record);
	plan_done(&named);
	return 0;
}

/* What differs from the plan, as lines. */
static const char *differences(const struct plan *desired)
{
	static char buffer[TEXT_LEN];
	struct plan changes = {0};
	struct survey survey;
	struct text text;

	if (survey_network(&host, desired, &survey, &err) < 0)
		fail_msg("%s", err.what);
	assert_int_equal(plan_diff(desired, &survey.plan, &changes, &err), 0);
	text_init(&text, buffer, sizeof(buffer));
	for (size_t i = 0; i < changes.n_steps; i++) {
		print_step(&changes.step[i], &text);
		text_add(&text, "\n");
	}
	survey_done(&survey);
	plan_done(&changes);
	return buffer;
}

static int repair(const struct plan *desired)
{
	int r = survey_repair(&host, desired, NULL, NULL, &err);

	if (r < 0)
		fail_msg("%s", err.what);
	assert_string_equal(differences(desired), "");
	return r;
}

static void test_a_new_namespace_is_sealed_then_named_and_then_as_it_should_be(void **state)
{
	struct plan seal = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(plan_seal(&environment, &seal, &err), 0);
	assert_true(repair(&seal) > 10);
	assert_int_equal(survey_repair(&host, &seal, NULL, NULL, &err), 0);
	assert_true(repair(&named) > 5);
	assert_true(host.tun_fd >= 0);
	assert_int_equal(repair(&named), 0);
	plan_done(&seal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_new_namespace_is_sealed_then_named_and_then_as_it_should_be, setup,
			teardown),
	};

	return cmocka_run_group_tests_name("apply/survey", tests, namespace_group_setup, NULL);
}
