#include "device/journal.h"

#include "base/secret.h"

#include <errno.h>
#include <string.h>

#define START "set=1\n"

enum { START_LEN = sizeof(START) - 1, SIZE_FIRST = 4096 - SECRET_HEAD_LEN };

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* What of a reply to get=1 is configuration. */
static const char *const kept[] = {
	"private_key=", "public_key=", "preshared_key=",
	"endpoint=",	"allowed_ip=", "persistent_keepalive_interval=",
};

int journal_reserve(struct journal *journal, size_t len)
{
	size_t size = journal->size > 0 ? journal->size : SIZE_FIRST;
	char *text;

	if (len > JOURNAL_MAX - START_LEN || journal->len > JOURNAL_MAX - START_LEN - len)
		return -ENOMEM;
	while (size - journal->len < len + START_LEN)
		size = size * 2 + SECRET_HEAD_LEN;
	if (size == journal->size)
		return 0;
	text = secret_new(size);
	if (!text)
		return -ENOMEM;
	if (journal->text)
		memcpy(text, journal->text, journal->len);
	secret_free(journal->text);
	journal->text = text;
	journal->size = size;
	return 0;
}

static void append(struct journal *journal, const char *text, size_t len)
{
	memcpy(journal->text + journal->len, text, len);
	journal->len += len;
}

/* Lines that may replace a key, or take away a peer with its own. */
static const char *const key_ends[] = {
	"private_key=", "preshared_key=", "remove=", "replace_peers="};

static bool starts_with_any(const char *const *words, size_t n, const char *line, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(words[i]) <= len && memcmp(line, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

static bool ends_keys(const char *lines, size_t len)
{
	const char *end = lines + len;
	bool is_found = false;

	for (const char *next; !is_found && (next = memchr(lines, '\n', (size_t)(end - lines)));
	     lines = next + 1)
		is_found = starts_with_any(key_ends, N_OF(key_ends), lines, (size_t)(next - lines));
	return is_found;
}

void journal_add(struct journal *journal, const char *lines, size_t len)
{
	/* what comes first replaces nothing */
	if (journal->len > 0 && ends_keys(lines, len))
		journal->has_dead_keys = true;
	append(journal, START, START_LEN);
	append(journal, lines, len);
}

bool journal_is_stale(const struct journal *journal)
{
	return journal->has_dead_keys ||
	       (journal->len > JOURNAL_SHORT && journal->len / 2 > journal->start_len);
}

int journal_restart(struct journal *journal, const char *reply, size_t len)
{
	struct journal fresh = {0};
	const char *end = reply + len;
	const char *line = reply;

	if (journal_reserve(&fresh, len + 1) < 0)
		return -ENOMEM;
	append(&fresh, START, START_LEN);
	for (const char *next; (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
		if (starts_with_any(kept, N_OF(kept), line, (size_t)(next - line)))
			append(&fresh, line, (size_t)(next - line) + 1);
	append(&fresh, "\n", 1);
	fresh.start_len = fresh.len;
	journal_done(journal);
	*journal = fresh;
	return 0;
}

bool journal_next(const struct journal *journal, size_t *at, const char **ret, size_t *ret_len)
{
	const char *text = journal->text + *at;
	const char *end;

	if (*at == journal->len)
		return false;
	end = memmem(text, journal->len - *at, "\n\n", 2);
	if (!end)
		return false;
	*ret = text;
	*ret_len = (size_t)(end - text) + 2;
	*at += *ret_len;
	return true;
}

void journal_done(struct journal *journal)
{
	secret_free(journal->text);
	*journal = (struct journal){0};
}
