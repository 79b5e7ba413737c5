/* What cannot be told by looking at a network namespace: that the table there is
 * the one that was loaded, and which link is the tunnel whatever it is called now.
 * Filled as steps are carried out, kept in a file for a supervisor to come.
 */
#ifndef ADIT_APPLY_RECORD_H
#define ADIT_APPLY_RECORD_H

#include "net/nftables.h"
#include "plan/step.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum { RECORD_FILE_MAX = 1 << 20 }; /* bytes */

/* A table as it was loaded. */
struct record_table {
	char *ruleset;		     /* what it says, plan.ruleset; owned, NULL: not known */
	struct nftables_image image; /* what the kernel said of it right after; owned */
	pid_t loader; /* the nft(8) that loaded it: its events bear this; 0: not known */
	char *before; /* what stood before, for undo; owned, not saved, NULL: not known */
};

/* Zeroed: nothing is known. */
struct record {
	struct record_table table[SIDES];
	uint32_t tunnel; /* index of the link; 0: not known */
	uint32_t veth;	 /* likewise, of the end on the host */
};

/* Copies the text, takes the image over.  -ENOMEM: the table is not known any more. */
int record_set_table(struct record *record, enum step_side side, const char *ruleset,
		     struct nftables_image *image, pid_t loader);
/* Not known any more; what it said becomes what stood before. */
void record_forget_table(struct record *record, enum step_side side);
/* The table is what was loaded, and that says `ruleset`. */
bool record_knows_table(const struct record *record, enum step_side side, const char *ruleset,
			const struct nftables_image *image);
void record_done(struct record *record);

/* The file is replaced in one step, mode 0600. */
int record_save(const struct record *record, const char *path, struct error *err);
/* -ENOENT: there is none; -EBADMSG: it is none, or of another adit.  Either leaves
 * *ret alone: with nothing known, the firewall is loaded once more.
 */
int record_load(const char *path, struct record *ret, struct error *err);

#endif
