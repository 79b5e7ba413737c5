#include "confine/mounts.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOUNTINFO_MAX = 16 << 20 };

/* "\040" is how the kernel writes a blank; see mangle() in fs/seq_file.c. */
static void undo_escapes(char *field)
{
	char *to = field;

	for (const char *from = field; *from; to++) {
		bool is_octal = from[0] == '\\' && from[1] >= '0' && from[1] <= '3' &&
				from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
				from[3] <= '7';

		if (!is_octal) {
			*to = *from++;
			continue;
		}
		*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
		from += 4;
	}
	*to = '\0';
}

/* 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
 * (1) id, (3) device, (4) root, (5) where, any number of optional fields, "-",
 * type, source.
 */
static bool parse_line(char *line, struct mount_entry *ret)
{
	char *rest = NULL;
	char *field = strtok_r(line, " ", &rest);
	char *first[4] = {NULL}; /* fields 2 to 5 */
	char *root;
	char *where;
	char *type;
	char *source;

	if (!field || !text_to_u64(field, strlen(field), UINT64_MAX, &ret->id))
		return false;
	for (int i = 0; i < 4; i++)
		first[i] = strtok_r(NULL, " ", &rest);
	root = first[2];
	where = first[3];
	do
		field = strtok_r(NULL, " ", &rest);
	while (field && strcmp(field, "-") != 0);
	type = strtok_r(NULL, " ", &rest);
	source = strtok_r(NULL, " ", &rest);
	if (!where || !field || !type || !source)
		return false;
	undo_escapes(root);
	undo_escapes(where);
	undo_escapes(type);
	undo_escapes(source);
	ret->device = first[1];
	ret->root = root;
	ret->path = where;
	ret->type = type;
	ret->source = source;
	return true;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n + 1;
}

int mounts_parse(char *text, struct mount_list *ret)
{
	struct mount_list list = {.text = text};
	char *rest = NULL;

	assert(text);
	list.entry = calloc(count_lines(text), sizeof(*list.entry));
	if (!list.entry) {
		mounts_free(&list);
		return -ENOMEM;
	}
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!parse_line(line, &list.entry[list.n_entries])) {
			mounts_free(&list);
			return -EINVAL;
		}
		list.n_entries++;
	}
	*ret = list;
	return 0;
}

int mounts_read(struct mount_list *ret, struct error *err)
{
	AUTO_FD int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	size_t len;
	int r = fd < 0 ? -errno : fd_read_all(fd, MOUNTINFO_MAX, FD_PLAIN, &text, &len);

	if (r == 0)
		r = mounts_parse(text, ret);
	if (r < 0)
		return error_errno(err, -r, "cannot read '/proc/self/mountinfo'");
	return 0;
}

void mounts_free(struct mount_list *list)
{
	free(list->entry);
	free(list->text);
	*list = (struct mount_list){0};
}

bool mounts_is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	if (strcmp(folder, "/") == 0)
		return path[0] == '/';
	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* What follows `folder` in `path`, which is it or lies below it: "" or "/...". */
static const char *part_below(const char *path, const char *folder)
{
	return strcmp(folder, "/") == 0 ? (strcmp(path, "/") == 0 ? "" : path)
					: path + strlen(folder);
}

static bool join(char ret[PATH_MAX], const char *folder, const char *below)
{
	const char *base = strcmp(folder, "/") == 0 && *below ? "" : folder;

	return snprintf(ret, PATH_MAX, "%s%s", base, below) < PATH_MAX;
}

/* The last of the longest: what is mounted later lies on top. */
static const struct mount_entry *find_holder(const struct mount_list *list, const char *path)
{
	const struct mount_entry *found = NULL;

	for (size_t i = 0; i < list->n_entries; i++) {
		const struct mount_entry *entry = &list->entry[i];

		if (mounts_is_below(path, entry->path) &&
		    (!found || strlen(entry->path) >= strlen(found->path)))
			found = entry;
	}
	return found;
}

void mounts_each_alias(const struct mount_list *list, const char *path,
		       void (*each)(void *context, const char *alias), void *context)
{
	const struct mount_entry *holder = find_holder(list, path);
	char inner[PATH_MAX]; /* the folder's path in its file system */
	char alias[PATH_MAX];

	if (!holder || !join(inner, holder->root, part_below(path, holder->path)))
		return;
	for (size_t i = 0; i < list->n_entries; i++) {
		const struct mount_entry *entry = &list->entry[i];

		if (entry == holder || strcmp(entry->device, holder->device) != 0 ||
		    !mounts_is_below(inner, entry->root))
			continue;
		if (join(alias, entry->path, part_below(inner, entry->root)))
			each(context, alias);
	}
}

bool mounts_is_visible(const struct mount_entry *entry)
{
	struct statx found;

	/* AT_STATX_DONT_SYNC: a dead file server must not hold us up */
	if (statx(AT_FDCWD, entry->path, AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC,
		  STATX_MNT_ID, &found) < 0)
		return false;
	return (found.stx_mask & STATX_MNT_ID) && found.stx_mnt_id == entry->id;
}
