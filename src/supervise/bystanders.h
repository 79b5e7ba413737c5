/* Firewalls of others on the host that would not let a namespace's LAN flows pass: a
 * packet that one table accepts is dropped by any other that says so.  They are never
 * edited; a person is told what to do.
 */
#ifndef ADIT_SUPERVISE_BYSTANDERS_H
#define ADIT_SUPERVISE_BYSTANDERS_H

struct plan;
struct profile;

/* A warning for each; nothing where no flow is to be forwarded. */
void bystanders_warn(const struct profile *profile, const struct plan *host);

#endif
