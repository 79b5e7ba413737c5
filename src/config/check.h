/* Checks of what concerns more than one line, and what follows from them.
 * Private to config/.
 */
#ifndef ADIT_CONFIG_CHECK_H
#define ADIT_CONFIG_CHECK_H

#include "config/section.h"

struct builder;
struct profile_peer;
struct profile_place;

/* A [Peer] section has been read whole. */
void check_peer(struct builder *builder, const struct profile_peer *peer);
/* The main file and its drop-ins have been read: where WireGuard= stands, when
 * the file that it names is to be read too; NULL: there is none.
 */
const struct profile_place *check_source(struct builder *builder);
/* All files have been read: completes the profile, and says what is missing. */
void check_profile(struct builder *builder);

/* [Lan] alone, and with the tunnel's and the DNS servers' addresses. */
void check_lan(struct builder *builder);

/* Where the key stands, the last time; line 0: nowhere. */
const struct profile_place *check_seen(const struct builder *builder, enum section section,
				       const char *name);

#endif
