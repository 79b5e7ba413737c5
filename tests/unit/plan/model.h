/* A made-up network namespace that steps change as they change a real one: what is in
 * it is a list of steps that would make it so, and the kernel's own doings are done.
 */
#ifndef ADIT_TESTS_UNIT_PLAN_MODEL_H
#define ADIT_TESTS_UNIT_PLAN_MODEL_H

#include "plan/plan.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MODEL_MAX = 256 };

struct model {
	struct step fact[MODEL_MAX];
	size_t n_facts;
	const char *fault; /* what a real namespace would not have done; NULL: nothing */
};

/* As a survey would list it: the place of the kind in the order of a plan. */
static inline int model_rank(const struct step *step)
{
	static const int ranks[STEP_KINDS] = {
		[STEP_FIREWALL_LOAD] = 0,    [STEP_SYSCTL_SET] = 1,  [STEP_RULE_ADD] = 2,
		[STEP_LINK_CREATE] = 3,	     [STEP_VETH_CREATE] = 3, [STEP_TUN_CREATE] = 3,
		[STEP_WIREGUARD_CREATE] = 3, [STEP_ADDRESS_ADD] = 4, [STEP_LINK_UP] = 5,
		[STEP_ROUTE_ADD] = 6,
	};

	return ranks[step->kind];
}

static inline int model_order(const void *left, const void *right)
{
	int a = model_rank(left);
	int b = model_rank(right);

	return a != b ? a - b : step_compare(left, right);
}

static inline struct plan model_list(struct model *model)
{
	qsort(model->fact, model->n_facts, sizeof(model->fact[0]), model_order);
	return (struct plan){.step = model->fact, .n_steps = model->n_facts, .has_ipv6 = true};
}

static inline struct step *model_find(struct model *model, const struct step *step)
{
	for (size_t i = 0; i < model->n_facts; i++)
		if (step_is_same_object(&model->fact[i], step))
			return &model->fact[i];
	return NULL;
}

static inline bool model_has(struct model *model, const struct step *step)
{
	const struct step *found = model_find(model, step);

	return found && step_compare(found, step) == 0;
}

static inline void model_put(struct model *model, const struct step *step)
{
	struct step *fact = &model->fact[model->n_facts++];

	*fact = *step;
	fact->is_removal = false;
	memset(fact->sysctl.restore, 0,
	       step->kind == STEP_SYSCTL_SET ? sizeof(fact->sysctl.restore) : 0);
	if (step->kind == STEP_FIREWALL_LOAD)
		fact->firewall.is_replaced = false;
}

static inline bool model_is_link(const struct step *step)
{
	return step->kind == STEP_TUN_CREATE || step->kind == STEP_WIREGUARD_CREATE ||
	       step->kind == STEP_LINK_CREATE;
}

static inline bool model_has_link(struct model *model, const char *name)
{
	for (size_t i = 0; i < model->n_facts; i++)
		if (model_is_link(&model->fact[i]) &&
		    strcmp(step_link_name(&model->fact[i]), name) == 0)
			return true;
	return strcmp(name, "lo") == 0;
}

static inline bool model_is_up(struct model *model, const char *name)
{
	struct step up = {.kind = STEP_LINK_UP};

	(void)snprintf(up.link.name, sizeof(up.link.name), "%s", name);
	return model_find(model, &up) != NULL;
}

typedef bool (*model_test)(const struct step *fact, const void *context);

static inline void model_drop(struct model *model, model_test test, const void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < model->n_facts; i++)
		if (!test(&model->fact[i], context))
			model->fact[kept++] = model->fact[i];
	model->n_facts = kept;
}

static inline bool model_is_of_link(const struct step *fact, const void *context)
{
	return strcmp(step_link_name(fact), context) == 0;
}

static inline bool model_is_route_of(const struct step *fact, const void *context)
{
	return fact->kind == STEP_ROUTE_ADD && model_is_of_link(fact, context);
}

