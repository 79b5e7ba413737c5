/* The texts that decide how a name is looked up inside: resolv.conf and
 * nsswitch.conf.  Pure: no file is read or written here.
 *
 * Every path by which a program of the host could do the look-up is cut: only
 * /etc/hosts and DNS servers reached through the tunnel are left.
 *
 * Source: resolv.conf(5), nsswitch.conf(5).
 */
#ifndef ADIT_CONFINE_RESOLVER_H
#define ADIT_CONFINE_RESOLVER_H

struct confine_options;
struct text;

/* Without a server the file says so; libraries then ask 127.0.0.1, which is
 * the namespace's own and refuses.
 */
void resolver_write_resolv_conf(const struct confine_options *options, struct text *ret);

/* The host's file (NULL: it has none) with its "hosts" line replaced by "files
 * dns": nss-resolve, nss-mdns, nss-mymachines, nis, sss and wins ask daemons
 * outside.  "myhostname" stays where it was used, as it asks nobody.
 */
void resolver_write_nsswitch(const char *host_text, struct text *ret);

#endif
