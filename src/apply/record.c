#include "apply/record.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void record_forget_table(struct record *record, enum step_side side)
{
	struct record_table *table = &record->table[side];
	char *before = table->ruleset ? table->ruleset : table->before;

	if (table->ruleset)
		free(table->before);
	free(table->image.bytes);
	*table = (struct record_table){.before = before};
}

int record_set_table(struct record *record, enum step_side side, const char *ruleset,
		     struct nftables_image *image, pid_t loader)
{
	struct record_table *table = &record->table[side];
	char *copy = strdup(ruleset);

	record_forget_table(record, side);
	if (!copy)
		return -ENOMEM;
	table->ruleset = copy;
	table->image = *image;
	table->loader = loader;
	*image = (struct nftables_image){0};
	return 0;
}

bool record_knows_table(const struct record *record, enum step_side side, const char *ruleset,
			const struct nftables_image *image)
{
	const struct record_table *table = &record->table[side];

	return table->ruleset && ruleset && strcmp(table->ruleset, ruleset) == 0 &&
	       table->image.len == image->len &&
	       memcmp(table->image.bytes, image->bytes, image->len) == 0;
}

void record_done(struct record *record)
{
	for (size_t i = 0; i < SIDES; i++) {
		free(record->table[i].ruleset);
		free(record->table[i].image.bytes);
		free(record->table[i].before);
	}
	*record = (struct record){0};
}

/* The file: a header, then of each table that is known its text and its image.  It
 * is read by the same program on the same machine, so numbers are the machine's.
 */
struct header {
	char magic[8];
	uint32_t tunnel;
	uint32_t veth;
	struct {
		uint64_t ruleset_len; /* 0: not known */
		uint64_t image_len;
		int64_t loader;
	} table[SIDES];
};

static const char magic[8] = "adit-r2";

static struct header make_header(const struct record *record)
{
	struct header header = {.tunnel = record->tunnel, .veth = record->veth};

	memcpy(header.magic, magic, sizeof(magic));
	for (size_t i = 0; i < SIDES; i++) {
		const struct record_table *table = &record->table[i];

		if (!table->ruleset)
			continue;
		header.table[i].ruleset_len = strlen(table->ruleset);
		header.table[i].image_len = table->image.len;
		header.table[i].loader = table->loader;
	}
	return header;
}

static int write_record(int fd, const void *context)
{
	const struct record *record = context;
	struct header header = make_header(record);
	int r = fd_write_all(fd, &header, sizeof(header));

	for (size_t i = 0; r == 0 && i < SIDES; i++) {
		const struct record_table *table = &record->table[i];

		if (!table->ruleset)
			continue;
		r = fd_write_all(fd, table->ruleset, strlen(table->ruleset));
		if (r == 0)
			r = fd_write_all(fd, table->image.bytes, table->image.len);
	}
	return r;
}

int record_save(const struct record *record, const char *path, struct error *err)
{
	return fd_replace_file(path, 0600, write_record, record, err);
}

/* The next `len` bytes of the file, and a NUL behind them; NULL: there are not so many. */
static void *take(const char **at, const char *end, uint64_t len)
{
	char *copy;

	if (len > (uint64_t)(end - *at))
		return NULL;
	copy = malloc(len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, *at, len);
	copy[len] = '\0';
	*at += len;
	return copy;
}

static int parse_table(struct record_table *table, const char **at, const char *end,
		       uint64_t ruleset_len, uint64_t image_len)
{
	if (ruleset_len == 0)
		return 0;
	table->ruleset = take(at, end, ruleset_len);
	table->image.bytes = take(at, end, image_len);
	table->image.len = image_len;
	return table->ruleset && table->image.bytes ? 0 : -EBADMSG;
}

static int parse(const char *bytes, size_t len, struct record *ret)
{
	const char *at = bytes + sizeof(struct header);
	struct header header;
	int r = 0;

	if (len < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	ret->tunnel = header.tunnel;
	ret->veth = header.veth;
	for (size_t i = 0; r == 0 && i < SIDES; i++) {
		ret->table[i].loader = (pid_t)header.table[i].loader;
		r = parse_table(&ret->table[i], &at, bytes + len, header.table[i].ruleset_len,
				header.table[i].image_len);
	}
	return r == 0 && at != bytes + len ? -EBADMSG : r;
}

static int read_file(int fd, char **ret, size_t *ret_len)
{
	struct stat info;
	char *bytes;
	ssize_t n;

	if (fstat(fd, &info) < 0)
		return -errno;
	if (info.st_size > RECORD_FILE_MAX)
		return -EBADMSG;
	bytes = malloc((size_t)info.st_size + 1);
	if (!bytes)
		return -ENOMEM;
	n = pread(fd, bytes, (size_t)info.st_size, 0);
	if (n != info.st_size) {
		free(bytes);
		return n < 0 ? -errno : -EBADMSG;
	}
	*ret = bytes;
	*ret_len = (size_t)n;
	return 0;
}

int record_load(const char *path, struct record *ret, struct error *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *bytes = NULL;
	struct record record = {0};
	size_t len = 0;
	int r;

	if (fd < 0)
		return error_errno(err, errno, "cannot read '%s'", path);
	r = read_file(fd, &bytes, &len);
	if (r == 0)
		r = parse(bytes, len, &record);
	if (r < 0) {
		record_done(&record);
		return error_errno(err, -r, "cannot read '%s'", path);
	}
	*ret = record;
	return 0;
}
