/* Mirrors src/confine/layer.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "confine/layer.h"
#include "confine/mounts.h"
#include "confine/view.h"
#include "folder.h"
#include "mount_namespace.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static struct error err;
static struct view_plan *plan;
static struct mount_list mounts;
static char tree[96];
static char store[96];

static int setup(void **state)
{
	if (folder_make(state) < 0)
		return -1;
	plan = view_new();
	(void)snprintf(tree, sizeof(tree), "%s/tree", folder);
	(void)snprintf(store, sizeof(store), VIEW_PRIVATE "/store");
	return plan && folder_write("tree/file", "host", 0644) &&
			       folder_write("tree/sub/file", "below", 0644) &&
			       folder_write("tree/mounted/under", "hidden", 0644) &&
			       symlink("file", folder_path("tree/link")) == 0
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	view_free(plan);
	mounts_free(&mounts);
	return folder_remove(state);
}

static bool has_text(const char *name, const char *text)
{
	char found[64] = "";
	FILE *file = fopen(folder_path(name), "r");

	if (!file)
		return false;
	(void)!fgets(found, sizeof(found), file);
	(void)fclose(file);
	return strcmp(found, text) == 0;
}

static int bind_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", folder_path(name));
	return bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0
		       ? fd
		       : -1;
}

static int connect_errno(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int r;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", folder_path(name));
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
	(void)close(fd);
	return r;
}

static int apply(const struct layer_extra *extra, size_t n_extras, bool is_writable)
{
	const struct layer layer = {
		.plan = plan,
		.mounts = &mounts,
		.path = tree,
		.extra = extra,
		.n_extras = n_extras,
		.store = is_writable ? store : NULL,
		.store_instead = is_writable ? store : NULL,
	};

	if (mounts_read(&mounts, &err) < 0)
		return -1;
	view_add(plan, &(struct view_step){.kind = VIEW_FILESYSTEM,
					   .source = "tmpfs",
					   .target = VIEW_PRIVATE,
					   .content = "mode=755"});
	for (int i = 0; is_writable && i < 3; i++) {
		static const char *const names[] = {"", "/upper", "/work"};

		view_add(plan,
			 &(struct view_step){.kind = VIEW_FOLDER,
					     .target = view_format(plan, "%s%s", store, names[i]),
					     .mode = 0755});
	}
	layer_add(&layer);
	return view_apply(plan, &err);
}

static int see_through_an_overlay(void)
{
	static const struct layer_extra extra[] = {{"file", "ours"}, {"made", NULL}};
	struct stat status;

	MUST(bind_socket("tree/socket") >= 0);
	MUST(connect_errno("tree/socket") == 0);
	MUST(apply(extra, 2, false) == 0);
	MUST(has_text("tree/file", "ours"));
	MUST(has_text("tree/sub/file", "below"));
	MUST(stat(folder_path("tree/made"), &status) == 0 && S_ISDIR(status.st_mode));
	MUST(connect_errno("tree/socket") == ECONNREFUSED);
	MUST(access(tree, W_OK) < 0 && errno == EROFS);
	MUST(bind_socket("sibling") >= 0 && connect_errno("sibling") == 0);
	return 0;
}

static void test_files_show_and_sockets_are_dead(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(see_through_an_overlay);
}

/* What is mounted here before another namespace is made is locked there. */
static bool mount_and_enter_again(const char *type)
{
	char uids[48];
	char gids[48];

	if (mount("none", folder_path("tree/mounted"), type, 0, NULL) < 0 ||
	    !folder_write("tree/mounted/inner", "mounted", 0644))
		return false;
	(void)snprintf(uids, sizeof(uids), "%u %u 1", getuid(), getuid());
	(void)snprintf(gids, sizeof(gids), "%u %u 1", getgid(), getgid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       mount_namespace_write("/proc/self/setgroups", "deny") &&
	       mount_namespace_write("/proc/self/uid_map", uids) &&
	       mount_namespace_write("/proc/self/gid_map", gids);
}

static int split_around_a_mount(void)
{
	static const struct layer_extra extra[] = {{"file", "ours"}, {"made", NULL}};
	struct stat status;

	MUST(bind_socket("tree/sub/socket") >= 0 && bind_socket("tree/top-socket") >= 0);
	MUST(mount_and_enter_again("tmpfs"));
	MUST(bind_socket("tree/mounted/socket") >= 0);
	/* the reason for all of this */
	MUST(mount("o", "/mnt", "overlay", 0, view_format(plan, "lowerdir=%s:/usr", tree)) < 0 &&
	     errno == EINVAL);
	MUST(apply(extra, 2, false) == 0);
	MUST(has_text("tree/file", "ours"));
	MUST(has_text("tree/link", "ours"));
	MUST(has_text("tree/sub/file", "below"));
	MUST(has_text("tree/mounted/inner", "mounted"));
	MUST(stat(folder_path("tree/made"), &status) == 0 && S_ISDIR(status.st_mode));
	MUST(connect_errno("tree/sub/socket") == ECONNREFUSED);
	MUST(connect_errno("tree/top-socket") == ECONNREFUSED);
	MUST(connect_errno("tree/mounted/socket") == ECONNREFUSED);
	MUST(access(tree, W_OK) < 0 && errno == EROFS);
	return 0;
}

static void test_a_tree_with_a_mount_in_it_is_split(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(split_around_a_mount);
}

static int write_around_a_mount(void)
{
	MUST(mount_and_enter_again("tmpfs"));
	MUST(apply(NULL, 0, true) == 0);
	MUST(has_text("tree/file", "host"));
	MUST(folder_write("tree/new", "new", 0644) && has_text("tree/new", "new"));
	MUST(folder_write("tree/sub/new", "new", 0644) && has_text("tree/sub/new", "new"));
	MUST(folder_write("tree/sub/file", "changed", 0644));
	MUST(has_text("tree/sub/file", "changed"));
	return 0;
}

static void test_a_split_tree_can_be_written_to(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(write_around_a_mount);
}

static int write_to_the_store(void)
{
	MUST(apply(NULL, 0, true) == 0);
	MUST(folder_write("tree/file", "changed", 0644) && has_text("tree/file", "changed"));
	MUST(unlink(folder_path("tree/sub/file")) == 0 && rmdir(folder_path("tree/sub")) == 0);
	MUST(access("/sys/store/upper/file", F_OK) == 0);
	return 0;
}

static void test_what_is_written_lands_in_the_store(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(write_to_the_store);
	assert_true(has_text("tree/file", "host"));
	assert_true(has_text("tree/sub/file", "below"));
}

static int hide_a_kernel_mount(void)
{
	/* a bind of our own /proc stands for what is a window into the kernel */
	MUST(mount("/proc", folder_path("tree/mounted"), NULL, MS_BIND | MS_REC, NULL) == 0);
	MUST(apply(NULL, 0, false) == 0);
	MUST(access(folder_path("tree/mounted/self"), F_OK) < 0);
	return 0;
}

static void test_windows_into_the_kernel_do_not_show(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(hide_a_kernel_mount);
}

static int attach_a_disk(void)
{
	struct stat status;

	/* a bind of a folder has the type of its file system, here a real one */
	MUST(mount("/usr", folder_path("tree/mounted"), NULL, MS_BIND | MS_REC, NULL) == 0);
	MUST(apply(NULL, 0, false) == 0);
	MUST(stat(folder_path("tree/mounted/bin"), &status) == 0);
	MUST(view_is_attached(plan, folder_path("tree/mounted/bin")));
	MUST(!view_is_shared(plan, folder_path("tree/mounted/bin"))); /* its sockets are covered */
	return 0;
}

static void test_a_real_file_system_is_attached_as_it_is(void **state)
{
	(void)state;
	RUN_IN_NAMESPACE(attach_a_disk);
}

static void test_a_tree_that_is_no_folder_is_left_alone(void **state)
{
	(void)state;
	layer_add(&(struct layer){.plan = plan, .mounts = &mounts, .path = "/nonexistent"});
	layer_add(
		&(struct layer){.plan = plan, .mounts = &mounts, .path = folder_path("tree/link")});
	assert_int_equal(plan->n_steps, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static bool has_target(const char *path)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (strcmp(plan->step[i].target, path) == 0)
			return true;
	return false;
}

static void test_link_out_of_the_views_is_followed_and_into_one_not(void **state)
{
	char link[128];
	const struct layer layer = {.plan = plan, .mounts = &mounts, .path = link};

	(void)state;
	(void)snprintf(link, sizeof(link), "%s/elsewhere", folder);
	assert_int_equal(symlink("/usr", link), 0);
	layer_add(&layer);
	assert_true(has_target("/usr"));
	plan->n_steps = 0;
	(void)snprintf(link, sizeof(link), "%s/own", folder);
	assert_int_equal(symlink("/etc", link), 0);
	layer_add(&layer);
	(void)snprintf(link, sizeof(link), "%s/dangling", folder);
	assert_int_equal(symlink("nothing", link), 0);
	layer_add(&layer);
	assert_int_equal(plan->n_steps, 0);
	assert_int_equal(plan->failure, 0);
}

static void test_tree_that_cannot_be_looked_at_is_a_failure(void **state)
{
	const struct layer layer = {.plan = plan, .mounts = &mounts, .path = "tree/file/x"};

	(void)state;
	assert_int_equal(chdir(folder), 0);
	layer_add(&layer);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(plan->failure, -ENOTDIR);
	assert_int_equal(view_apply(plan, &err), -ENOTDIR);
	assert_string_equal(err.what, "cannot look at 'tree/file/x': Not a directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files_show_and_sockets_are_dead),
		TEST(test_a_tree_with_a_mount_in_it_is_split),
		TEST(test_a_split_tree_can_be_written_to),
		TEST(test_what_is_written_lands_in_the_store),
		TEST(test_windows_into_the_kernel_do_not_show),
		TEST(test_a_real_file_system_is_attached_as_it_is),
		TEST(test_a_tree_that_is_no_folder_is_left_alone),
		TEST(test_link_out_of_the_views_is_followed_and_into_one_not),
		TEST(test_tree_that_cannot_be_looked_at_is_a_failure),
	};

	return cmocka_run_group_tests_name("confine/layer", tests, NULL, NULL);
}
