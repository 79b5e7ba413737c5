/* How it works.  What is found and what is desired are compared whole, by
 * step_compare() over two sorted lists.  What is in both is kept, unless the kernel
 * takes it away by itself in between: then it is made anew.  For that a first walk
 * notes the links that lose something (`struct loss`).
 *
 * A setting, the tunnel or the firewall that is there but different is not removed
 * and made, but changed in its place.
 */
#include "plan/diff.h"

#include "base/error.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

enum { LOSSES_MAX = 64 };

/* What goes with something that is removed from a link. */
struct loss {
	const char *link;
	bool everything;  /* the link itself goes */
	bool routes;	  /* it goes down */
	bool ipv4_routes; /* it loses its last IPv4 address */
};

/* One of both lists. */
struct side {
	const struct step *step;
	size_t n_steps;
	const struct step **sorted; /* by step_compare(); owned */
	bool *is_kept;		    /* one for each step; owned */
};

struct diff {
	struct side desired;
	struct side found;
	struct loss loss[LOSSES_MAX];
	size_t n_losses;
	struct plan changes;
};

/* What a network namespace has without anybody's asking.  The addresses come with
 * lo, when it is first set up.
 */
static const struct {
	uint8_t family;
	uint32_t priority;
	uint32_t table;
} usual_rules[] = {
	{AF_INET, 0, RT_TABLE_LOCAL},	    {AF_INET, 32766, RT_TABLE_MAIN},
	{AF_INET, 32767, RT_TABLE_DEFAULT}, {AF_INET6, 0, RT_TABLE_LOCAL},
	{AF_INET6, 32766, RT_TABLE_MAIN},
};

static const char *const usual_addresses[] = {"127.0.0.1/8", "::1/128"};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

enum { N_USUAL = LEN(usual_rules) + LEN(usual_addresses) };

static int compare_pointers(const void *left, const void *right)
{
	const struct step *const *a = left;
	const struct step *const *b = right;

	return step_compare(*a, *b);
}

static int sort(struct side *side, const struct step *steps, size_t n_steps)
{
	side->step = steps;
	side->n_steps = n_steps;
	side->sorted = calloc(n_steps + 1, sizeof(const struct step *));
	side->is_kept = calloc(n_steps + 1, sizeof(*side->is_kept));
	if (!side->sorted || !side->is_kept)
		return -ENOMEM;
	for (size_t i = 0; i < n_steps; i++)
		side->sorted[i] = &steps[i];
	qsort(side->sorted, n_steps, sizeof(const struct step *), compare_pointers);
	return 0;
}

