/* Mirrors src/dataplane/events.c */
#include "cmocka_all.h"

#include "dataplane/events.h"

#include <sys/eventfd.h>
#include <unistd.h>

static const struct instant start = {NS_PER_S};

/* What was told since the last call. */
static uint64_t take(const struct events *events)
{
	uint64_t n;

	return read(events->fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void test_what_happens_is_told(void **state)
{
	struct events events = {.fd = eventfd(0, EFD_NONBLOCK)};

	(void)state;
	events_tell(&events);
	events_tell(&events);
	assert_int_equal(take(&events), 2);
	(void)close(events.fd);
}

static void test_what_strangers_can_cause_is_told_rarely(void **state)
{
	struct events events = {.fd = eventfd(0, EFD_NONBLOCK)};

	(void)state;
	events_tell_rarely(&events, EVENT_ICMP, start);
	events_tell_rarely(&events, EVENT_ICMP, instant_add(start, EVENTS_PERIOD_NS - 1));
	assert_int_equal(take(&events), 1);
	events_tell_rarely(&events, EVENT_BAD_RESPONSE, instant_add(start, 1));
	assert_int_equal(take(&events), 1);
	events_tell_rarely(&events, EVENT_ICMP, instant_add(start, EVENTS_PERIOD_NS));
	assert_int_equal(take(&events), 1);
	(void)close(events.fd);
}

static void test_nobody_needs_to_listen(void **state)
{
	struct events events = {.fd = -1};

	(void)state;
	events_tell(&events);
	events_tell_rarely(&events, EVENT_SEND_FAILED, start);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_happens_is_told),
		cmocka_unit_test(test_what_strangers_can_cause_is_told_rarely),
		cmocka_unit_test(test_nobody_needs_to_listen),
	};

	return cmocka_run_group_tests_name("dataplane/events", tests, NULL, NULL);
}
