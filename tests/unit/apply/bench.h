/* One kind of step at a time, in a fresh namespace: for test_step_*.c.  The
 * promises that all kinds keep are test_apply.c's.
 */
#ifndef ADIT_TESTS_UNIT_APPLY_BENCH_H
#define ADIT_TESTS_UNIT_APPLY_BENCH_H

#include "namespace.h"

#include "apply/apply.h"
#include "base/error.h"

static struct host bench_host;
static struct error bench_err;

static inline int bench_setup(void **state)
{
	int r = namespace_setup(state);

	memset(&bench_err, 0, sizeof(bench_err));
	return r == 0 && !namespace_reason ? host_open(&bench_host, NULL) : r;
}

static inline int bench_teardown(void **state)
{
	(void)state;
	host_done(&bench_host);
	return 0;
}

static inline int bench_apply(const struct step *step)
{
	return step_ops[step->kind]->apply(step, &bench_host, &bench_err);
}

static inline int bench_undo(const struct step *step)
{
	return step_ops[step->kind]->undo(step, &bench_host, &bench_err);
}

static inline struct prefix bench_prefix(const char *text)
{
	struct prefix prefix = {0};

	(void)prefix_parse(text, strlen(text), &prefix);
	return prefix;
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

#endif