/* The first that does not come before `step`. */
static size_t place_of(const struct side *side, const struct step *step)
{
	size_t from = 0;
	size_t to = side->n_steps;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (step_compare(side->sorted[middle], step) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Equal in all that counts. */
static bool has(const struct side *side, const struct step *step)
{
	size_t i = place_of(side, step);

	return i < side->n_steps && step_compare(side->sorted[i], step) == 0;
}

/* The same object, whatever it is like; NULL: there is none.  What tells objects
 * apart is compared first, so it stands just before or after.
 */
static const struct step *find_object(const struct side *side, const struct step *step)
{
	size_t i = place_of(side, step);

	if (i < side->n_steps && step_is_same_object(side->sorted[i], step))
		return side->sorted[i];
	if (i > 0 && step_is_same_object(side->sorted[i - 1], step))
		return side->sorted[i - 1];
	return NULL;
}

static bool is_tunnel(enum step_kind kind)
{
	return kind == STEP_TUN_CREATE || kind == STEP_WIREGUARD_CREATE;
}

static bool is_changed_in_place(enum step_kind kind)
{
	return kind == STEP_SYSCTL_SET || kind == STEP_FIREWALL_LOAD || is_tunnel(kind);
}

/* Removed: found, and neither desired nor to be changed where it is. */
static bool is_going(const struct diff *diff, const struct step *found)
{
	if (has(&diff->desired, found))
		return false;
	return !is_changed_in_place(found->kind) || !find_object(&diff->desired, found);
}

static struct loss *loss_of(struct diff *diff, const char *link)
{
	for (size_t i = 0; i < diff->n_losses; i++)
		if (strcmp(diff->loss[i].link, link) == 0)
			return &diff->loss[i];
	if (diff->n_losses == LOSSES_MAX)
		return NULL;
	diff->loss[diff->n_losses] = (struct loss){.link = link};
	return &diff->loss[diff->n_losses++];
}

static bool is_ipv4_address_of(const struct step *step, const char *link)
{
	return step->kind == STEP_ADDRESS_ADD && address_is_v4(&step->address.address.address) &&
	       strcmp(step->address.link, link) == 0;
}

static bool keeps_ipv4_address(const struct diff *diff, const char *link)
{
	for (size_t i = 0; i < diff->found.n_steps; i++)
		if (is_ipv4_address_of(&diff->found.step[i], link) &&
		    !is_going(diff, &diff->found.step[i]))
			return true;
	return false;
}

/* Not the link in the tunnel's place, where the tunnel is found elsewhere. */
static bool takes_link_away(const struct diff *diff, const struct step *going)
{
	struct step tunnel = {.kind = STEP_TUN_CREATE};
	struct step kernels = {.kind = STEP_WIREGUARD_CREATE, .side = SIDE_HOST};

	if (going->kind != STEP_LINK_CREATE)
		return is_tunnel(going->kind) || going->kind == STEP_VETH_CREATE;
	memcpy(tunnel.tun.name, going->create.name, sizeof(tunnel.tun.name));
	memcpy(kernels.tun.name, going->create.name, sizeof(kernels.tun.name));
	return !find_object(&diff->found, &tunnel) && !find_object(&diff->found, &kernels);
}

static void note_loss(struct diff *diff, const struct step *going)
{
	const char *link = step_link_name(going);
	struct loss *loss;

	if (!link[0] || going->kind == STEP_ROUTE_ADD)
		return;
	loss = loss_of(diff, link);
	/* Of more links than adit ever has, the rest takes one more round. */
	if (!loss)
		return;
	loss->everything = loss->everything || takes_link_away(diff, going);
	loss->routes = loss->routes || going->kind == STEP_LINK_UP;
	if (is_ipv4_address_of(going, link) && !loss->ipv4_routes)
		loss->ipv4_routes = !keeps_ipv4_address(diff, link);
}

/* Whether the kernel takes away what is found and desired. */
static bool gets_lost(const struct diff *diff, const struct step *step)
{
	const char *link = step_link_name(step);
	const struct loss *loss = NULL;

	for (size_t i = 0; link[0] && i < diff->n_losses; i++)
		if (strcmp(diff->loss[i].link, link) == 0)
			loss = &diff->loss[i];
	if (!loss)
		return false;
	if (loss->everything)
		return true;
	if (step->kind != STEP_ROUTE_ADD)
		return false;
	return loss->routes || (loss->ipv4_routes && address_is_v4(&step->route.to.address));
}

static void find_kept(struct diff *diff)
{
	for (size_t i = 0; i < diff->found.n_steps; i++)
		if (is_going(diff, &diff->found.step[i]))
			note_loss(diff, &diff->found.step[i]);
	for (size_t i = 0; i < diff->found.n_steps; i++) {
		const struct step *step = &diff->found.step[i];

		diff->found.is_kept[i] = !is_going(diff, step) && !gets_lost(diff, step);
	}
	for (size_t i = 0; i < diff->desired.n_steps; i++) {
		const struct step *step = &diff->desired.step[i];

		diff->desired.is_kept[i] = has(&diff->found, step) && !gets_lost(diff, step);
	}
}

static struct step *emit(struct diff *diff, const struct step *step)
{
	struct step *change = &diff->changes.step[diff->changes.n_steps++];

	*change = *step;
	return change;
}

static void emit_firewalls(struct diff *diff)
{
	for (size_t i = 0; i < diff->desired.n_steps; i++) {
		const struct step *step = &diff->desired.step[i];

		if (step->kind == STEP_FIREWALL_LOAD && !diff->desired.is_kept[i])
			emit(diff, step)->firewall.is_replaced =
				find_object(&diff->found, step) != NULL;
	}
}

/* What is `found`, without its firewalls or they alone, last one first. */
static void emit_removals(struct diff *diff, bool of_firewalls)
{
	for (size_t i = diff->found.n_steps; i-- > 0;) {
		const struct step *step = &diff->found.step[i];

		if (diff->found.is_kept[i] || (step->kind == STEP_FIREWALL_LOAD) != of_firewalls)
			continue;
		/* A setting of nobody's stays: it goes with its namespace or link. */
		if (step->kind != STEP_SYSCTL_SET)
			emit(diff, step)->is_removal = true;
	}
}

static void emit_setting(struct diff *diff, const struct step *step, const struct step *found)
{
	struct step *change = emit(diff, step);

	if (found)
		memcpy(change->sysctl.restore, found->sysctl.value, sizeof(found->sysctl.value));
}

/* What bears the name that the tunnel is to have again. */
static void emit_impostor(struct diff *diff, const struct step *tunnel)
{
	for (size_t i = 0; i < diff->found.n_steps; i++) {
		const struct step *step = &diff->found.step[i];

		if (step->kind != STEP_LINK_CREATE || diff->found.is_kept[i] ||
		    strcmp(step->create.name, tunnel->tun.name) != 0)
			continue;
		emit(diff, step)->is_removal = true;
		diff->found.is_kept[i] = true;
	}
}

/* Before anything else is done to the tunnel, whose name that needs. */
static void emit_alterations(struct diff *diff)
{
	for (size_t i = 0; i < diff->desired.n_steps; i++) {
		const struct step *step = &diff->desired.step[i];
		const struct step *found = find_object(&diff->found, step);
		struct step change = {.kind = STEP_LINK_ALTER};

		if (!is_tunnel(step->kind) || !found || diff->desired.is_kept[i])
			continue;
		emit_impostor(diff, step);
		change.alter = (struct step_alter){.from = found->tun, .to = step->tun};
		(void)emit(diff, &change);
		diff->desired.is_kept[i] = true;
	}
}

static void emit_addition(struct diff *diff, const struct step *step)
{
	if (step->kind == STEP_SYSCTL_SET)
		emit_setting(diff, step, find_object(&diff->found, step));
	else
		(void)emit(diff, step);
}

static void emit_additions(struct diff *diff)
{
	for (size_t i = 0; i < diff->desired.n_steps; i++)
		if (!diff->desired.is_kept[i] && diff->desired.step[i].kind != STEP_FIREWALL_LOAD)
			emit_addition(diff, &diff->desired.step[i]);
}

static void add_usual_rules(struct step *steps, size_t *n_steps, bool has_ipv6)
{
	for (size_t i = 0; i < LEN(usual_rules); i++) {
		struct step *step = &steps[*n_steps];

		if (usual_rules[i].family == AF_INET6 && !has_ipv6)
			continue;
		step->kind = STEP_RULE_ADD;
		step->rule.family = usual_rules[i].family;
		step->rule.action = FR_ACT_TO_TBL;
		step->rule.priority = usual_rules[i].priority;
		step->rule.table = usual_rules[i].table;
		(*n_steps)++;
	}
}

static bool has_lo_up(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->step[i].kind == STEP_LINK_UP &&
		    strcmp(plan->step[i].link.name, "lo") == 0)
			return true;
	return false;
}

static bool has_object(const struct plan *plan, const struct step *step)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (step_is_same_object(&plan->step[i], step))
			return true;
	return false;
}

