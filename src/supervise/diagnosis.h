/* Why is there no handshake?  Facts in, a sentence for a person out.
 *
 * Pure: what the data plane counted and what the kernel answered stand in
 * struct diagnosis_facts; the order of the questions is the order of certainty.
 */
#ifndef ADIT_SUPERVISE_DIAGNOSIS_H
#define ADIT_SUPERVISE_DIAGNOSIS_H

#include "base/address.h"

#include <stdbool.h>
#include <stdint.h>

struct error;

enum diagnosis_cause {
	CAUSE_FIREWALL_HERE, /* EPERM, EACCES from sendmsg(2) */
	CAUSE_NO_ROUTE,	     /* ENETUNREACH and the like */
	CAUSE_BAD_REPLY,     /* a handshake response that does not authenticate */
	CAUSE_REFUSED,	     /* ICMP port unreachable, or prohibited */
	CAUSE_SILENCE,
	CAUSES
};

struct diagnosis_facts {
	union endpoint endpoint; /* of the peer that was tried */
	int send_errno;		 /* of the last send that failed; 0: none did */
	int icmp_errno;		 /* the errno that the last ICMP error stands for; 0: none came */
	uint64_t bad_responses;	 /* handshake responses to us that did not authenticate */
	bool has_preshared_key;
};

enum diagnosis_cause diagnosis_find(const struct diagnosis_facts *facts);

/* Fills err with the cause in words and what to do.  Returns -err->code. */
int diagnosis_explain(const struct diagnosis_facts *facts, uint64_t waited_ns, struct error *err);

#endif
