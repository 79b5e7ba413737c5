/* How it works.  What stands is replaced in one transaction, so undoing that cannot
 * be to remove it: then nothing would drop.  The text that the record has of it is
 * loaded again, and where it has none, the new rules stay.
 *
 * What the kernel says of the table just loaded is put into the record, to be
 * compared with what it says later.
 */
#include "apply/apply.h"
#include "apply/record.h"
#include "apply/steps.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "net/nft.h"
#include "net/nftables.h"
#include "plan/ruleset.h"

#include <errno.h>
#include <stdio.h>

/* The whole text for nft(8), malloc()ed; NULL: out of memory. */
static char *compose(const char *table, const char *ruleset, bool is_replaced)
{
	char beginning[RULESET_BEGINNING_LEN];
	char *text;
	int n = asprintf(&text, "%s%s", ruleset_beginning(table, is_replaced, beginning), ruleset);

	return n < 0 ? NULL : text;
}

/* A table that cannot be looked at is not known, and the next survey says so. */
static void remember(struct host *host, enum step_side side, const char *ruleset, pid_t loader)
{
	struct nftables_image image = {0};

	if (!host->record)
		return;
	record_forget_table(host->record, side);
	if (!host->nftables && nftables_open(&host->nftables, NULL) < 0)
		return;
	if (nftables_read(host->nftables, plan_table_name(host->plan, side), &image, NULL) == 0)
		(void)record_set_table(host->record, side, ruleset, &image, loader);
	free(image.bytes);
}

static int load_text(struct host *host, const struct step *step, const char *ruleset,
		     struct error *err)
{
	AUTO_FREE char *text = compose(plan_table_name(host->plan, step->side), ruleset,
				       step->firewall.is_replaced);
	pid_t loader = 0;
	int r = text ? nft_apply_as(text, host->lock, &loader, err)
		     : error_errno(err, ENOMEM, "cannot write the rules");

	if (r == 0)
		remember(host, step->side, ruleset, loader);
	return r;
}

static int load(const struct step *step, struct host *host, struct error *err)
{
	return load_text(host, step, host->plan->ruleset[step->side], err);
}

static int put_back(const struct step *step, struct host *host, struct error *err)
{
	AUTO_FREE char *before = NULL;
	int r;

	if (!host->record || !host->record->table[step->side].before)
		return 0;
	before = take_ptr(host->record->table[step->side].before);
	r = load_text(host, step, before, err);
	/* Undone once more, it stays. */
	if (r == 0) {
		free(host->record->table[step->side].before);
		host->record->table[step->side].before = NULL;
	}
	return r;
}

static int unload(const struct step *step, struct host *host, struct error *err)
{
	char removal[RULESET_BEGINNING_LEN];
	int r;

	if (step->firewall.is_replaced && !step->is_removal)
		return put_back(step, host, err);
	r = nft_apply_as(ruleset_removal(plan_table_name(host->plan, step->side), removal),
			 host->lock, NULL, err);
	if (r == 0 && host->record)
		record_forget_table(host->record, step->side);
	return r;
}

const struct step_ops step_firewall_ops = {.apply = load, .undo = unload};
