#include "cmocka_all.h"

#include "wireguard/needles.h"

#include "base/bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PIECE = 8,
	SLOTS = 1 << 16, /* a power of two, several times the pieces of any test */
	CHUNK = 1 << 20,
	SHOWN_MAX = 40, /* lines */
};

static const char *const kind_names[NEEDLE_KINDS] = {
	"private key",	"preshared key", "agreed key", "ephemeral key",
	"chaining key", "session key",	 "cookie",     "dead key",
};

struct piece {
	uint64_t value; /* 0: none */
	enum needle_kind kind;
	unsigned int number; /* of its needle */
};

struct needles {
	struct piece slot[SLOTS];
	unsigned int n; /* needles */
};

struct needles *needles_new(void)
{
	struct needles *needles = calloc(1, sizeof(*needles));

	assert_non_null(needles);
	return needles;
}

void needles_free(struct needles *needles)
{
	free(needles);
}

static size_t slot_of(uint64_t value)
{
	return (value * UINT64_C(0x9e3779b97f4a7c15)) >> 48;
}

/* Where it is, or would be. */
static const struct piece *find(const struct needles *needles, uint64_t value)
{
	size_t at = slot_of(value);

	while (needles->slot[at].value != 0 && needles->slot[at].value != value)
		at = (at + 1) % SLOTS;
	return &needles->slot[at];
}

static void add_piece(struct needles *needles, enum needle_kind kind, uint64_t value)
{
	size_t at = (size_t)(find(needles, value) - needles->slot);

	if (value == 0 || needles->slot[at].value == value)
		return;
	needles->slot[at] = (struct piece){value, kind, needles->n};
}

void needles_add(struct needles *needles, enum needle_kind kind, const uint8_t *bytes, size_t len)
{
	static const uint64_t pads[] = {0, UINT64_C(0x3636363636363636),
					UINT64_C(0x5c5c5c5c5c5c5c5c)};

	needles->n++;
	assert_true(needles->n * 16 < SLOTS / 2);
	for (size_t at = 0; at + PIECE <= len; at += PIECE)
		for (size_t i = 0; i < sizeof(pads) / sizeof(pads[0]); i++)
			if (le64_load(bytes + at) != 0)
				add_piece(needles, kind, le64_load(bytes + at) ^ pads[i]);
	for (size_t at = 0; at + 4 <= len; at += 4)
		add_piece(needles, kind, (uint64_t)le32_load(bytes + at) * UINT64_C(0x100000001));
}

void needles_bury(struct needles *needles, unsigned int kinds)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (needles->slot[i].value != 0 && (kinds & 1U << needles->slot[i].kind))
			needles->slot[i].kind = NEEDLE_DEAD;
}

/* ---- another process's memory ---- */

struct mapping {
	unsigned long first, end;
	char name[128];
	bool is_readable;
	bool is_secret;
};

struct search {
	const struct needles *needles;
	struct needles_found *found;
	unsigned int n_shown;
	int memory; /* /proc/PID/mem */
	uint8_t *chunk;
};

static void note(struct search *search, const struct mapping *mapping, const struct piece *piece,
		 unsigned long at)
{
	unsigned int *counts =
		mapping->is_secret ? search->found->n_secret : search->found->n_ordinary;

	counts[piece->kind]++;
	if (mapping->is_secret && piece->kind != NEEDLE_DEAD)
		return;
	if (search->n_shown++ < SHOWN_MAX)
		print_message("%s %u at %#lx, %s+%#lx%s\n", kind_names[piece->kind], piece->number,
			      at, mapping->name[0] ? mapping->name : "anonymous",
			      at - mapping->first, mapping->is_secret ? " (secret)" : "");
}

static void search_chunk(struct search *search, const struct mapping *mapping, size_t len,
			 unsigned long from)
{
	for (size_t at = 0; at + PIECE <= len; at++) {
		uint64_t value = le64_load(search->chunk + at);
		const struct piece *piece = value == 0 ? NULL : find(search->needles, value);

		if (piece && piece->value != 0)
			note(search, mapping, piece, from + at);
	}
}

static void search_mapping(struct search *search, const struct mapping *mapping)
{
	unsigned long from = mapping->first;

	while (from < mapping->end) {
		size_t wanted = mapping->end - from < CHUNK ? mapping->end - from : CHUNK;
		ssize_t n = pread(search->memory, search->chunk, wanted, (off_t)from);

		if (n <= 0) /* of the kernel: vvar */
			return;
		search_chunk(search, mapping, (size_t)n, from);
		search->found->n_bytes += (size_t)n;
		if ((unsigned long)n + from >= mapping->end || n < 2 * PIECE)
			return;
		from += (unsigned long)n - PIECE + 1;
	}
}

static FILE *open_smaps(pid_t pid)
{
	char path[64];
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	file = fopen(path, "re");
	assert_non_null(file);
	return file;
}

void needles_search(const struct needles *needles, pid_t pid, struct needles_found *ret)
{
	struct search search = {.needles = needles, .found = ret, .chunk = malloc(CHUNK)};
	struct mapping mapping = {0};
	FILE *smaps = open_smaps(pid);
	char line[512];

	*ret = (struct needles_found){0};
	(void)snprintf(line, sizeof(line), "/proc/%d/mem", (int)pid);
	search.memory = open(line, O_RDONLY | O_CLOEXEC);
	assert_true(search.memory >= 0 && search.chunk);
	while (fgets(line, sizeof(line), smaps)) {
		char access[5];
		unsigned long first, end;

		if (sscanf(line, "%lx-%lx %4s", &first, &end, access) == 3) {
			mapping = (struct mapping){first, end, "", access[0] == 'r', false};
			(void)sscanf(line, "%*s %*s %*s %*s %*s %127s", mapping.name);
		} else if (strncmp(line, "VmFlags:", 8) == 0) {
			mapping.is_secret = strstr(line, " dd") != NULL;
			if (mapping.is_readable)
				search_mapping(&search, &mapping);
		}
	}
	(void)fclose(smaps);
	(void)close(search.memory);
	free(search.chunk);
}
