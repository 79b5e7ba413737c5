/* Keys that adit knows by name and does not obey: what it says about each.
 *
 * Files from providers and from other programs have them; each group is
 * remarked on once.
 *
 * Source: wg-quick(8); the WireGuard app for Android; amneziawg-go.
 */
#ifndef ADIT_CONFIG_WGQUICK_H
#define ADIT_CONFIG_WGQUICK_H

#include "config/lexer.h"
#include "config/report.h"

enum wgquick_group {
	WGQUICK_HOOK,	 /* PostUp and the like: never run */
	WGQUICK_TABLE,	 /* never changes a route */
	WGQUICK_SAVE,	 /* adit does not write to it */
	WGQUICK_APPS,	 /* which programs of a telephone */
	WGQUICK_AMNEZIA, /* another protocol */
	WGQUICK_GROUPS,
};

struct wgquick_answer {
	enum report_severity severity;
	const char *what; /* follows "KEY: " */
	const char *hint; /* NULL: none */
};

/* WGQUICK_GROUPS: not such a key. */
enum wgquick_group wgquick_find(struct slice name);
const struct wgquick_answer *wgquick_answer(enum wgquick_group group);

#endif
