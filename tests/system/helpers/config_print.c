/* config_print FILE: a configuration as adit understands it, for tests.
 *
 * Writes the report to standard error, and to standard output the tunnel as
 * wg(8) showconf would, then lines "# Key: value" for what wg(8) does not know.
 * Ends with 0; 1 when the configuration has errors; 2 when it cannot be read.
 * --require-available adds the errors of what this version cannot do.
 */
#include "base/text.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void print_addresses(const struct profile *profile)
{
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; i < profile->n_addresses; i++)
		(void)printf("# Address: %s\n", prefix_print(&profile->address[i], text));
	for (size_t i = 0; i < profile->n_dns; i++)
		(void)printf("# DNS: %s\n", address_print(&profile->dns[i], text));
	for (size_t i = 0; i < profile->n_search; i++)
		(void)printf("# Search: %s\n", profile->search[i]);
	if (profile->mtu)
		(void)printf("# MTU: %u\n", profile->mtu);
}

static int print_profile(const struct profile *profile)
{
	size_t size = config_wg_size(profile);
	char *buffer = secret_new(size);
	struct text text;
	bool is_truncated;

	if (!buffer)
		return 2;
	text_init(&text, buffer, size);
	config_print_wg(profile, &text);
	is_truncated = text.is_truncated;
	(void)fputs(buffer, stdout);
	secret_free(buffer);
	print_addresses(profile);
	return is_truncated ? 2 : 0;
}

int main(int argc, char **argv)
{
	AUTO(report) struct report *report = report_new();
	AUTO(profile) struct profile *profile = NULL;
	bool is_strict = argc == 3 && strcmp(argv[1], "--require-available") == 0;
	struct error err;
	int r;

	if (argc < 2 || !report)
		return 2;
	r = config_load(argv[argc - 1], &profile, report, &err);
	if (r == 0 && is_strict)
		r = config_require_available(report, CONFIG_FOR_RUN, &err);
	report_print(report, stderr, false);
	if (r < 0 && r != -EBADMSG && r != -EOPNOTSUPP) {
		(void)fprintf(stderr, "error: %s\n", err.what);
		return 2;
	}
	return r < 0 ? 1 : print_profile(profile);
}
