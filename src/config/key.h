/* Sections and keys: one table says what there is and how it is read.
 * To add a key, add a row and its set function in key.c.
 */
#ifndef ADIT_CONFIG_KEY_H
#define ADIT_CONFIG_KEY_H

#include "config/lexer.h"
#include "config/section.h"
#include "config/value.h"

struct builder;
struct item;

enum {
	KEY_COMMAS = 1 << 0,  /* a list: items between commas, none of them empty */
	KEY_WORDS = 1 << 1,   /* a list: items between commas or blanks, as wg-quick(8) splits */
	KEY_LAST = 1 << 2,    /* given twice the last wins, with a warning; else an error */
	KEY_SQUEEZE = 1 << 3, /* blanks inside do not count, as in wg(8) */
	KEY_SECRET = 1 << 4,  /* never shown */
	KEY_LATER = 1 << 5,   /* can be parsed, not done yet */
	KEY_LASTING = 1 << 7, /* lasting namespaces have it, a run has not */
	KEY_MOVE = 1 << 6,    /* has no meaning beside [Nat] */
};

struct key {
	enum section section;
	const char *name;
	unsigned int flags;
	bool (*set)(struct builder *builder, const struct item *item, struct fault *fault);
};

struct section_info {
	const char *name;
	unsigned int flags; /* KEY_LATER */
};

extern const struct section_info section_info[SECTIONS];
extern const struct key key_table[];
extern const size_t n_keys;

/* SECTIONS: none is called so. */
enum section section_find(struct slice name);
/* The nearest name, when it is near; NULL: none is. */
const char *section_suggest(struct slice name);

const struct key *key_find(enum section section, struct slice name);
/* Whether a key of any section is called so; NULL: none. */
const struct key *key_find_anywhere(struct slice name);
const struct key *key_suggest(enum section section, struct slice name);

#endif
