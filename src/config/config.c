#include "config/config.h"

#include "config/builder.h"
#include "config/check.h"
#include "config/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void release_builder(struct builder *builder)
{
	for (size_t i = 0; i < PROFILE_FILES_MAX; i++)
		secret_free(builder->file[i].text.at);
	profile_free(builder->profile);
	secret_free(builder);
}
DEFINE_AUTO(builder, release_builder);

static struct builder *new_builder(const struct config_source *source, struct report *report)
{
	struct builder *builder = secret_new(sizeof(*builder));

	if (!builder)
		return NULL;
	builder->source = source;
	builder->services = (struct value_services){source->service, source->context};
	builder->report = report;
	builder->find_mask = reader_find_mask;
	builder->section = SECTIONS;
	builder->profile = profile_new();
	if (builder->profile)
		return builder;
	release_builder(builder);
	return NULL;
}

/* NAME of ".../NAME.conf", when it is the name of a profile. */
static void set_name(struct profile *profile, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	size_t len = strlen(base);
	struct fault ignored;

	if (len <= strlen(".conf") || strcmp(base + len - strlen(".conf"), ".conf") != 0)
		return;
	len -= strlen(".conf");
	if (value_profile_name(base, len, &ignored))
		memcpy(profile->name, base, len);
}

static int add_drop_ins(struct builder *builder, const char *path, struct error *err)
{
	char *file[CONFIG_DROP_INS_MAX];
	char folder[PROFILE_PATH_LEN];
	size_t n_files = 0;
	int r;

	if (!builder->source->list)
		return 0;
	if (snprintf(folder, sizeof(folder), "%s.d", path) >= (int)sizeof(folder))
		return error_set(err, ENAMETOOLONG, "'%.100s...': the path is too long", path);
	r = builder->source->list(builder->source->context, folder, file, CONFIG_DROP_INS_MAX,
				  &n_files, err);
	for (size_t i = 0; r == 0 && i < n_files; i++)
		r = reader_add_file(builder, file[i], false, err);
	for (size_t i = 0; i < n_files; i++)
		free(file[i]);
	return r;
}

static void add_named_file(struct builder *builder)
{
	const struct profile_place *place = check_source(builder);
	struct error err;

	if (place && reader_add_file(builder, builder->wireguard_path, true, &err) < 0)
		builder_remark(builder, REPORT_ERROR, place, 0, "WireGuard: %s", err.what);
}

int config_parse(const struct config_source *source, const char *path, struct profile **ret,
		 struct report *report, struct error *err)
{
	AUTO(builder) struct builder *builder = new_builder(source, report);
	size_t n_errors;
	int r;

	if (!builder)
		return error_set(err, ENOMEM, "'%s': out of memory", path);
	set_name(builder->profile, path);
	r = reader_add_file(builder, path, false, err);
	if (r == 0)
		r = add_drop_ins(builder, path, err);
	if (r < 0)
		return r;
	add_named_file(builder);
	check_profile(builder);
	report_sort(report);
	if (builder->is_out_of_memory)
		return error_set(err, ENOMEM, "'%s': out of memory", path);
	n_errors = report_count(report, REPORT_ERROR);
	if (n_errors > 0)
		return error_set(err, EBADMSG, "'%s' has %zu error%s", path, n_errors,
				 n_errors == 1 ? "" : "s");
	*ret = take_ptr(builder->profile);
	return 0;
}

int config_require_available(struct report *report, enum config_use use, struct error *err)
{
	size_t n_later = report_promote(report, REPORT_LATER);
	size_t n_lasting = use == CONFIG_FOR_RUN ? report_promote(report, REPORT_LASTING) : 0;

	if (n_later == 0 && n_lasting == 0)
		return 0;
	if (n_later == 0)
		return error_set(err, EOPNOTSUPP,
				 "the configuration uses %zu thing%s that only lasting namespaces "
				 "have",
				 n_lasting, n_lasting == 1 ? "" : "s");
	return error_set(err, EOPNOTSUPP, "the configuration uses %zu thing%s not available yet",
			 n_later, n_later == 1 ? "" : "s");
}
