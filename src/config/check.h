/* Checks of what concerns more than one line, and what follows from them.
 * Private to config/.
 */
#ifndef ADIT_CONFIG_CHECK_H
#define ADIT_CONFIG_CHECK_H

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

#endif
