#include "apply/apply.h"
#include "apply/steps.h"
#include "net/nft.h"
#include "plan/ruleset.h"

static int load(const struct step *step, struct host *host, struct error *err)
{
	char text[RULESET_TEXT_LEN];
	int r = ruleset_print(&step->firewall, text, sizeof(text), err);

	(void)host;
	return r < 0 ? r : nft_apply(text, err);
}

static int unload(const struct step *step, struct host *host, struct error *err)
{
	(void)step;
	(void)host;
	return nft_apply(ruleset_removal(), err);
}

const struct step_ops step_firewall_ops = {.apply = load, .undo = unload};
