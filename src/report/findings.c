#include "report/findings.h"

#include "audit/finding.h"

#include <stdbool.h>

static bool is_about(const struct finding *finding, unsigned int promise)
{
	return (finding->promises & 1U << promise) != 0;
}

static void print_finding(const struct finding *finding, FILE *out)
{
	(void)fprintf(out, "    ");
	if (finding->verdict == VERDICT_KEPT)
		(void)fprintf(out, "note: ");
	if (finding->pid > 0)
		(void)fprintf(out, "'%s' (process %d): ", finding->name, finding->pid);
	(void)fprintf(out, "%s\n", finding->what);
}

void findings_print(const struct finding_list *list, FILE *out)
{
	for (unsigned int i = 0; i < PROMISES; i++) {
		(void)fprintf(out, "%s %-11s  %s\n", finding_promise_id(i),
			      finding_verdict_text(list->verdict[i]), finding_promise_text(i));
		for (size_t k = 0; k < list->n; k++)
			if (is_about(&list->at[k], i))
				print_finding(&list->at[k], out);
	}
	if (list->n_lost > 0)
		(void)fprintf(out, "and %zu more findings\n", list->n_lost);
}

static json_t *finding_json(const struct finding *finding)
{
	json_t *json = json_pack("{s:s, s:s}", "verdict", finding_verdict_text(finding->verdict),
				 "what", finding->what);

	if (json && finding->pid > 0 &&
	    (json_object_set_new(json, "pid", json_integer(finding->pid)) < 0 ||
	     json_object_set_new(json, "process", json_string(finding->name)) < 0)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *promise_json(const struct finding_list *list, unsigned int promise)
{
	json_t *findings = json_array();

	for (size_t i = 0; findings && i < list->n; i++) {
		if (!is_about(&list->at[i], promise))
			continue;
		if (json_array_append_new(findings, finding_json(&list->at[i])) < 0) {
			json_decref(findings);
			findings = NULL;
		}
	}
	return json_pack("{s:s, s:s, s:s, s:o}", "promise", finding_promise_id(promise), "text",
			 finding_promise_text(promise), "verdict",
			 finding_verdict_text(list->verdict[promise]), "findings", findings);
}

json_t *findings_json(const struct finding_list *list, const char *name)
{
	json_t *promises = json_array();

	for (unsigned int i = 0; promises && i < PROMISES; i++) {
		if (json_array_append_new(promises, promise_json(list, i)) < 0) {
			json_decref(promises);
			promises = NULL;
		}
	}
	return json_pack("{s:s, s:b, s:o}", "name", name, "kept",
			 finding_worst(list) == VERDICT_KEPT, "promises", promises);
}
