/* A profile in the making: where text, places and the report meet.
 * Private to config/.
 */
#ifndef ADIT_CONFIG_BUILDER_H
#define ADIT_CONFIG_BUILDER_H

#include "config/lexer.h"
#include "config/profile.h"
#include "config/report.h"
#include "config/section.h"
#include "config/source.h"
#include "config/value.h"

struct key;

/* A file that was read; kept until the end, for source lines of late remarks. */
struct builder_file {
	struct config_text text;
	bool is_plain;		     /* named by WireGuard=: [Interface] and [Peer] only */
	struct profile_place secret; /* of the first key in it */
};

/* DNS= of one section. */
struct builder_dns {
	struct address address[PROFILE_DNS_MAX];
	struct profile_place place[PROFILE_DNS_MAX];
	size_t n_addresses;
	char search[PROFILE_SEARCH_MAX][PROFILE_DOMAIN_LEN];
	size_t n_search;
	bool is_given;
};

struct builder {
	const struct config_source *source;
	struct value_services services;
	struct profile *profile;
	struct report *report;
	/* From which byte on a line must not be shown; SIZE_MAX: from none. */
	size_t (*find_mask)(const struct lexer_line *line);
	struct builder_file file[PROFILE_FILES_MAX]; /* parallel to profile->file */
	uint32_t file_now;

	enum section section;	 /* SECTIONS: before any, or in an unknown one */
	bool is_section_unknown; /* its keys are not looked at */
	struct profile_place section_place[SECTIONS]; /* of the first; line 0: absent */
	struct profile_place seen[KEYS_MAX]; /* the last of each key; [Peer]: of this peer */
	bool is_guessed[KEYS_MAX];	     /* misspelt, and remarked on: not missing too */
	bool has_unknown_section;	     /* likewise for all that may stand in it */
	struct profile_peer *peer;	     /* the one that is being read; NULL: none */
	size_t n_allowed_ips;
	unsigned int said; /* groups of wgquick.h already remarked on */

	struct builder_dns interface_dns;
	struct builder_dns namespace_dns;
	char wireguard_path[PROFILE_PATH_LEN];
	bool is_out_of_memory;
};

/* A value of one key, or an item of a list: NUL-ended, trimmed, and with
 * KEY_SQUEEZE without any blanks.
 */
struct item {
	const struct key *key;
	char *text;
	size_t len;
	const char *raw; /* where it stands in its line */
	size_t raw_len;
	const struct lexer_line *line;
	struct profile_place place;
};

/* A remark on `width` bytes at a place of any file read (0: the word there).
 * The source line is found, and masked when it holds a key.
 */
void builder_remark(struct builder *builder, enum report_severity severity,
		    const struct profile_place *place, size_t width, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* "FILE:LINE", the file only when it is not the place's own.  Returns ret. */
enum { BUILDER_WHERE_LEN = 128 };
char *builder_where(const struct builder *builder, const struct profile_place *place,
		    const struct profile_place *other, char ret[BUILDER_WHERE_LEN]);

/* Resolves what a key names: @NAME, or a path relative to the current file. */
bool builder_resolve(const struct builder *builder, const struct item *item, struct fault *fault,
		     char ret[PROFILE_PATH_LEN]);

#endif