static inline bool model_is_ipv4_route_of(const struct step *fact, const void *context)
{
	return model_is_route_of(fact, context) && address_is_v4(&fact->route.to.address);
}

static inline bool model_is_same(const struct step *fact, const void *context)
{
	return step_is_same_object(fact, context);
}

static inline bool model_has_ipv4(const struct model *model, const char *link)
{
	for (size_t i = 0; i < model->n_facts; i++)
		if (model->fact[i].kind == STEP_ADDRESS_ADD &&
		    address_is_v4(&model->fact[i].address.address.address) &&
		    strcmp(model->fact[i].address.link, link) == 0)
			return true;
	return false;
}

static inline void model_remove(struct model *model, const struct step *step)
{
	char link[IFNAMSIZ];

	(void)snprintf(link, sizeof(link), "%s", step_link_name(step));
	if (!model_find(model, step))
		return;
	model_drop(model, model_is_same, step);
	if (model_is_link(step))
		model_drop(model, model_is_of_link, link);
	else if (step->kind == STEP_LINK_UP)
		model_drop(model, model_is_route_of, link);
	else if (step->kind == STEP_ADDRESS_ADD && address_is_v4(&step->address.address.address) &&
		 !model_has_ipv4(model, link))
		model_drop(model, model_is_ipv4_route_of, link);
}

/* lo has its addresses as soon as it is up. */
static inline void model_lo_up(struct model *model)
{
	static const char *const texts[] = {"127.0.0.1/8", "::1/128"};

	for (size_t i = 0; i < 2; i++) {
		struct step step = {.kind = STEP_ADDRESS_ADD, .address = {.link = "lo"}};

		(void)prefix_parse(texts[i], strlen(texts[i]), &step.address.address);
		if (!model_find(model, &step))
			model_put(model, &step);
	}
}

/* Two routes that the kernel would not have side by side. */
static inline bool model_is_rival(const struct step *a, const struct step *b)
{
	return a->kind == STEP_ROUTE_ADD && b->kind == STEP_ROUTE_ADD &&
	       a->route.table == b->route.table && a->route.metric == b->route.metric &&
	       a->route.tos == b->route.tos && a->route.to.len == b->route.to.len &&
	       address_equal(&a->route.to.address, &b->route.to.address);
}

static inline const char *model_obstacle(struct model *model, const struct step *step)
{
	const char *link = step_link_name(step);

	if (model_is_link(step))
		return model_has_link(model, link) ? "a link of that name is there" : NULL;
	if (link[0] && !model_has_link(model, link))
		return "no such link";
	if (step->kind == STEP_ROUTE_ADD && link[0] && !model_is_up(model, link))
		return "the link is down";
	if (step->kind == STEP_ADDRESS_ADD && model_find(model, step))
		return "the address is there";
	for (size_t i = 0; i < model->n_facts; i++)
		if (model_is_rival(&model->fact[i], step))
			return "a route to there is there";
	return NULL;
}

static inline void model_alter(struct model *model, const struct step_alter *alter)
{
	for (size_t i = 0; i < model->n_facts; i++)
		if (model_is_link(&model->fact[i]) &&
		    strcmp(step_link_name(&model->fact[i]), alter->from.name) == 0)
			model->fact[i].tun = alter->to;
}

static inline void model_apply(struct model *model, const struct step *step)
{
	const char *obstacle;

	if (step->is_removal) {
		model_remove(model, step);
		return;
	}
	if (step->kind == STEP_LINK_ALTER) {
		model_alter(model, &step->alter);
		return;
	}
	if (step->kind == STEP_FIREWALL_LOAD || step->kind == STEP_SYSCTL_SET ||
	    step->kind == STEP_LINK_UP || step->kind == STEP_RULE_ADD)
		model_drop(model, model_is_same, step);
	obstacle = model_obstacle(model, step);
	if (obstacle) {
		model->fault = obstacle;
		return;
	}
	model_put(model, step);
	if (step->kind == STEP_LINK_UP && strcmp(step->link.name, "lo") == 0)
		model_lo_up(model);
}

#endif
