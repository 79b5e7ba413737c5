/* Reads files into a profile in the making, line by line.  Private to config/. */
#ifndef ADIT_CONFIG_READER_H
#define ADIT_CONFIG_READER_H

#include <stdbool.h>
#include <stddef.h>

struct builder;
struct error;
struct lexer_line;

/* Reads and parses one file after the other into the profile; the report says
 * what is wrong.  -errno only when the file cannot be read, or memory is short.
 */
int reader_add_file(struct builder *builder, const char *path, bool is_plain, struct error *err);
/* Checks the peer that is being read, if one is, and ends it. */
void reader_end_peer(struct builder *builder);
/* For builder.find_mask: from which byte on a line must not be shown, since it
 * holds a key, or may hold half of one.
 */
size_t reader_find_mask(const struct lexer_line *line);

#endif
