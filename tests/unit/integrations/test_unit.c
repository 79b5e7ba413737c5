/* Mirrors src/integrations/unit.c; systemd is made up. */
#include "cmocka_all.h"

#include "integrations/unit.h"

#include "base/error.h"
#include "integrations/systemd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct {
	const char *property;
	const char *value;
} known[] = {
	{"LoadState", "loaded"}, {"Type", "notify"},	      {"RestrictAddressFamilies", "~"},
	{"TriggeredBy", ""},	 {"AmbientCapabilities", ""}, {"Accept", "no"},
};
static char asked[16][300]; /* for what, since start() */
static size_t n_asked;

static void know(const char *property, const char *value)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].property, property) == 0)
			known[i].value = value;
}

static int start(void **state)
{
	(void)state;
	know("LoadState", "loaded");
	know("Type", "notify");
	know("RestrictAddressFamilies", "~");
	know("TriggeredBy", "");
	know("AmbientCapabilities", "");
	know("Accept", "no");
	n_asked = 0;
	return 0;
}

int systemd_property(const char *unit, const char *property, char *ret, size_t size,
		     struct error *err)
{
	(void)err;
	(void)snprintf(asked[n_asked++ % 16], sizeof(asked[0]), "%s", unit);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].property, property) == 0)
			(void)snprintf(ret, size, "%s", known[i].value);
	return 0;
}

static int look(const char *word, struct unit *ret, struct error *err)
{
	int r = unit_name(word, ret, err);

	return r == 0 ? unit_look(ret, err) : r;
}

static void test_a_name_without_an_ending_is_a_services(void **state)
{
	struct unit unit;

	(void)state;
	assert_int_equal(unit_name("web", &unit, NULL), 0);
	assert_string_equal(unit.name, "web.service");
	assert_string_equal(unit.path, "/etc/systemd/system/web.service.d/adit.conf");
	assert_int_equal(unit_name("org.example.web", &unit, NULL), 0);
	assert_string_equal(unit.name, "org.example.web.service");
	assert_int_equal(unit_name("web.service", &unit, NULL), 0);
	assert_string_equal(unit.name, "web.service");
}

static void test_names_that_could_be_paths_are_refused(void **state)
{
	static const char *const words[] = {"", "../web", "a/b", ".", "..", "-web", "a b", "a\n"};
	char too_long[UNIT_NAME_LEN + 1];
	struct unit unit;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(unit_name(words[i], &unit, NULL), -EINVAL);
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[sizeof(too_long) - 1] = '\0';
	assert_int_equal(unit_name(too_long, &unit, NULL), -EINVAL);
}

static void test_what_is_no_service_names_what_to_name(void **state)
{
	static const char *const words[] = {"web.socket", "web.timer", "multi-user.target"};
	struct unit unit;

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct error err = {0};

		assert_int_equal(unit_name(words[i], &unit, &err), -EINVAL);
		assert_non_null(strstr(err.hint, "name the service"));
	}
}

static void test_containers_are_told_by_their_template(void **state)
{
	struct unit unit;

	(void)state;
	assert_int_equal(unit_name("systemd-nspawn@box", &unit, NULL), 0);
	assert_int_equal(unit.kind, DROPIN_CONTAINER);
	assert_int_equal(unit_name("container@box", &unit, NULL), 0);
	assert_int_equal(unit.kind, DROPIN_CONTAINER);
	assert_int_equal(unit_name("web@box", &unit, NULL), 0);
	assert_int_equal(unit.kind, DROPIN_SERVICE);
}

static void test_a_template_is_asked_for_by_an_instance(void **state)
{
	struct unit unit;

	(void)state;
	know("Accept", "no");
	assert_int_equal(look("web@", &unit, NULL), 0);
	assert_string_equal(asked[0], "web@adit.service");
	assert_string_equal(unit.path, "/etc/systemd/system/web@.service.d/adit.conf");
	n_asked = 0;
	assert_int_equal(look("web@box", &unit, NULL), 0);
	assert_string_equal(asked[0], "web@box.service");
	assert_int_equal(unit.n_sockets, 0);
}

static void test_the_socket_of_a_template_is_the_one_of_its_name_that_accepts(void **state)
{
	struct unit unit;

	(void)state;
	know("Accept", "yes");
	assert_int_equal(look("web@", &unit, NULL), 0);
	assert_int_equal(unit.n_sockets, 1);
	assert_string_equal(unit.socket[0], "web.socket");
}

static void test_its_sockets_are_found_among_what_starts_it(void **state)
{
	struct unit unit;

	(void)state;
	know("TriggeredBy", "web.timer web.socket web-tls.socket");
	assert_int_equal(look("web", &unit, NULL), 0);
	assert_int_equal(unit.n_sockets, 2);
	assert_string_equal(unit.socket[0], "web.socket");
	assert_string_equal(unit.socket[1], "web-tls.socket");
	know("TriggeredBy", "a.socket b.socket c.socket d.socket e.socket f.socket g.socket "
			    "h.socket i.socket");
	assert_int_equal(look("web", &unit, NULL), -E2BIG);
}

static void test_a_unit_that_is_not_there_is_an_error(void **state)
{
	struct unit unit;
	struct error err = {0};

	(void)state;
	know("LoadState", "not-found");
	assert_int_equal(look("web", &unit, &err), -ENOENT);
	assert_string_equal(err.what, "there is no unit 'web.service' (not-found)");
}

static void test_what_others_would_act_for_is_refused(void **state)
{
	struct unit unit;
	struct error err = {0};

	(void)state;
	know("Type", "dbus");
	assert_int_equal(look("web", &unit, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.what, "Type=dbus"));
	know("Type", "simple");
	know("AmbientCapabilities", "cap_chown cap_net_admin");
	assert_int_equal(look("web", &unit, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.what, "AmbientCapabilities="));
	know("AmbientCapabilities", "cap_net_bind_service");
	assert_int_equal(look("web", &unit, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_name_without_an_ending_is_a_services, start),
		cmocka_unit_test_setup(test_names_that_could_be_paths_are_refused, start),
		cmocka_unit_test_setup(test_what_is_no_service_names_what_to_name, start),
		cmocka_unit_test_setup(test_containers_are_told_by_their_template, start),
		cmocka_unit_test_setup(test_a_template_is_asked_for_by_an_instance, start),
		cmocka_unit_test_setup(
			test_the_socket_of_a_template_is_the_one_of_its_name_that_accepts, start),
		cmocka_unit_test_setup(test_its_sockets_are_found_among_what_starts_it, start),
		cmocka_unit_test_setup(test_a_unit_that_is_not_there_is_an_error, start),
		cmocka_unit_test_setup(test_what_others_would_act_for_is_refused, start),
	};

	return cmocka_run_group_tests_name("integrations/unit", tests, NULL, NULL);
}
