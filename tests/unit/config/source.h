/* A configuration out of made-up files, for the tests of config/. */
#ifndef ADIT_TESTS_UNIT_CONFIG_SOURCE_H
#define ADIT_TESTS_UNIT_CONFIG_SOURCE_H

#include "base/secret.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys made for these tests; base64 of them is in no other place. */
#define KEY_A "eEeGGJoGqh0q9nbnAm3fHC3FPb3HWqmzRVAdGwNm3l8="
#define KEY_B "m7Pn5sAVbZWRd7fXHgLNiMXvXnGkqSytAhyzKIvHyVU="
#define KEY_C "0Kpn3F4FmaSQqPNn5ofvwYmQ9SB0xUyyGNqKuVzjfnU="

#define INTERFACE                                                                                  \
	"[Interface]\n"                                                                            \
	"PrivateKey = " KEY_A "\n"                                                                 \
	"Address = 10.0.0.2/32\n"
#define PEER                                                                                       \
	"[Peer]\n"                                                                                 \
	"PublicKey = " KEY_B "\n"                                                                  \
	"AllowedIPs = 0.0.0.0/0\n"                                                                 \
	"Endpoint = 192.0.2.1:51820\n"

enum { SOURCE_FILES_MAX = 8 };

/* Files by path; the first is the main one, those below its .d are drop-ins. */
struct made_up {
	struct {
		const char *path;
		const char *text;
		bool is_open;
		bool is_system;
	} file[SOURCE_FILES_MAX];
	int list_error; /* errno that listing ends with; 0: none */
	bool has_credentials;

	struct report *report;
	struct profile *profile;
	struct error err;
	int r;
};

static int source_read(void *context, const char *path, size_t max, struct config_text *ret,
		       struct error *err)
{
	const struct made_up *made_up = context;

	for (size_t i = 0; i < SOURCE_FILES_MAX && made_up->file[i].path; i++) {
		const char *text = made_up->file[i].text;

		if (strcmp(made_up->file[i].path, path) != 0)
			continue;
		if (strlen(text) > max)
			return error_set(err, EFBIG, "'%s' is larger than %zu bytes", path, max);
		*ret = (struct config_text){
			.at = secret_new(strlen(text) + 1),
			.len = strlen(text),
			.mode = made_up->file[i].is_open ? 0644 : 0600,
			.is_open = made_up->file[i].is_open,
			.is_system = made_up->file[i].is_system,
		};
		if (!ret->at)
			return error_set(err, ENOMEM, "'%s': out of memory", path);
		memcpy(ret->at, text, ret->len);
		return 0;
	}
	return error_set(err, ENOENT, "cannot read '%s': No such file or directory", path);
}

static int source_list(void *context, const char *folder, char **ret, size_t max, size_t *ret_n,
		       struct error *err)
{
	const struct made_up *made_up = context;
	size_t count = 0;

	if (made_up->list_error)
		return error_set(err, made_up->list_error, "cannot read the folder '%s'", folder);
	for (size_t i = 0; i < SOURCE_FILES_MAX && made_up->file[i].path; i++)
		if (strncmp(made_up->file[i].path, folder, strlen(folder)) == 0 && count < max)
			ret[count++] = strdup(made_up->file[i].path);
	*ret_n = count;
	return 0;
}

static bool source_service(void *context, const char *name, const char *protocol, uint16_t *ret)
{
	(void)context;
	if (strcmp(name, "http-alt") == 0 && strcmp(protocol, "tcp") == 0)
		*ret = 8080;
	else if (strcmp(name, "domain") == 0)
		*ret = 53;
	else
		return false;
	return true;
}

/* Reads file[0]; release with source_free(). */
static inline void source_parse(struct made_up *made_up)
{
	struct config_source source = {
		.context = made_up,
		.read = source_read,
		.list = source_list,
		.service = source_service,
		.credentials = made_up->has_credentials ? "/credentials" : NULL,
	};

	made_up->report = report_new();
	if (!made_up->report)
		abort();
	made_up->r = config_parse(&source, made_up->file[0].path, &made_up->profile,
				  made_up->report, &made_up->err);
}

static inline void source_free(struct made_up *made_up)
{
	report_free(made_up->report);
	profile_free(made_up->profile);
}

static inline struct made_up source_of(const char *text)
{
	struct made_up made_up = {.file = {{.path = "/c/work.conf", .text = text}}};

	source_parse(&made_up);
	return made_up;
}

/* "SEVERITY:LINE:COLUMN: WHAT" of each remark, one a line. */
static inline const char *source_remarks(const struct made_up *made_up)
{
	static const char *const words[REPORT_SEVERITIES] = {"error", "warning", "note", "later",
							     "lasting"};
	static char text[16384];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < report_length(made_up->report); i++) {
		struct source_pos pos = report_pos_at(made_up->report, i);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s:%u:%u: %s\n",
					words[report_severity_at(made_up->report, i)], pos.line,
					pos.column, report_what_at(made_up->report, i));
	}
	return text;
}

/* The remarks on a text, and nothing else of it. */
static inline const char *source_remarks_on(const char *text)
{
	struct made_up made_up = source_of(text);
	const char *remarks = source_remarks(&made_up);

	source_free(&made_up);
	return remarks;
}

#endif
