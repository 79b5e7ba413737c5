#include "audit/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *id;
	const char *text;
} promises[PROMISES] = {
	[PROMISE_ONLY_TUNNEL] = {"I1", "nothing leaves but by the tunnel"},
	[PROMISE_NAMES] = {"I3", "no name is looked up outside the tunnel"},
	[PROMISE_NO_WAY_TO_HOST] = {"I4", "nothing inside can reach the host or its LAN"},
	[PROMISE_HOST_UNTOUCHED] = {"I5", "the host's other networking is untouched"},
};

static const char *const verdicts[VERDICTS] = {
	[VERDICT_KEPT] = "kept",
	[VERDICT_UNKNOWN] = "cannot tell",
	[VERDICT_BROKEN] = "broken",
};

const char *finding_promise_id(enum promise promise)
{
	return promises[promise].id;
}

const char *finding_promise_text(enum promise promise)
{
	return promises[promise].text;
}

const char *finding_verdict_text(enum verdict verdict)
{
	return verdicts[verdict];
}

/* It goes to terminals and into JSON. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void count(struct finding_list *list, const struct finding *about)
{
	for (unsigned int i = 0; i < PROMISES; i++)
		if ((about->promises & 1U << i) && about->verdict > list->verdict[i])
			list->verdict[i] = about->verdict;
}

void finding_add(struct finding_list *list, const struct finding *about, const char *format, ...)
{
	struct finding *finding;
	va_list arguments;

	count(list, about);
	if (list->n == FINDINGS_MAX) {
		list->n_lost++;
		return;
	}
	finding = &list->at[list->n++];
	*finding = *about;
	va_start(arguments, format);
	(void)vsnprintf(finding->what, sizeof(finding->what), format, arguments);
	va_end(arguments);
	make_printable(finding->what);
	make_printable(finding->name);
}

enum verdict finding_worst(const struct finding_list *list)
{
	enum verdict worst = VERDICT_KEPT;

	for (size_t i = 0; i < PROMISES; i++)
		if (list->verdict[i] > worst)
			worst = list->verdict[i];
	return worst;
}
