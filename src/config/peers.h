/* Peers as a device would have them after wg(8) setconf.  Private to config/. */
#ifndef ADIT_CONFIG_PEERS_H
#define ADIT_CONFIG_PEERS_H

struct builder;

/* Joins sections with the same PublicKey, gives each network to the peer that
 * names it last, and warns of networks of one peer inside another's.
 */
void peers_settle(struct builder *builder);

#endif
