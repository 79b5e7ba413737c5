/* What of others' on the host is in the way of a namespace's LAN flows by a veth, or they
 * in its: firewalls (a packet that one table accepts is dropped by any other that says
 * so), which are never edited, and programs at the same ports.  A person is told.
 */
#ifndef ADIT_SUPERVISE_BYSTANDERS_H
#define ADIT_SUPERVISE_BYSTANDERS_H

struct plan;
struct profile;

/* A warning for each; nothing where no flow is to be forwarded. */
void bystanders_warn(const struct profile *profile, const struct plan *host);

#endif
