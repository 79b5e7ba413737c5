/* Mirrors src/confine/filesystems.c */
#include "cmocka_all.h"

#include "base/text.h"
#include "confine/filesystems.h"
#include "confine/mounts.h"
#include "confine/view.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static bool is_remote(const char *type, const char *source)
{
	const struct mount_entry entry = {.path = "/", .type = type, .source = source};

	return filesystems_is_remote(&entry);
}

static uint64_t id_of_root(void)
{
	struct statx found;

	assert_int_equal(statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &found), 0);
	return found.stx_mnt_id;
}

static void test_network_and_automount_types_are_remote(void **state)
{
	static const char *const types[] = {"nfs",	   "nfs4", "cifs",   "9p",
					    "virtiofs",	   "ceph", "autofs", "fuse.sshfs",
					    "fuse.rclone", "fuse", "afs",    "fuse.s3fs"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_true(is_remote(types[i], "x"));
}

static void test_local_types_are_not(void **state)
{
	static const char *const types[] = {
		"ext4",		  "btrfs",	     "tmpfs",	"fuseblk", "fuse.ntfs-3g",
		"fuse.gocryptfs", "fuse.x.AppImage", "overlay", "nfsd"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_false(is_remote(types[i], "/dev/sda1"));
}

static void test_a_disk_that_is_a_socket_is_remote(void **state)
{
	(void)state;
	assert_true(is_remote("ext4", "/dev/nbd0"));
	assert_true(is_remote("xfs", "/dev/rbd1"));
}

static void test_only_what_is_seen_is_named(void **state)
{
	struct mount_entry entry[] = {
		{.id = id_of_root(), .path = "/", .type = "nfs4", .source = "a:/b"},
		{.id = 1, .path = "/", .type = "nfs", .source = "hidden by the one before"},
		{.id = id_of_root(), .path = "/sys", .type = "autofs", .source = "replaced"},
		{.id = id_of_root(), .path = "/", .type = "ext4", .source = "/dev/sda1"},
	};
	const struct mount_list list = {.entry = entry, .n_entries = 4};
	char buffer[128];
	struct text text;

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	assert_int_equal(filesystems_name(&list, &text), 1);
	assert_string_equal(buffer, "/ (nfs4)");
}

static void test_masks_cover_what_is_named_and_not_what_is_shared(void **state)
{
	struct mount_entry entry[] = {
		{.id = id_of_root(), .path = "/", .type = "nfs4", .source = "a:/b"},
	};
	const struct mount_list list = {.entry = entry, .n_entries = 1};
	struct view_plan *plan = view_new();

	(void)state;
	filesystems_add_masks(&list, plan);
	assert_int_equal(plan->n_steps, 2);
	assert_int_equal(plan->step[1].kind, VIEW_FILESYSTEM);
	assert_string_equal(plan->step[1].target, "/");
	assert_true(plan->step[1].flags & VIEW_READ_ONLY);
	view_free(plan);

	plan = view_new();
	view_add(plan,
		 &(struct view_step){
			 .kind = VIEW_ATTACH, .flags = VIEW_SHARED, .source = "/", .target = "/"});
	filesystems_add_masks(&list, plan);
	assert_int_equal(plan->n_steps, 2); /* the attachment, and the empty file */
	view_free(plan);

	plan = view_new();
	view_add(plan, &(struct view_step){.kind = VIEW_ATTACH, .source = "/", .target = "/"});
	filesystems_add_masks(&list, plan);
	assert_int_equal(plan->n_steps, 3); /* nobody asked for this one */
	view_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_and_automount_types_are_remote),
		cmocka_unit_test(test_local_types_are_not),
		cmocka_unit_test(test_a_disk_that_is_a_socket_is_remote),
		cmocka_unit_test(test_only_what_is_seen_is_named),
		cmocka_unit_test(test_masks_cover_what_is_named_and_not_what_is_shared),
	};

	return cmocka_run_group_tests_name("confine/filesystems", tests, NULL, NULL);
}
