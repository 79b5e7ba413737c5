#include "supervise/preview.h"

#include "apply/apply.h"
#include "apply/record.h"
#include "apply/survey.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "plan/diff.h"
#include "supervise/control.h"
#include "supervise/foreign.h"
#include "supervise/inside.h"
#include "supervise/ledger.h"
#include "supervise/life.h"
#include "supervise/names.h"
#include "supervise/place.h"
#include "supervise/prepare.h"
#include "supervise/seal.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ANSWER_NS (5 * NS_PER_S)

struct work {
	struct prepared prepared;
	const struct tunnel_backend *backend;
	const struct plan *host;  /* what is to be done there */
	struct plan host_changes; /* owned */
	struct place place;
	char path[PROFILE_PATH_LEN];
	char resolv_conf[NAMES_FILE_MAX];
	const struct preview_with *with;
};

static struct preview begin(const struct work *work)
{
	return (struct preview){
		/* not the profile's: a child cannot read it */
		.name = work->place.name,	  .backend = work->backend->name,
		.desired = &work->prepared.plan,  .host = work->host,
		.resolv_conf = work->resolv_conf, .path = work->path,
	};
}

/* ---- not there yet ---- */

static bool has_step(const struct plan *plan, const struct step *step)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (step_compare(&plan->step[i], step) == 0)
			return true;
	return false;
}

static bool has_rules(const struct plan *plan, const struct plan *desired)
{
	return strcmp(plan->ruleset[SIDE_INSIDE], desired->ruleset[SIDE_INSIDE]) == 0;
}

/* What the file adds to a sealed namespace; borrows the rules. */
static int subtract(const struct plan *desired, const struct plan *seal, struct plan *ret)
{
	struct plan rest = *desired;

	rest.step = calloc(desired->n_steps, sizeof(*rest.step));
	rest.n_steps = 0;
	if (!rest.step)
		return -ENOMEM;
	for (size_t i = 0; i < desired->n_steps; i++)
		if (desired->step[i].kind == STEP_FIREWALL_LOAD
			    ? !has_rules(seal, desired)
			    : !has_step(seal, &desired->step[i]))
			rest.step[rest.n_steps++] = desired->step[i];
	*ret = rest;
	return 0;
}

/* As seal_make() does it, which adit-netns@ calls without a plan. */
static int plan_first(const struct work *work, struct plan *ret, struct error *err)
{
	const struct plan *desired = &work->prepared.plan;
	const struct plan_environment environment = {.has_ipv6 = desired->has_ipv6,
						     .ping_gid = getegid()};
	struct plan seal;
	int r;

	if (!work->with->has_units && work->host->n_steps == 0 && !work->path[0])
		return plan_beginning(desired, ret, err);
	r = plan_seal(&environment, &seal, err);
	if (r < 0)
		return r;
	r = plan_beginning(&seal, ret, err);
	plan_done(&seal);
	return r;
}

static int tell_new(struct work *work, struct error *err)
{
	struct preview preview = begin(work);
	struct plan seal;
	struct plan rest;
	int r = plan_first(work, &seal, err);

	if (r < 0)
		return r;
	r = subtract(preview.desired, &seal, &rest);
	if (r == 0) {
		preview.part[0] = &seal;
		preview.part[1] = &rest;
		preview.n_parts = 2;
		r = work->with->tell(work->with->context, &preview, err);
		free(rest.step);
	} else {
		(void)error_errno(err, -r, "cannot make a plan");
	}
	plan_done(&seal);
	return r;
}

/* ---- there ---- */

static int compare(struct work *work, struct host *host, struct error *err)
{
	struct preview preview = begin(work);
	struct survey survey;
	struct plan changes;
	int r = survey_network(host, preview.desired, &survey, err);

	if (r < 0)
		return r;
	r = plan_diff(preview.desired, &survey.plan, &changes, err);
	if (r == 0) {
		preview.survey = &survey;
		preview.part[0] = &changes;
		preview.n_parts = 1;
		r = work->with->tell(work->with->context, &preview, err);
		plan_done(&changes);
	}
	survey_done(&survey);
	return r;
}

