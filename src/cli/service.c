#include "cli/service.h"

#include "base/error.h"
#include "integrations/systemd.h"
#include "supervise/down.h"
#include "supervise/foreign.h"
#include "supervise/place.h"
#include "supervise/prepare.h"
#include "supervise/seal.h"

#include <stdio.h>

enum { UNIT_LEN = 128 };

/* Of a name as ours nothing has to be escaped: systemd.unit(5). */
struct units {
	char netns[UNIT_LEN];
	char supervisor[UNIT_LEN];
};

static struct units units_of(const struct place *place)
{
	struct units units;

	(void)snprintf(units.netns, UNIT_LEN, "adit-netns@%s.service", place->name);
	(void)snprintf(units.supervisor, UNIT_LEN, "adit@%s.service", place->name);
	return units;
}

bool service_is_installed(const struct place *place)
{
	const struct units units = units_of(place);

	return systemd_is_installed(units.supervisor);
}

bool service_is_active(const struct place *place)
{
	const struct units units = units_of(place);

	return systemd_is_active(units.netns) || systemd_is_active(units.supervisor);
}

static int call(const char *verb, const struct units *units, struct error *err)
{
	const char *const words[] = {verb, "--", units->supervisor, NULL};
	int r = systemd_call(words, err);

	if (r < 0 && err)
		error_hint(err, "journalctl --unit %s says why", units->supervisor);
	return r;
}

/* What could not begin would be tried again for ever. */
static void put_back(const struct units *units)
{
	const char *const words[] = {"stop", "--", units->supervisor, units->netns, NULL};

	(void)systemd_call(words, NULL);
}

int service_start(const struct place *place, struct error *err)
{
	const struct units units = units_of(place);
	struct prepared prepared = {0};
	bool was_active = service_is_active(place);
	int r = prepare_profile(place->name, CONFIG_FOR_LASTING, &prepared, err);

	if (r == 0) {
		const struct foreign_origin origin = foreign_origin(prepared.profile);

		r = seal_check(place, &origin, err);
	}
	prepare_done(&prepared);
	if (r < 0)
		return r;
	r = call("start", &units, err);
	if (r < 0 && !was_active)
		put_back(&units);
	return r;
}

int service_restart(const struct place *place, struct error *err)
{
	const struct units units = units_of(place);

	return call("restart", &units, err);
}

/* The namespace is held open meanwhile: who is still inside is known afterwards. */
int service_stop(const struct place *place, struct down_result *ret, struct error *err)
{
	const struct units units = units_of(place);
	const char *const words[] = {"stop", "--", units.supervisor, units.netns, NULL};
	struct down_result result = {.was_there = true};
	struct inside inside = {.netns = -1, .userns = -1};
	int r;

	(void)seal_open(place, &inside, NULL);
	r = systemd_call(words, err);
	if (r == 0 && inside.netns >= 0)
		result.n_guests = seal_guests(&inside, result.guest, DOWN_GUESTS_MAX);
	seal_close(&inside);
	if (r == 0)
		*ret = result;
	return r;
}
