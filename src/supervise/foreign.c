#include "supervise/foreign.h"

#include "apply/apply.h"
#include "apply/observe.h"
#include "apply/survey.h"
#include "base/cleanup.h"
#include "base/fd.h"
#include "base/text.h"
#include "config/profile.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/sysctl.h"
#include "plan/plan.h"
#include "supervise/converge.h"
#include "supervise/inside.h"
#include "supervise/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_MAX = 8192 }; /* bytes */

/* The line of a note that says so of lo; the others are settings. */
static const char lo_is_up[] = "lo up";

struct foreign_origin foreign_origin(const struct profile *profile)
{
	return (struct foreign_origin){
		.path = profile->path,
		.pos = profile_pos(profile, &profile->path_place),
	};
}

/* ---- finding it ---- */

static bool is_namespace_of(const char *path, int netns)
{
	AUTO_FD int fd = -1;

	return netns_open(path, &fd, NULL) == 0 && netns_is_same(fd, netns);
}

int foreign_open(const struct foreign_origin *origin, int *ret_netns, struct error *err)
{
	AUTO_FD int netns = -1;
	int r;

	if (geteuid() != 0)
		return error_set(err, EPERM, "a namespace that others have made is for root");
	r = netns_open(origin->path, &netns, err);
	if (r == -ENOENT || r == -ESRCH)
		error_hint(err, "what holds it must be there first; begun anew it may have another "
				"path");
	if (r < 0)
		return r;
	if (is_namespace_of("/proc/self/ns/net", netns) ||
	    is_namespace_of("/proc/1/ns/net", netns)) {
		(void)error_set(err, EINVAL, "'%s' is the host's own network", origin->path);
		error_hint(err, "a container without one: docker run --network none");
		return -EINVAL;
	}
	*ret_netns = take_fd(&netns);
	return 0;
}

enum foreign_way foreign_follow(const char *path, int netns)
{
	AUTO_FD int fd = -1;
	int r = netns_open(path, &fd, NULL);

	if (r == -ENOENT || r == -ESRCH)
		return FOREIGN_NOWHERE;
	if (r == -EINVAL)
		return FOREIGN_ELSEWHERE;
	if (r < 0)
		return FOREIGN_UNKNOWN;
	return netns_is_same(fd, netns) ? FOREIGN_HERE : FOREIGN_ELSEWHERE;
}

/* ---- what is in it ---- */

/* The first link that is not lo. */
static int find_other(void *context, const struct link_info *link)
{
	struct link_info *other = context;

	if (!(link->flags & IFF_LOOPBACK) && other->index == 0)
		*other = *link;
	return 0;
}

/* In the child, inside. */
static int look_at_links(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds,
			 struct error *err)
{
	struct link_info other = {0};
	struct host host;
	int r = host_open(&host, err);

	(void)context;
	(void)ret_fds;
	(void)ret_n_fds;
	if (r < 0)
		return r;
	r = link_dump(host.route, find_other, &other, err);
	host_done(&host);
	if (r < 0 || other.index == 0)
		return r;
	(void)error_set(err, EBUSY, "it has a link '%s', and nothing but lo is allowed",
			other.name);
	error_hint(err, "a container without one: docker run --network none");
	return -EBUSY;
}

int foreign_examine(const struct inside *inside, struct error *err)
{
	return inside_call(inside, look_at_links, NULL, NULL, NULL, err);
}

/* ---- what it was like ---- */

/* The kernel hands "all" and "default" on to lo, as long as nobody has set that. */
static void print_setting_of_lo(const char *path, struct text *ret)
{
	const char *conf = strstr(path, "/conf/");
	const char *setting = strrchr(path, '/');
	char value[STEP_SYSCTL_VALUE_LEN];
	char of_lo[STEP_SYSCTL_PATH_LEN];

	if (!conf)
		return;
	(void)snprintf(of_lo, sizeof(of_lo), "%.*s/conf/lo%s", (int)(conf - path), path, setting);
	if (sysctl_read(of_lo, value, sizeof(value), NULL) == 0)
		text_add(ret, "%s %s\n", of_lo, value);
}