/* They come by themselves when lo goes up. */
static void add_usual_addresses(struct step *steps, size_t *n_steps, bool has_ipv6,
				const struct plan *found)
{
	for (size_t i = 0; i < LEN(usual_addresses); i++) {
		struct step step = {.kind = STEP_ADDRESS_ADD, .address = {.link = "lo"}};

		(void)prefix_parse(usual_addresses[i], strlen(usual_addresses[i]),
				   &step.address.address);
		if (!address_is_v4(&step.address.address.address) && !has_ipv6)
			continue;
		if (has_lo_up(found) || has_object(found, &step))
			steps[(*n_steps)++] = step;
	}
}

/* The desired steps, with the usual ones where those need to be looked at: behind
 * the settings, since those of IPv6 decide whether it has any address.
 */
static struct step *complete(const struct plan *desired, const struct plan *found,
			     size_t *ret_n_steps)
{
	struct step *steps = calloc(desired->n_steps + N_USUAL, sizeof(*steps));
	size_t n_steps = 0;
	size_t i = 0;

	if (!steps)
		return NULL;
	while (i < desired->n_steps && desired->step[i].kind <= STEP_SYSCTL_SET)
		steps[n_steps++] = desired->step[i++];
	if (desired->side == SIDE_INSIDE) {
		add_usual_rules(steps, &n_steps, desired->has_ipv6);
		add_usual_addresses(steps, &n_steps, desired->has_ipv6, found);
	}
	while (i < desired->n_steps)
		steps[n_steps++] = desired->step[i++];
	*ret_n_steps = n_steps;
	return steps;
}

