#include "audit/check_network.h"

#include "apply/survey.h"
#include "audit/finding.h"
#include "base/text.h"
#include "plan/plan.h"
#include "plan/print.h"
#include "plan/veth.h"

#include <string.h>

enum { LINE_LEN = 160 };

static const struct finding remark = {.promises = 1U << PROMISE_ONLY_TUNNEL};
static const struct finding tunnel_left = {
	.promises = 1U << PROMISE_ONLY_TUNNEL,
	.verdict = VERDICT_BROKEN,
};
static const struct finding way_out = {
	.promises = 1U << PROMISE_ONLY_TUNNEL | 1U << PROMISE_NO_WAY_TO_HOST,
	.verdict = VERDICT_BROKEN,
};
static const struct finding unknown_tunnel = {
	.promises = 1U << PROMISE_ONLY_TUNNEL,
	.verdict = VERDICT_UNKNOWN,
};

struct check {
	const struct plan *desired;
	struct finding_list *findings;
};

static const char *line_of(const struct step *step, char buffer[LINE_LEN])
{
	struct text text;

	text_init(&text, buffer, LINE_LEN);
	print_step(step, &text);
	return buffer;
}

/* Nothing gets out by what is merely missing or different. */
static void remark_on(const struct check *check, const struct step *step)
{
	char line[LINE_LEN];

	finding_add(check->findings, &remark, "not as its file says; to be done: %s",
		    line_of(step, line));
}

/* One of a step's link names is planned: the tunnel, lo, eth-lan. */
static bool is_planned(const struct check *check, const char *link)
{
	for (size_t i = 0; i < check->desired->n_steps; i++)
		if (strcmp(step_link_name(&check->desired->step[i]), link) == 0)
			return true;
	return false;
}

static void judge_firewall(const struct check *check, const struct step *step)
{
	finding_add(check->findings, &way_out, "the firewall that drops everything %s",
		    step->firewall.is_replaced ? "is not the one that its file asks for"
					       : "is gone");
}

static void judge_setting(const struct check *check, const struct step *step)
{
	const char *last = strrchr(step->sysctl.path, '/');

	if (last && strcmp(last, "/forwarding") == 0)
		finding_add(check->findings, &way_out,
			    "%s is not %s: packets of others are passed on", step->sysctl.path,
			    step->sysctl.value);
	else
		remark_on(check, step);
}

static void judge_rule(const struct check *check, const struct step *step)
{
	char line[LINE_LEN];

	if (!step->is_removal)
		remark_on(check, step);
	else
		finding_add(check->findings, &tunnel_left,
			    "a routing rule is not adit's, so other routes may hold (%s)",
			    line_of(step, line));
}

static void judge_impostor(const struct check *check, const struct step *step)
{
	if (!step->is_removal)
		remark_on(check, step);
	else
		finding_add(check->findings, &way_out,
			    "link '%s' has the tunnel's name and is no tunnel of adit's",
			    step->create.name);
}

static void judge_veth(const struct check *check, const struct step *step)
{
	if (step->is_removal)
		finding_add(check->findings, &way_out,
			    "link '%s' leads to the host, and its file asks for none",
			    step_link_name(step));
	else
		remark_on(check, step);
}

static void judge_tunnel(const struct check *check, const struct step *step)
{
	if (step->is_removal)
		finding_add(check->findings, &unknown_tunnel,
			    "the tunnel '%s' is not the one that its file asks for",
			    step->tun.name);
	else
		remark_on(check, step);
}

/* What goes by it stays inside, or goes by the tunnel. */
static bool is_harmless(const struct check *check, const char *link)
{
	for (size_t i = 0; i < check->desired->n_steps; i++) {
		const struct step *step = &check->desired->step[i];

		if ((step->kind == STEP_TUN_CREATE || step->kind == STEP_WIREGUARD_CREATE) &&
		    strcmp(step->tun.name, link) == 0)
			return true;
	}
	return strcmp(link, "lo") == 0;
}

static void judge_found_route(const struct check *check, const struct step *step)
{
	const struct step_route *route = &step->route;
	char line[LINE_LEN];

	if (route->way == WAY_SEVERAL ||
	    (route->way == WAY_LINK && !is_harmless(check, route->link)))
		finding_add(check->findings, &way_out, "a route leads past the tunnel (%s)",
			    line_of(step, line));
	else
		remark_on(check, step);
}

static void judge_route(const struct check *check, const struct step *step)
{
	char to[PREFIX_TEXT_LEN];

	if (step->is_removal)
		judge_found_route(check, step);
	else if (step->route.way == WAY_UNREACHABLE)
		finding_add(check->findings, &tunnel_left,
			    "the unreachable route behind the tunnel is gone (%s)",
			    prefix_print(&step->route.to, to));
	else
		remark_on(check, step);
}

static void (*const judges[STEP_KINDS])(const struct check *check, const struct step *step) = {
	[STEP_FIREWALL_LOAD] = judge_firewall, [STEP_SYSCTL_SET] = judge_setting,
	[STEP_RULE_ADD] = judge_rule,	       [STEP_LINK_UP] = remark_on,
	[STEP_LINK_CREATE] = judge_impostor,   [STEP_VETH_CREATE] = judge_veth,
	[STEP_TUN_CREATE] = judge_tunnel,      [STEP_WIREGUARD_CREATE] = judge_tunnel,
	[STEP_LINK_ALTER] = remark_on,	       [STEP_ADDRESS_ADD] = remark_on,
	[STEP_ROUTE_ADD] = judge_route,
};

/* A socket of AF_PACKET hands its packets to a link past the firewall of the IP layer. */
static void judge_links(const struct check *check, const struct survey *survey)
{
	for (size_t i = 0; i < survey->n_foreign && i < SURVEY_FOREIGN_MAX; i++)
		if (!is_planned(check, survey->foreign[i]))
			finding_add(check->findings, &way_out,
				    "link '%s' is not adit's, and raw packets can leave by it",
				    survey->foreign[i]);
	if (survey->n_foreign > SURVEY_FOREIGN_MAX)
		finding_add(check->findings, &way_out, "%zu more links are not adit's",
			    survey->n_foreign - SURVEY_FOREIGN_MAX);
}

static void judge_host_step(const struct check *check, const struct step *step)
{
	struct finding about = {.promises = 1U << PROMISE_HOST_UNTOUCHED};
	char line[LINE_LEN];

	if (step->kind == STEP_FIREWALL_LOAD)
		finding_add(check->findings, &way_out, "on the host, its table %s",
			    step->firewall.is_replaced ? "is not the one that its file asks for"
						       : "is gone");
	else
		finding_add(check->findings, &about,
			    "on the host, not as its file says; to be done: %s",
			    line_of(step, line));
}

static void judge_host(const struct check *check, const struct plan *changes)
{
	const struct finding about = {.promises = 1U << PROMISE_HOST_UNTOUCHED};

	for (size_t i = 0; i < changes->n_steps; i++)
		judge_host_step(check, &changes->step[i]);
	finding_add(check->findings, &about,
		    is_planned(check, VETH_INSIDE)
			    ? "what its file changes there is noted, to be put back; what others "
			      "change cannot be told"
			    : "its file changes nothing there; what others change cannot be told");
}

void check_network(const struct check_network *seen, struct finding_list *findings)
{
	const struct check check = {.desired = seen->desired, .findings = findings};

	for (size_t i = 0; i < seen->changes->n_steps; i++)
		judges[seen->changes->step[i].kind](&check, &seen->changes->step[i]);
	judge_links(&check, seen->survey);
	judge_host(&check, seen->host_changes);
}
