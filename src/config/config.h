/* Reading a configuration: text in, a checked profile and a report out.
 *
 * A provider's wg-quick(8) file is a configuration as it stands.  adit's own
 * sections may follow in the same file or in NAME.conf.d/ beside it.  Every
 * fault of every file is found in one run.
 *
 *     AUTO(report) struct report *report = report_new();
 *     AUTO(profile) struct profile *profile = NULL;
 *     int r = config_load(path, &profile, report, err);
 *
 *     if (r == -EBADMSG)
 *             ... print the report: it says what is wrong, and where
 *     else if (r < 0)
 *             ... print err: the file could not be read, or memory is short
 *     else
 *             ... print the report too: it may hold warnings and notes
 *     r = config_require_available(report, CONFIG_FOR_RUN, err);
 *
 * Source: wg(8), wg-quick(8), docs/adit.conf.5.scd.
 */
#ifndef ADIT_CONFIG_CONFIG_H
#define ADIT_CONFIG_CONFIG_H

#include "config/profile.h"
#include "config/report.h"
#include "config/source.h"

#include <stddef.h>

struct error;
struct text;

/* Reads `path` and all it names.  *ret is owned by the caller and set on success
 * only.  -EBADMSG: the report has errors.  The report gets notes and warnings
 * on success too.
 */
int config_load(const char *path, struct profile **ret, struct report *report, struct error *err);
int config_parse(const struct config_source *source, const char *path, struct profile **ret,
		 struct report *report, struct error *err);

/* Turns each use of what this version can parse but not do, or not do for that
 * use, into an error of the report.  -EOPNOTSUPP: there was one.
 */
enum config_use { CONFIG_FOR_RUN, CONFIG_FOR_LASTING };
int config_require_available(struct report *report, enum config_use use, struct error *err);

/* What the user calls a configuration to its path: what has a slash or ends in
 * .conf is one, else it is NAME of NAME.conf in ~/.config/adit (or
 * $XDG_CONFIG_HOME/adit) or in /etc/adit.  -ENOENT.
 */
int config_find(const char *name, char *ret, size_t size, struct error *err)
	__attribute__((nonnull(1)));

/* Both at once, with nothing said of faults, for who only wants to know what there is to
 * know.  0 with *ret NULL: there is no such configuration.  ret_path is written when
 * there is one, also if it cannot be loaded.
 */
int config_load_named(const char *name, char ret_path[PROFILE_PATH_LEN], struct profile **ret,
		      struct error *err);

/* Where NAME.conf stands for whoever calls: /etc/adit for root, else ~/.config/adit. */
int config_folder(char *ret, size_t size, struct error *err);

/* The device and its peers as wg(8) showconf writes them, keys included: the
 * buffer belongs in secret_new() memory and takes config_wg_size() bytes.
 */
void config_print_wg(const struct profile *profile, struct text *text);
size_t config_wg_size(const struct profile *profile);

#endif
