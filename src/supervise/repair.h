/* What others change inside is put right.
 *
 * How it works.  Two sockets that live in the namespace tell of changes
 * (net/drift.h).  A moment after the first, so that what belongs together has
 * happened, the network is made what the plan says once more (converge.h), and
 * the log says who changed what, as far as the kernel tells.  Our own changes
 * make events too: those are read and forgotten, and a last look follows, so
 * that nothing which came between is lost.  A look that finds nothing to do ends
 * it.
 *
 * Somebody who never stops changing is answered ten times a second.
 */
#ifndef ADIT_SUPERVISE_REPAIR_H
#define ADIT_SUPERVISE_REPAIR_H

#include "base/clock.h"
#include "net/drift.h"

#include <stdbool.h>

struct error;
struct inside;
struct loop;

#define REPAIR_SOON_NS	(15 * NS_PER_MS)
#define REPAIR_OFTEN_NS (100 * NS_PER_MS)

struct repair {
	struct loop *loop;	     /* borrowed; NULL: not open */
	const struct inside *inside; /* borrowed */
	struct drift drift;
	struct drift_report seen; /* since the last look */
	struct instant due;	  /* of the next look; 0: none */
	struct instant last;	  /* look */
	bool is_ours;		  /* the next look is because of our own changes */
};

/* Without it the namespace is as tight, but changes stay. */
int repair_open(struct repair *repair, struct loop *loop, const struct inside *inside,
		struct error *err);
void repair_close(struct repair *repair);

/* The network has just been changed on purpose. */
void repair_note_own(struct repair *repair, struct instant now);
/* A look is due: says who is to be thanked for it, and starts anew. */
void repair_begin(struct repair *repair, struct instant now);

#endif
