/* Any bytes as a configuration, its drop-in, its WireGuard= file and its key
 * file (parts end with byte 0xff).  What is accepted must read the same when
 * printed as wg(8) text, and no report may show the key.
 */
#include "base/bytes.h"
#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARTS = 4 };

struct parts {
	const char *at[PARTS];
	size_t len[PARTS];
};

static const char *const paths[PARTS] = {"/c/a.conf", "/c/a.conf.d/b.conf", "/c/wg.conf", "/c/key"};

static int read_part(void *context, const char *path, size_t max, struct config_text *ret,
		     struct error *err)
{
	const struct parts *parts = context;

	for (int i = 0; i < PARTS; i++) {
		if (strcmp(path, paths[i]) != 0 || !parts->at[i] || parts->len[i] > max)
			continue;
		*ret = (struct config_text){.len = parts->len[i], .mode = 0644, .is_open = true};
		ret->at = secret_new(ret->len + 1);
		if (!ret->at)
			return error_set(err, ENOMEM, "'%s': out of memory", path);
		memcpy(ret->at, parts->at[i], ret->len);
		return 0;
	}
	return error_set(err, ENOENT, "cannot read '%s': no such file", path);
}

static int list_part(void *context, const char *folder, char **ret, size_t max, size_t *ret_n,
		     struct error *err)
{
	const struct parts *parts = context;

	(void)folder;
	(void)max;
	(void)err;
	*ret_n = parts->at[1] ? 1 : 0;
	if (*ret_n)
		ret[0] = strdup(paths[1]);
	return 0;
}

static bool find_service(void *context, const char *name, const char *protocol, uint16_t *ret)
{
	(void)context;
	(void)protocol;
	if (strcmp(name, "http-alt") != 0)
		return false;
	*ret = 8080;
	return true;
}

static struct profile *parse(const struct parts *parts, struct report *report)
{
	struct parts copy = *parts;
	struct config_source source = {
		.context = &copy,
		.read = read_part,
		.list = list_part,
		.service = find_service,
		.credentials = "/c",
	};
	struct profile *profile = NULL;
	struct error err;
	int r = config_parse(&source, paths[0], &profile, report, &err);

	if ((r == 0) != (report_count(report, REPORT_ERROR) == 0) && r != -ENOMEM && r != -ENOENT)
		abort();
	return profile;
}

/* The profile as wg(8) text, malloc()ed. */
static char *print(const struct profile *profile)
{
	size_t size = config_wg_size(profile);
	char *buffer = malloc(size);
	struct text text;

	if (!buffer)
		abort();
	text_init(&text, buffer, size);
	config_print_wg(profile, &text);
	if (text.is_truncated)
		abort();
	return buffer;
}

static void check_round_trip(const struct profile *profile)
{
	static const char address[] = "[Namespace]\nAddress=192.0.2.1,2001:db8::1\n";
	struct parts parts = {0};
	struct report *report = report_new();
	char *first = print(profile);
	struct profile *again;
	char *second;

	parts.at[0] = first;
	parts.len[0] = strlen(first);
	parts.at[1] = address;
	parts.len[1] = strlen(address);
	if (!report || parts.len[0] > CONFIG_TEXT_MAX) {
		report_free(report);
		free(first);
		return;
	}
	again = parse(&parts, report);
	if (!again)
		abort();
	second = print(again);
	if (strcmp(first, second) != 0)
		abort();
	free(second);
	profile_free(again);
	report_free(report);
	free(first);
}

static void check_report(struct report *report, const struct profile *profile)
{
	char buffer[REPORT_ONE_TEXT_LEN];
	char key[KEY_TEXT_LEN + 1] = "?";
	struct text text;

	if (profile)
		key_to_base64(profile->private_key.byte, key);
	for (size_t i = 0; i < report_length(report); i++) {
		text_init(&text, buffer, sizeof(buffer));
		report_write_one(report, i, i % 2, &text);
		if (text.is_truncated || strstr(buffer, profile ? key : "\x01"))
			abort();
	}
	(void)config_require_available(report, CONFIG_FOR_RUN, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report *report = report_new();
	struct parts parts = {0};
	struct profile *profile;
	size_t at = 0;

	for (int i = 0; i < PARTS && (at < size || i == 0); i++) {
		const uint8_t *end = size > at ? memchr(data + at, 0xff, size - at) : NULL;

		parts.at[i] = size > at ? (const char *)data + at : "";
		parts.len[i] = end ? (size_t)(end - data) - at : size - at;
		at += parts.len[i] + (end ? 1 : 0);
	}
	if (!report)
		return 0;
	profile = parse(&parts, report);
	check_report(report, profile);
	if (profile && profile->mode == MODE_MOVE)
		check_round_trip(profile);
	profile_free(profile);
	report_free(report);
	return 0;
}
