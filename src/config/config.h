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
 *     r = config_require_available(report, err);
 *
 * Source: wg(8), wg-quick(8), docs/adit.conf.5.scd.
 */
#ifndef ADIT_CONFIG_CONFIG_H
#define ADIT_CONFIG_CONFIG_H

#include "config/profile.h"
#include "config/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct text;

enum {
	CONFIG_TEXT_MAX = 1 << 20,  /* bytes of one configuration file */
	CONFIG_KEY_FILE_MAX = 4096, /* bytes of one key file */
	CONFIG_DROP_INS_MAX = 32,   /* files of NAME.conf.d */
};

/* A file as it was read. */
struct config_text {
	char *at; /* secret_new() memory; NUL at at[len] */
	size_t len;
	uint32_t mode;	/* permission bits, for messages */
	bool is_open;	/* users other than the owner and its group may read it */
	bool is_system; /* below /etc/adit, where an open key is an error */
};

/* Where text comes from.  The parser itself makes no system call. */
struct config_source {
	void *context; /* borrowed; handed to each call */

	/* At most `max` bytes; the caller releases ret->at with secret_free().
	 * On failure err->what is a sentence that names the path.
	 */
	int (*read)(void *context, const char *path, size_t max, struct config_text *ret,
		    struct error *err);

	/* The *.conf files of a folder as malloc()ed paths in the order of their
	 * names, at most `max`.  A missing folder has none.  -E2BIG: more than `max`.
	 */
	int (*list)(void *context, const char *folder, char **ret, size_t max, size_t *ret_n,
		    struct error *err);

	/* The port of services(5), protocol "tcp" or "udp"; false: unknown. */
	bool (*service)(void *context, const char *name, const char *protocol, uint16_t *ret);

	/* Borrowed; the folder of systemd credentials, for @NAME.  NULL: none. */
	const char *credentials;
};

/* Reads `path` and all it names.  *ret is owned by the caller and set on success
 * only.  -EBADMSG: the report has errors.  The report gets notes and warnings
 * on success too.
 */
int config_load(const char *path, struct profile **ret, struct report *report, struct error *err);
int config_parse(const struct config_source *source, const char *path, struct profile **ret,
		 struct report *report, struct error *err);

/* Turns each use of what this version can parse but not do into an error of
 * the report.  -EOPNOTSUPP: there was one.
 */
int config_require_available(struct report *report, struct error *err);

/* What the user calls a configuration to its path: what has a slash or ends in
 * .conf is one, else it is NAME of NAME.conf in ~/.config/adit (or
 * $XDG_CONFIG_HOME/adit) or in /etc/adit.  -ENOENT.
 */
int config_find(const char *name, char *ret, size_t size, struct error *err)
	__attribute__((nonnull(1)));

/* The device and its peers as wg(8) showconf writes them, keys included: the
 * buffer belongs in secret_new() memory and takes config_wg_size() bytes.
 */
void config_print_wg(const struct profile *profile, struct text *text);
size_t config_wg_size(const struct profile *profile);

#endif
