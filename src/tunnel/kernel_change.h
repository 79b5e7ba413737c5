/* From what a kernel's WireGuard device has to what its profile wants. */
#ifndef ADIT_TUNNEL_KERNEL_CHANGE_H
#define ADIT_TUNNEL_KERNEL_CHANGE_H

#include <stddef.h>

union endpoint;
struct error;
struct tunnel_config;
struct wgdevice;
struct wgstate;

/* `old`: as the device is now; sorted here.  Nothing that stays is touched: its
 * sessions go on.
 */
int kernel_change(struct wgdevice *device, struct wgstate *old, const struct tunnel_config *config,
		  struct error *err);

/* Takes key, mark and peers away, as far as it can. */
void kernel_change_clear(struct wgdevice *device);

/* The peer's endpoint: of the configuration, else of its profile. */
const union endpoint *kernel_change_endpoint(const struct tunnel_config *config, size_t i);

#endif
