#include "supervise/ledger.h"

#include "apply/record.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "net/nft.h"
#include "net/nftables.h"
#include "net/nlsock.h"
#include "net/sysctl.h"
#include "plan/host_ruleset.h"
#include "plan/plan.h"
#include "plan/veth.h"
#include "supervise/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

enum {
	LINES_MAX = 256,
	FILE_MAX = LINES_MAX * (STEP_SYSCTL_PATH_LEN + 2 * STEP_SYSCTL_VALUE_LEN + 3),
	PLACES_MAX = 4096,
};

struct line {
	char path[STEP_SYSCTL_PATH_LEN];
	char before[STEP_SYSCTL_VALUE_LEN];
	char ours[STEP_SYSCTL_VALUE_LEN];
};

/* Of one namespace. */
struct ledger {
	struct line line[LINES_MAX];
	size_t n_lines;
};

/* ---- files ---- */

int ledger_lock(struct error *err)
{
	char path[FOLDER_PATH_LEN];
	int r = place_root(path, err);
	AUTO_FD int fd = -1;

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, "cannot open '%s'", path);
	do
		r = flock(fd, LOCK_EX);
	while (r < 0 && errno == EINTR);
	return r < 0 ? error_errno(err, errno, "cannot lock '%s'", path) : take_fd(&fd);
}

bool ledger_exists(const struct place *place)
{
	return access(place->ledger, F_OK) == 0 || errno != ENOENT;
}

void ledger_remove(const struct place *place)
{
	(void)unlink(place->ledger);
}

/* No file, or one that is none, says nothing; but what cannot be read may have been
 * changed, and would not be given back.
 */
static int read_ledger(const char *path, struct ledger *ret, struct error *err)
{
	AUTO_FREE char *text = malloc(FILE_MAX);
	char *rest = text;
	char *word;
	int r = text ? fd_read_file(path, text, FILE_MAX) : -ENOMEM;

	ret->n_lines = 0;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_errno(err, -r, "cannot read '%s'", path);
	while (ret->n_lines < LINES_MAX && (word = strsep(&rest, "\n"))) {
		struct line *line = &ret->line[ret->n_lines];

		/* the lengths are those of the struct, less the NUL */
		if (sscanf(word, "%95s %31s %31s", line->path, line->before, line->ours) == 3)
			ret->n_lines++;
	}
	return 0;
}
_Static_assert(STEP_SYSCTL_PATH_LEN == 96 && STEP_SYSCTL_VALUE_LEN == 32, "see sscanf() above");

static int write_lines(int fd, const void *context)
{
	const struct ledger *ledger = context;
	char text[sizeof(struct line) + 4];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->n_lines; i++) {
		const struct line *line = &ledger->line[i];
		int n = snprintf(text, sizeof(text), "%s %s %s\n", line->path, line->before,
				 line->ours);

		r = fd_write_all(fd, text, (size_t)n);
	}
	return r;
}

static struct line *find(struct ledger *ledger, const char *path)
{
	for (size_t i = 0; i < ledger->n_lines; i++)
		if (strcmp(ledger->line[i].path, path) == 0)
			return &ledger->line[i];
	return NULL;
}

/* ---- all namespaces ---- */

/* A negative return ends the walk with it. */
typedef int (*each_ledger)(void *context, const char *name, struct ledger *ledger);

static int walk(each_ledger each, void *context, struct error *err)
{
	struct ledger *ledger = malloc(sizeof(*ledger));
	char **names = NULL;
	int n = ledger ? place_names(&names, err) : error_set(err, ENOMEM, "out of memory");
	int r = n < 0 ? n : 0;

	for (int i = 0; r >= 0 && i < n; i++) {
		struct place place;

		if (place_find(names[i], &place, NULL) < 0 || !ledger_exists(&place))
			continue;
		r = read_ledger(place.ledger, ledger, err);
		if (r == 0)
			r = each(context, names[i], ledger);
	}
	place_names_free(names, n < 0 ? 0 : n);
	free(ledger);
	return r < 0 ? r : 0;
}

/* Who else has changed a setting, and what it was before. */
struct question {
	const char *path;
	const char *but; /* this namespace */
	bool is_found;
	struct line line;
};

static int ask(void *context, const char *name, struct ledger *ledger)
{
	struct question *question = context;
	const struct line *line = find(ledger, question->path);

	if (!line || strcmp(name, question->but) == 0)
		return 0;
	question->line = *line;
	question->is_found = true;
	return 0;
}

/* ---- borrowing ---- */

static int note(const struct place *place, const struct step_sysctl *sysctl, struct ledger *ledger,
		struct error *err)
{
	struct question others = {.path = sysctl->path, .but = place->name};
	struct line *line = find(ledger, sysctl->path);
	int r;

