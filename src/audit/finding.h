/* What an audit has found out about the promises, as plain data.
 *
 * A promise is kept unless a finding says otherwise.  The text of a finding may be made of what
 * processes inside chose (names, files): it is printable ASCII, whatever they chose.
 *
 * Source: the promises I1 to I8 of docs/threat-model.md.
 */
#ifndef ADIT_AUDIT_FINDING_H
#define ADIT_AUDIT_FINDING_H

#include <stddef.h>
#include <sys/types.h>

/* Those that can be told by looking. */
enum promise {
	PROMISE_ONLY_TUNNEL,
	PROMISE_NAMES,
	PROMISE_NO_WAY_TO_HOST,
	PROMISE_HOST_UNTOUCHED,
	PROMISES
};

/* Each is worse than the one before. */
enum verdict { VERDICT_KEPT, VERDICT_UNKNOWN, VERDICT_BROKEN, VERDICTS };

enum {
	FINDINGS_MAX = 256,
	FINDING_NAME_LEN = 16,	/* a process's comm, NUL included */
	FINDING_TEXT_LEN = 240, /* NUL included */
};

struct finding {
	unsigned int promises; /* bits, 1 << enum promise: which it is about */
	enum verdict verdict;  /* VERDICT_KEPT: a remark */
	pid_t pid;	       /* the process that can break them; 0: none */
	char name[FINDING_NAME_LEN];
	char what[FINDING_TEXT_LEN]; /* no final period */
};

/* Zeroed: nothing found. */
struct finding_list {
	struct finding at[FINDINGS_MAX];
	size_t n;      /* kept */
	size_t n_lost; /* more, for which there was no room; their verdicts count */
	enum verdict verdict[PROMISES];
};

/* "I1" and a few words. */
const char *finding_promise_id(enum promise promise);
const char *finding_promise_text(enum promise promise);
/* "kept", "cannot tell", "broken" */
const char *finding_verdict_text(enum verdict verdict);

/* Appends; the caller may set pid and name of `about`, which says the rest but for the text. */
void finding_add(struct finding_list *list, const struct finding *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The worst of all. */
enum verdict finding_worst(const struct finding_list *list);

#endif
