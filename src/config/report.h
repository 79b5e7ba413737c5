/* What a configuration's reader has to say to the person who wrote it.
 *
 *     /etc/adit/work.conf:14:33: error: AllowedIPs: '10.0.0.1/33': an IPv4 prefix is 0 to 32 bits
 *        14 | AllowedIPs = fd00::/8, 10.0.0.1/33
 *           |                                 ^~
 *     hint: for one address write 10.0.0.1/32
 *
 * A report copies all it is given and outlives the files and the profile.  It
 * never holds a key: source lines are masked as they are copied, and control
 * characters are replaced, since both go to a terminal.
 */
#ifndef ADIT_CONFIG_REPORT_H
#define ADIT_CONFIG_REPORT_H

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct report;
struct text;

enum report_severity {
	REPORT_ERROR,	/* nothing is done with the configuration */
	REPORT_WARNING, /* probably not what was meant */
	REPORT_NOTE,	/* worth knowing */
	/* These are shown only when report_promote() has made errors of them. */
	REPORT_LATER,	/* not available yet */
	REPORT_LASTING, /* for lasting namespaces only */
	REPORT_SEVERITIES,
};

enum {
	REPORT_MAX = 128,	    /* remarks kept; more are counted */
	REPORT_SHOWN_LEN = 200,	    /* bytes of a source line shown, around the column */
	REPORT_ONE_TEXT_LEN = 4096, /* a buffer in which any one remark fits */
};

/* A stretch of a line that the user wrote. */
struct report_spot {
	struct source_pos pos; /* column 0: the whole line; line 0: the whole file */
	size_t width;	       /* bytes, from the column; 0: one */
	const char *source;    /* the line, borrowed for the call; NULL: do not show */
	size_t source_len;
	size_t mask_from; /* bytes of the line from this offset on are not shown */
};

struct report *report_new(void);	 /* NULL: out of memory */
void report_free(struct report *report); /* accepts NULL */
DEFINE_AUTO(report, report_free);

/* One sentence without a final period.  Past REPORT_MAX it is only counted. */
void report_add(struct report *report, enum report_severity severity,
		const struct report_spot *spot, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The next remark would only be counted. */
bool report_is_full(const struct report *report);
/* Of the remark added last. */
void report_hint(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* In the order of files as first named, then of lines and columns. */
void report_sort(struct report *report);
/* Makes errors of the remarks of that severity; how many there were. */
size_t report_promote(struct report *report, enum report_severity severity);

/* How many were added, those past REPORT_MAX included. */
size_t report_count(const struct report *report, enum report_severity severity);
/* Remarks that report_write_one() takes, in order. */
size_t report_length(const struct report *report);
enum report_severity report_severity_at(const struct report *report, size_t index);
/* The sentence and the place of a remark, borrowed. */
const char *report_what_at(const struct report *report, size_t index);
struct source_pos report_pos_at(const struct report *report, size_t index);
const char *report_hint_at(const struct report *report, size_t index);

/* REPORT_LATER and REPORT_LASTING are written as nothing. */
void report_write_one(const struct report *report, size_t index, bool has_color, struct text *text);
/* All of it, and a line that counts those not kept. */
void report_print(const struct report *report, FILE *file, bool has_color);

/* Whether text looks like a key of wg(8): such text is never shown. */
bool report_looks_secret(const char *text, size_t len);

#endif
