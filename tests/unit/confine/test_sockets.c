/* Mirrors src/confine/sockets.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/host.h"
#include "confine/options.h"
#include "confine/sockets.h"
#include "confine/view.h"
#include "folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define HEADER "Num       RefCount Protocol Flags    Type St Inode Path\n"
#define LINE   "0000000000000000: 00000002 00000000 00010000 0001 01 12345"

static struct error err;
static char home[64];

/* /tmp is a tree that is dead anyway, so the folder is looked at elsewhere. */
static int setup(void **state)
{
	const char *places[] = {"/var/lib", getenv("HOME")};

	(void)state;
	for (size_t i = 0; i < 2 && places[i]; i++) {
		(void)snprintf(folder, sizeof(folder), "%.40s/adit-test-XXXXXX", places[i]);
		if (!mkdtemp(folder))
			continue;
		(void)snprintf(home, sizeof(home), "%s", folder);
		return 0;
	}
	return -1;
}

static struct view_plan *cover(const char *names, const struct confine_options *options)
{
	char text[2048];
	const struct view_host host = {.options = options, .unix_sockets = text};
	struct view_plan *plan = view_new();

	(void)snprintf(text, sizeof(text), HEADER LINE " %s/%s\n", home, names);
	assert_int_equal(sockets_add_covers(&host, plan, &err), 0);
	return plan;
}

static size_t count_covers(const struct view_plan *plan, const char *path)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_steps; i++)
		n += plan->step[i].kind == VIEW_BIND && strcmp(plan->step[i].target, path) == 0;
	return n;
}

static void make_socket(const char *name)
{
	assert_int_equal(mknod(folder_path(name), S_IFSOCK | 0600, 0), 0);
}

static void test_every_socket_of_a_folder_is_covered(void **state)
{
	static const struct confine_options options = {0};
	struct view_plan *plan;

	(void)state;
	make_socket("bound");
	make_socket("moved-here");
	assert_true(folder_write("file", "text", 0600));
	plan = cover("gone-from-here", &options);
	assert_int_equal(count_covers(plan, folder_path("bound")), 1);
	assert_int_equal(count_covers(plan, folder_path("moved-here")), 1);
	assert_int_equal(count_covers(plan, folder_path("file")), 0);
	assert_int_equal(plan->n_steps, 3);
	view_free(plan);
}

static void test_a_folder_is_looked_at_once_whatever_its_name(void **state)
{
	static const struct confine_options options = {0};
	struct view_plan *plan;
	char more[512];

	(void)state;
	make_socket("bound");
	assert_int_equal(symlink(home, folder_path("link")), 0);
	(void)snprintf(more, sizeof(more), "bound\n" LINE " %s/link/bound", home);
	plan = cover(more, &options);
	assert_int_equal(count_covers(plan, folder_path("bound")), 1);
	assert_int_equal(plan->n_steps, 2);
	view_free(plan);
}

static void test_trees_with_views_of_their_own_are_passed_over(void **state)
{
	static const struct confine_options options = {0};
	static const char text[] = HEADER LINE " /run/a\n" LINE " /tmp/b\n" LINE " /etc/c\n" LINE
					       " /dev/shm/d\n" LINE " /nonexistent/e\n";
	const struct view_host host = {.options = &options, .unix_sockets = text};
	struct view_plan *plan = view_new();

	(void)state;
	assert_int_equal(sockets_add_covers(&host, plan, &err), 0);
	assert_int_equal(plan->n_steps, 1); /* the dead socket to cover with */
	view_free(plan);
}

static void test_what_is_shared_stays_alive(void **state)
{
	static const struct confine_options options = {0};
	char text[1024];
	const struct view_host host = {.options = &options, .unix_sockets = text};
	struct view_plan *plan = view_new();

	(void)state;
	make_socket("shared");
	make_socket("other");
	(void)snprintf(text, sizeof(text), HEADER LINE " %s/shared\n", home);
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH,
					   .source = folder_path("shared"),
					   .target = folder_path("shared"),
					   .flags = VIEW_SHARED});
	assert_int_equal(sockets_add_covers(&host, plan, &err), 0);
	assert_int_equal(count_covers(plan, folder_path("shared")), 0);
	assert_int_equal(count_covers(plan, folder_path("other")), 1);
	view_free(plan);
}

static void test_too_many_folders_are_an_error_and_not_a_gap(void **state)
{
	static const struct confine_options options = {0};
	static char text[600 * 160];
	const struct view_host host = {.options = &options, .unix_sockets = text};
	struct view_plan *plan = view_new();
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 600; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "d%d", i);
		assert_int_equal(mkdir(folder_path(name), 0700), 0);
		len += (size_t)snprintf(text + len, sizeof(text) - len, LINE " %s/d%d/s\n", home,
					i);
	}
	assert_int_equal(sockets_add_covers(&host, plan, &err), -E2BIG);
	view_free(plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_socket_of_a_folder_is_covered),
		TEST(test_a_folder_is_looked_at_once_whatever_its_name),
		cmocka_unit_test(test_trees_with_views_of_their_own_are_passed_over),
		TEST(test_what_is_shared_stays_alive),
		TEST(test_too_many_folders_are_an_error_and_not_a_gap),
	};

	return cmocka_run_group_tests_name("confine/sockets", tests, NULL, NULL);
}
