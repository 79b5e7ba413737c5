/* The kernel's backend on a device that was opened already. */
#ifndef ADIT_TUNNEL_KERNEL_H
#define ADIT_TUNNEL_KERNEL_H

struct error;
struct tunnel;
struct tunnel_config;
struct wgdevice;

/* Takes the device over, on success only. */
int kernel_adopt(struct wgdevice *device, const struct tunnel_config *config, struct tunnel **ret,
		 struct error *err);

#endif
