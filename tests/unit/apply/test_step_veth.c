/* Mirrors src/apply/step_veth.c: the host is the test's namespace, inside another one. */
#include "cmocka_all.h"

#include "namespace.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/error.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/nlsock.h"
#include "plan/diff.h"

static struct host inside;
static struct host host;
static struct record record;

static const struct step veth = {
	.kind = STEP_VETH_CREATE,
	.side = SIDE_HOST,
	.veth = {"ve-media", "eth-lan", ""},
};

/* A desired plan of one step. */
static struct plan one = {
	.n_steps = 1,
	.side = SIDE_HOST,
	.host_link = "ve-media",
	.host_table = "adit-media",
};

static int setup(void **state)
{
	static struct step step;
	int netns = -1;
	int r = namespace_setup(state);

	if (r < 0 || namespace_reason)
		return r;
	step = veth;
	one.step = &step;
	r = host_open(&inside, NULL);
	if (r == 0)
		r = netns_open_process(0, &netns, NULL);
	if (r == 0)
		r = namespace_setup(state);
	if (r == 0)
		r = host_open(&host, NULL);
	host.netns = netns;
	host.record = &record;
	return r;
}

static int teardown(void **state)
{
	(void)state;
	if (namespace_reason)
		return 0;
	(void)close(host.netns);
	host_done(&host);
	host_done(&inside);
	record_done(&record);
	return 0;
}

static int carry_out(const struct step *step, struct error *err)
{
	return step_ops[STEP_VETH_CREATE]->apply(step, &host, err);
}

static int undo(const struct step *step)
{
	return step_ops[STEP_VETH_CREATE]->undo(step, &host, NULL);
}

static bool has(struct host *where, const char *name)
{
	struct link_info link;

	return link_get(where->route, name, &link, NULL) == 0;
}

static void test_one_end_is_made_here_and_the_other_inside(void **state)
{
	struct link_info link;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(carry_out(&veth, NULL), 0);
	assert_int_equal(link_get(host.route, "ve-media", &link, NULL), 0);
	assert_int_equal(record.veth, link.index);
	assert_false(link.flags & IFF_UP);
	assert_true(has(&inside, "eth-lan"));
	assert_false(has(&host, "eth-lan"));
	assert_int_equal(undo(&veth), 0);
	assert_int_equal(undo(&veth), 0);
	assert_int_equal(record.veth, 0);
	assert_false(has(&inside, "eth-lan"));
}

static void test_what_is_there_stays(void **state)
{
	const struct link_new other = {.name = "ve-media", .kind = "veth", .peer = "x"};
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(link_create(host.route, &other, NULL), 0);
	assert_int_equal(carry_out(&veth, &err), -EEXIST);
	assert_true(has(&host, "ve-media"));
	assert_false(has(&inside, "eth-lan"));
}

static void test_without_the_other_namespace_it_is_an_error(void **state)
{
	int netns = host.netns;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	host.netns = -1;
	assert_int_equal(carry_out(&veth, &err), -EINVAL);
	host.netns = netns;
}

static int repair(struct error *err)
{
	return survey_repair(&host, &one, NULL, NULL, err);
}

static void test_an_end_that_was_renamed_or_deleted_is_made_anew(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(repair(NULL), 1);
	assert_int_equal(repair(NULL), 0);
	assert_int_equal(link_rename(inside.route, "eth-lan", "other", NULL), 0);
	assert_int_equal(repair(NULL), 2);
	assert_true(has(&inside, "eth-lan"));
	assert_false(has(&inside, "other"));
	assert_int_equal(link_rename(host.route, "ve-media", "other", NULL), 0);
	assert_int_equal(repair(NULL), 2);
	assert_true(has(&host, "ve-media"));
	assert_false(has(&host, "other"));
	assert_int_equal(link_delete(inside.route, "eth-lan", NULL), 0);
	assert_int_equal(repair(NULL), 1);
}

static void test_without_a_record_it_is_known_by_its_other_end(void **state)
{
	struct plan nothing = one;

	(void)state;
	NAMESPACE_OR_SKIP();
	assert_int_equal(repair(NULL), 1);
	record.veth = 0;
	assert_int_equal(repair(NULL), 0);
	record.veth = 0;
	nothing.n_steps = 0;
	assert_int_equal(survey_repair(&host, &nothing, NULL, NULL, NULL), 1);
	assert_false(has(&host, "ve-media"));
}

static void test_a_link_of_somebody_elses_is_in_the_way_and_stays(void **state)
{
	const struct link_new other = {.name = "ve-media", .kind = "veth", .peer = "x"};
	struct plan nothing = one;
	struct error err;

	(void)state;
	NAMESPACE_OR_SKIP();
	nothing.n_steps = 0;
	assert_int_equal(link_create(host.route, &other, NULL), 0);
	assert_int_equal(repair(&err), -EEXIST);
	assert_non_null(strstr(err.what, "is not adit's"));
	assert_int_equal(survey_repair(&host, &nothing, NULL, NULL, NULL), 0);
	assert_true(has(&host, "ve-media"));
}

#define PAIR(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIR(test_one_end_is_made_here_and_the_other_inside),
		PAIR(test_what_is_there_stays),
		PAIR(test_without_the_other_namespace_it_is_an_error),
		PAIR(test_an_end_that_was_renamed_or_deleted_is_made_anew),
		PAIR(test_without_a_record_it_is_known_by_its_other_end),
		PAIR(test_a_link_of_somebody_elses_is_in_the_way_and_stays),
	};

	return cmocka_run_group_tests_name("apply/step_veth", tests, namespace_group_setup, NULL);
}