	if (line) {
		memcpy(line->ours, sysctl->value, sizeof(line->ours));
		return 0;
	}
	if (ledger->n_lines == LINES_MAX)
		return error_set(err, E2BIG, "more than %d settings of the host's", LINES_MAX);
	r = walk(ask, &others, err);
	if (r < 0)
		return r;
	line = &ledger->line[ledger->n_lines];
	*line = others.line;
	if (!others.is_found)
		r = sysctl_read(sysctl->path, line->before, sizeof(line->before), err);
	if (r < 0)
		return r;
	memcpy(line->path, sysctl->path, sizeof(line->path));
	memcpy(line->ours, sysctl->value, sizeof(line->ours));
	ledger->n_lines++;
	return 0;
}

int ledger_borrow(const struct place *place, const struct plan *plan, struct error *err)
{
	struct ledger *ledger = malloc(sizeof(*ledger));
	int r;

	if (!ledger)
		return error_set(err, ENOMEM, "out of memory");
	r = read_ledger(place->ledger, ledger, err);
	for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_SYSCTL_SET && plan->step[i].sysctl.is_borrowed)
			r = note(place, &plan->step[i].sysctl, ledger, err);
	if (r == 0)
		r = fd_replace_file(place->ledger, 0600, write_lines, ledger, err);
	free(ledger);
	return r;
}

/* ---- giving back ---- */

static bool is_named(const struct plan *plan, const char *path)
{
	for (size_t i = 0; plan && i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_SYSCTL_SET &&
		    strcmp(plan->step[i].sysctl.path, path) == 0)
			return true;
	return false;
}

static bool is_on(const char *path)
{
	char value[STEP_SYSCTL_VALUE_LEN];

	return sysctl_read(path, value, sizeof(value), NULL) == 0 && strcmp(value, "1") == 0;
}

/* Somebody has made the whole host a router since, and with it this link. */
static bool is_everybodys(const struct line *line)
{
	return strncmp(line->path, "net/ipv4/", strlen("net/ipv4/")) == 0 &&
	       strstr(line->path, "/forwarding") && is_on("net/ipv4/conf/all/forwarding");
}

static int give_back(const struct place *place, const struct line *line, struct error *err)
{
	struct question others = {.path = line->path, .but = place->name};
	char now[STEP_SYSCTL_VALUE_LEN];
	int r = walk(ask, &others, err);

	if (r < 0 || others.is_found)
		return r;
	r = sysctl_read(line->path, now, sizeof(now), err);
	if (r == -ENOENT) /* gone with its link */
		return 0;
	if (r < 0 || strcmp(now, line->ours) != 0 || is_everybodys(line))
		return r;
	return sysctl_write(line->path, line->before, err);
}

/* Last one first, as they were changed. */
static int give_back_unnamed(const struct place *place, const struct plan *plan,
			     struct ledger *ledger, struct error *err)
{
	int result = 0;

	for (size_t i = ledger->n_lines; i-- > 0;) {
		int r;

		if (is_named(plan, ledger->line[i].path))
			continue;
		r = give_back(place, &ledger->line[i], result == 0 ? err : NULL);
		if (r < 0) {
			result = result == 0 ? r : result;
			continue;
		}
		memmove(&ledger->line[i], &ledger->line[i + 1],
			(ledger->n_lines - i - 1) * sizeof(ledger->line[0]));
		ledger->n_lines--;
	}
	return result;
}

/* ---- the guard ---- */

/* Names, each once. */
struct names {
	char at[LINES_MAX][IFNAMSIZ];
	size_t n;
};

struct guards {
	struct names ipv4;
	struct names ipv6;
	struct names own;
	bool has_all_ipv6;
};

static void add_name(struct names *names, const char *name, size_t len)
{
	for (size_t i = 0; i < names->n; i++)
		if (strncmp(names->at[i], name, len) == 0 && names->at[i][len] == '\0')
			return;
	if (names->n < LINES_MAX && len < IFNAMSIZ)
		(void)snprintf(names->at[names->n++], IFNAMSIZ, "%.*s", (int)len, name);
}

/* "net/ipv4/conf/LINK/forwarding": LINK. */
static bool take_link(const char *path, const char *family, const char *setting,
		      struct names *names)
{
	size_t len = strlen(family);
	const char *end;

	if (strncmp(path, family, len) != 0)
		return false;
	end = strrchr(path, '/');
	if (!end || end < path + len || strcmp(end + 1, setting) != 0)
		return false;
	add_name(names, path + len, (size_t)(end - path) - len);
	return true;
}

