/* The data plane's replies, from text: see dataplane/uapi.h.
 *
 * The data plane is confined because it may be broken into, so what it says is
 * checked like anybody else's text.
 */
#ifndef ADIT_TUNNEL_REPLY_H
#define ADIT_TUNNEL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

struct tunnel_stats;

enum { REPLY_PEERS_MAX = 1 << 20 };

/* The text ends in an empty line: nothing more belongs to it. */
bool reply_is_whole(const char *text, size_t len);

/* The errno at its end: 0 or negative.  -EPROTO: there is none. */
int reply_errno(const char *text, size_t len);

/* Fills ret, which the caller releases with tunnel_stats_done().  What is
 * unknown is passed over.  What reply_errno() says; -EPROTO, -ENOMEM.
 */
int reply_parse_stats(const char *text, size_t len, struct tunnel_stats *ret);

#endif