static void print_note(const struct plan *found, struct text *ret)
{
	for (size_t i = 0; i < found->n_steps; i++)
		if (found->step[i].kind == STEP_SYSCTL_SET)
			text_add(ret, "%s %s\n", found->step[i].sysctl.path,
				 found->step[i].sysctl.value);
	for (size_t i = 0; i < found->n_steps; i++)
		if (found->step[i].kind == STEP_SYSCTL_SET)
			print_setting_of_lo(found->step[i].sysctl.path, ret);
	for (size_t i = 0; i < found->n_steps; i++)
		if (found->step[i].kind == STEP_LINK_UP &&
		    strcmp(found->step[i].link.name, "lo") == 0)
			text_add(ret, "%s\n", lo_is_up);
}

static int write_text(int fd, const void *context)
{
	const struct text *text = context;

	return fd_write_all(fd, text->at, text->len);
}

static int write_note(const char *path, const struct text *note, struct error *err)
{
	if (note->is_truncated)
		return error_set(err, ENOSPC, "the text of '%s' is too long", path);
	return fd_replace_file(path, 0600, write_text, note, err);
}

static int survey_seal(struct host *host, struct survey *ret, struct error *err)
{
	const union endpoint nowhere = {.any.sa_family = AF_UNSPEC};
	struct plan_environment environment = observe_environment(NULL, &nowhere, 0);
	struct plan plan = {0};
	int r = plan_seal(&environment, &plan, err);

	if (r == 0)
		r = survey_network(host, &plan, ret, err);
	plan_done(&plan);
	return r;
}

/* In the child, inside. */
static int note(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds, struct error *err)
{
	const struct place *place = context;
	struct survey survey = {0};
	char buffer[NOTE_MAX];
	struct text text;
	struct host host;
	int r = host_open(&host, err);

	(void)ret_fds;
	(void)ret_n_fds;
	if (r < 0)
		return r;
	r = survey_seal(&host, &survey, err);
	host_done(&host);
	text_init(&text, buffer, sizeof(buffer));
	if (r == 0) {
		print_note(&survey.plan, &text);
		r = write_note(place->before, &text, err);
		survey_done(&survey);
	}
	return r;
}

int foreign_note(const struct place *place, const struct inside *inside, struct error *err)
{
	struct place copy = *place;

	if (access(place->before, F_OK) == 0)
		return 0;
	return inside_call(inside, note, &copy, NULL, NULL, err);
}

static bool read_setting(const char *line, struct step *ret)
{
	size_t len = strcspn(line, " ");

	*ret = (struct step){.kind = STEP_SYSCTL_SET};
	if (strncmp(line, "net/", 4) != 0 || line[len] == '\0' || len >= sizeof(ret->sysctl.path) ||
	    strlen(line + len + 1) >= sizeof(ret->sysctl.value))
		return false;
	memcpy(ret->sysctl.path, line, len);
	(void)snprintf(ret->sysctl.value, sizeof(ret->sysctl.value), "%s", line + len + 1);
	return true;
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}

/* Settings come before links in a plan. */
static int read_note(char *text, struct plan *ret)
{
	struct step lo = {.kind = STEP_LINK_UP, .link = {.name = "lo"}};
	struct plan plan = {.step = calloc(count_lines(text) + 1, sizeof(*plan.step))};
	bool is_up = false;
	char *line;

	if (!plan.step)
		return -ENOMEM;
	while ((line = strsep(&text, "\n"))) {
		if (read_setting(line, &plan.step[plan.n_steps]))
			plan.n_steps++;
		is_up = is_up || strcmp(line, lo_is_up) == 0;
	}
	if (is_up)
		plan.step[plan.n_steps++] = lo;
	*ret = plan;
	return 0;
}

int foreign_restore(const struct place *place, const struct inside *inside, struct error *err)
{
	const union endpoint nowhere = {.any.sa_family = AF_UNSPEC};
	struct plan plan = {0};
	struct converge wanted = {.place = place, .inside = inside, .plan = &plan, .tun = -1};
	char text[NOTE_MAX];
	int tun = -1;
	int r = fd_read_file(place->before, text, sizeof(text));

	if (r == -ENOENT)
		return 0;
	if (r >= 0)
		r = read_note(text, &plan);
	if (r < 0)
		return error_errno(err, -r, "cannot read '%s'", place->before);
	plan.has_ipv6 = observe_environment(NULL, &nowhere, 0).has_ipv6;
	r = converge(&wanted, &tun, err);
	plan_done(&plan);
	return r < 0 ? r : 0;
}
