/* A small internet out of network namespaces: you, your router, a web server,
 * a VPN provider (demo/place.h draws it).
 *
 * The caller has capabilities over the user namespace that owns them all, and
 * stands in "you" after internet_build() and after every call that enters
 * another.  All of it ends with the last process and descriptor in it.
 */
#ifndef ADIT_DEMO_INTERNET_H
#define ADIT_DEMO_INTERNET_H

#include <stdbool.h>

struct error;
struct nlsock;

enum internet_node { NODE_YOU, NODE_ROUTER, NODE_WEB, NODE_PROVIDER, INTERNET_NODES };

struct internet {
	int ns[INTERNET_NODES];		   /* network namespaces */
	struct nlsock *nl[INTERNET_NODES]; /* a handle in each */
};

/* The caller's own network namespace, fresh, becomes NODE_YOU. */
int internet_build(struct internet *ret, struct error *err);
void internet_done(struct internet *internet); /* accepts a half-built one */

/* Moves the calling process. */
int internet_enter(const struct internet *internet, enum internet_node node, struct error *err);

/* Routes and NAT of the provider for what comes out of its tunnel device. */
int internet_serve_tunnel(const struct internet *internet, struct error *err);
/* Cuts the provider off at the router, both ways, or lets it back. */
int internet_cut(const struct internet *internet, bool is_cut, struct error *err);

/* An address with the route to its prefix, and the link up. */
int internet_add_address(struct nlsock *nl, const char *link, const char *prefix,
			 struct error *err);
/* `gateway` NULL: straight by the link; `to` NULL: the default route. */
int internet_add_route(struct nlsock *nl, const char *link, const char *to, const char *gateway,
		       struct error *err);

#endif