static int copy_rulesets(const struct plan *desired, struct plan *ret)
{
	for (size_t i = 0; i < SIDES; i++) {
		if (!desired->ruleset[i])
			continue;
		ret->ruleset[i] = strdup(desired->ruleset[i]);
		if (!ret->ruleset[i])
			return -ENOMEM;
	}
	return 0;
}

/* Prepares both lists and room for the changes. */
static int begin(struct diff *diff, const struct step *desired, size_t n_desired,
		 const struct plan *found)
{
	int r = sort(&diff->desired, desired, n_desired);

	if (r == 0)
		r = sort(&diff->found, found->step, found->n_steps);
	if (r < 0)
		return r;
	diff->changes.step = calloc(n_desired + found->n_steps + 1, sizeof(*diff->changes.step));
	return diff->changes.step ? 0 : -ENOMEM;
}

static void forget(struct side *side)
{
	free(side->sorted);
	free(side->is_kept);
}

static int compare(struct diff *diff, const struct plan *desired, const struct plan *found)
{
	size_t n_steps = 0;
	struct step *steps = complete(desired, found, &n_steps);
	int r = steps ? begin(diff, steps, n_steps, found) : -ENOMEM;

	if (r == 0)
		r = copy_rulesets(desired, &diff->changes);
	if (r == 0) {
		find_kept(diff);
		emit_firewalls(diff);
		emit_alterations(diff);
		emit_removals(diff, false);
		emit_additions(diff);
		emit_removals(diff, true);
	}
	forget(&diff->desired);
	forget(&diff->found);
	free(steps);
	return r;
}

int plan_diff(const struct plan *desired, const struct plan *found, struct plan *ret_changes,
	      struct error *err)
{
	struct diff *diff = calloc(1, sizeof(*diff));
	int r = diff ? compare(diff, desired, found) : -ENOMEM;

	if (r == 0) {
		diff->changes.mtu = desired->mtu;
		diff->changes.side = desired->side;
		memcpy(diff->changes.host_table, desired->host_table,
		       sizeof(diff->changes.host_table));
		memcpy(diff->changes.host_link, desired->host_link,
		       sizeof(diff->changes.host_link));
		diff->changes.has_ipv6 = desired->has_ipv6;
		*ret_changes = diff->changes;
	} else if (diff) {
		plan_done(&diff->changes);
	}
	free(diff);
	return r < 0 ? error_errno(err, -r, "cannot compare what is with what should be") : 0;
}