/* On the host. */
static int compare_host(struct work *work, const struct inside *inside, struct error *err)
{
	struct record record = {0};
	struct survey survey;
	struct host host;
	int r = host_open(&host, err);

	if (r < 0)
		return r;
	(void)record_load(work->place.record, &record, NULL);
	host.record = &record;
	host.netns = inside->netns;
	r = survey_network(&host, &work->prepared.host, &survey, err);
	if (r == 0) {
		r = plan_diff(&work->prepared.host, &survey.plan, &work->host_changes, err);
		work->host = &work->host_changes;
		survey_done(&survey);
	}
	record_done(&record);
	host_done(&host);
	return r;
}

/* In the child, inside. */
static int tell_difference(void *context, int ret_fds[FD_PASS_MAX], size_t *ret_n_fds,
			   struct error *err)
{
	struct work *work = context;
	struct record record = {0};
	struct host host;
	int r = host_open(&host, err);

	(void)ret_fds;
	(void)ret_n_fds;
	if (r < 0)
		return r;
	(void)record_load(work->place.record, &record, NULL);
	host.record = &record;
	r = compare(work, &host, err);
	record_done(&record);
	host_done(&host);
	return r;
}

/* A name may have been looked up since, and the way to its address counts. */
static void take_mtu(struct work *work, const json_t *status)
{
	json_int_t mtu = json_integer_value(json_object_get(status, "mtu"));

	if (work->prepared.profile->mtu == 0 && mtu > 0 && mtu <= UINT16_MAX)
		work->prepared.profile->mtu = (uint16_t)mtu;
}

static int look(struct work *work, const struct inside *inside, struct error *err)
{
	const struct preview_with *with = work->with;
	json_t *status = NULL;
	int r = 0;

	if (with->look || work->prepared.profile->mtu == 0)
		(void)control_ask(&work->place, CONTROL_STATUS, ANSWER_NS, &status, NULL);
	take_mtu(work, status);
	if (with->look)
		r = with->look(with->context, inside, status, err);
	json_decref(status);
	return r;
}

static bool is_there(struct work *work, struct inside *ret)
{
	return work->prepared.profile->name[0] &&
	       place_find(work->prepared.profile->name, &work->place, NULL) == 0 &&
	       seal_open(&work->place, ret, NULL) == 0;
}

/* What is wanted by name is shown also to who may not have it. */
static int choose_backend(struct work *work, struct error *err)
{
	if (work->prepared.profile->backend != BACKEND_KERNEL)
		return tunnel_choose(work->prepared.profile, &work->backend, err);
	work->backend = &tunnel_backend_kernel;
	return 0;
}

/* What `up` would say of it; who may not enter it sees the plan all the same. */
static int check_path(const struct work *work, struct error *err)
{
	const struct foreign_origin origin = foreign_origin(work->prepared.profile);
	int r;

	if (!origin.path[0] || geteuid() != 0)
		return 0;
	r = seal_check(&work->place, &origin, err);
	return r == -EPERM ? 0 : r;
}

static int tell(struct work *work, struct error *err)
{
	struct inside inside = {-1, -1};
	bool has_namespace = is_there(work, &inside);
	int r = choose_backend(work, err);

	(void)snprintf(work->path, sizeof(work->path), "%s", work->prepared.profile->path);
	if (r == 0)
		r = check_path(work, err);
	if (r == 0 && has_namespace)
		r = look(work, &inside, err);
	if (r == 0)
		r = prepare_plan(&work->prepared, life_backend(work->backend), err);
	work->host = &work->prepared.host;
	if (r == 0 && has_namespace && (work->host->n_steps > 0 || ledger_exists(&work->place)))
		r = compare_host(work, &inside, err);
	if (r == 0 && has_namespace)
		r = inside_call(&inside, tell_difference, work, NULL, NULL, err);
	else if (r == 0)
		r = tell_new(work, err);
	seal_close(&inside);
	return r;
}

int preview_make(const char *name, const struct preview_with *with, struct error *err)
{
	struct work work = {.with = with};
	struct text text;
	int r = prepare_profile(name, CONFIG_FOR_LASTING, &work.prepared, err);

	if (r < 0)
		return r;
	text_init(&text, work.resolv_conf, sizeof(work.resolv_conf));
	names_print_resolv_conf(work.prepared.profile, &text);
	r = tell(&work, err);
	plan_done(&work.host_changes);
	prepare_done(&work.prepared);
	return r;
}