static int collect(void *context, const char *name, struct ledger *ledger)
{
	struct guards *guards = context;
	char own[IFNAMSIZ];

	(void)veth_host_link(name, own);
	add_name(&guards->own, own, strlen(own));
	for (size_t i = 0; i < ledger->n_lines; i++) {
		const struct line *line = &ledger->line[i];

		/* it forwarded before */
		if (strcmp(line->before, line->ours) == 0)
			continue;
		(void)take_link(line->path, "net/ipv4/conf/", "forwarding", &guards->ipv4);
		(void)take_link(line->path, "net/ipv6/conf/", "force_forwarding", &guards->ipv6);
		if (strcmp(line->path, "net/ipv6/conf/all/forwarding") == 0)
			guards->has_all_ipv6 = true;
	}
	return 0;
}

/* A host that forwards for all is not guarded. */
static struct host_guard judge(const struct guards *guards)
{
	struct host_guard guard = {
		.ipv4_link = guards->ipv4.at,
		.n_ipv4_links = guards->ipv4.n,
		.ipv6_link = guards->ipv6.at,
		.n_ipv6_links = guards->ipv6.n,
		.has_all_ipv6 = guards->has_all_ipv6,
		.own = guards->own.at,
		.n_own = guards->own.n,
	};

	if (is_on("net/ipv4/conf/all/forwarding"))
		guard.n_ipv4_links = 0;
	if (!guard.has_all_ipv6 && is_on("net/ipv6/conf/all/forwarding"))
		guard.n_ipv6_links = 0;
	return guard;
}

/* The guard as it was loaded last, its text and what the kernel said of it: who has not
 * changed it since does not wait for nft.  Beside the places, where no name begins so.
 */
static int guard_path(char ret[PLACE_PATH_LEN], struct error *err)
{
	char root[FOLDER_PATH_LEN];
	int r = place_root(root, err);

	if (r == 0)
		(void)snprintf(ret, PLACE_PATH_LEN, "%s/.guard", root);
	return r;
}

/* -ENOENT: there is none. */
static int read_guard(struct nftables_image *ret)
{
	struct nlsock *sock = NULL;
	int r = nftables_open(&sock, NULL);

	if (r == 0)
		r = nftables_read(sock, HOST_GUARD_TABLE, ret, NULL);
	nlsock_close(sock);
	return r;
}

static bool is_known(const char *path, const char *text, const struct nftables_image *image)
{
	struct record record = {0};
	bool is_same = record_load(path, &record, NULL) == 0 &&
		       record_knows_table(&record, SIDE_HOST, text, image);

	record_done(&record);
	return is_same;
}

static void remember(const char *path, const char *text)
{
	struct nftables_image image = {0};
	struct record record = {0};

	if (read_guard(&image) == 0 && record_set_table(&record, SIDE_HOST, text, &image, 0) == 0)
		(void)record_save(&record, path, NULL);
	free(image.bytes);
	record_done(&record);
}

static int remove_guard(const char *path, bool is_there, int lock, struct error *err)
{
	char removal[RULESET_BEGINNING_LEN];

	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(err, errno, "cannot remove '%s'", path);
	if (!is_there)
		return 0;
	return nft_apply_as(ruleset_removal(HOST_GUARD_TABLE, removal), lock, NULL, err);
}

static int load_guard(const char *text, int lock, struct error *err)
{
	struct nftables_image image = {0};
	char path[PLACE_PATH_LEN];
	bool is_there;
	bool is_same;
	int r = guard_path(path, err);

	if (r < 0)
		return r;
	is_there = read_guard(&image) != -ENOENT;
	is_same = is_there && is_known(path, text, &image);
	free(image.bytes);
	if (!text[0])
		return remove_guard(path, is_there, lock, err);
	if (is_same)
		return 0;
	r = nft_apply_as(text, lock, NULL, err);
	if (r == 0)
		remember(path, text);
	return r;
}

static int set_guard(int lock, struct error *err)
{
	struct guards *guards = calloc(1, sizeof(*guards));
	char *text = malloc(HOST_RULESET_TEXT_LEN);
	int r = guards && text ? walk(collect, guards, err)
			       : error_set(err, ENOMEM, "out of memory");

	if (r == 0) {
		struct host_guard guard = judge(guards);

		r = host_guard_print(&guard, text, HOST_RULESET_TEXT_LEN, err);
	}
	if (r == 0)
		r = load_guard(text, lock, err);
	free(text);
	free(guards);
	return r;
}

int ledger_settle(const struct place *place, const struct plan *plan, int lock, struct error *err)
{
	struct ledger *ledger = malloc(sizeof(*ledger));
	struct error more = {0};
	int r;
	int s;

	if (!ledger)
		return error_set(err, ENOMEM, "out of memory");
	r = read_ledger(place->ledger, ledger, err);
	if (r < 0) {
		free(ledger);
		return r;
	}
	r = give_back_unnamed(place, plan, ledger, err);
	s = fd_replace_file(place->ledger, 0600, write_lines, ledger, &more);
	if (s == 0)
		s = set_guard(lock, &more);
	free(ledger);
	if (r == 0 && s < 0 && err)
		*err = more;
	return r < 0 ? r : s;
}
