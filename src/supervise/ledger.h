/* What adit has changed of the host's own settings, for whom, and what they were.
 *
 * How it works.  Several namespaces may need one setting (that the LAN's link forwards),
 * so none of them may put it back alone.  Each has a file, DIR/netns/NAME/ledger, with a
 * line for each setting: its path, what it was before any of them changed it, and what
 * it is now.  A line is written before the setting is, so a crash leaves a line too many
 * at most.  Who gives up a setting that no other file names writes back what it was,
 * unless somebody else has changed it since.
 *
 * The file is there as long as anything of the namespace may be on the host.
 *
 * Where adit has a host forward that forwarded nothing, a guard of rules keeps it from
 * forwarding for anybody but adit's namespaces.  It is made of all files at once.
 */
#ifndef ADIT_SUPERVISE_LEDGER_H
#define ADIT_SUPERVISE_LEDGER_H

#include <stdbool.h>

struct error;
struct place;
struct plan;

/* Held while files and settings are changed; waits for whoever has it.  The caller
 * closes the descriptor.
 */
int ledger_lock(struct error *err);

bool ledger_exists(const struct place *place);

/* Before the plan's borrowed settings are written: notes what they are.  Makes the file
 * where the plan has none, too.
 */
int ledger_borrow(const struct place *place, const struct plan *plan, struct error *err);

/* After: gives back what the plan does not name any more, all of it where `plan` is
 * NULL, and sets up the guard.  Goes on after a failure, and returns the first.  `lock`
 * is ledger_lock()'s.
 */
int ledger_settle(const struct place *place, const struct plan *plan, int lock, struct error *err);

/* Nothing of the namespace is on the host. */
void ledger_remove(const struct place *place);

#endif
