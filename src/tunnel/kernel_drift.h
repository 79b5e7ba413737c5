/* What of a kernel's WireGuard device is not as its profile says.  Pure. */
#ifndef ADIT_TUNNEL_KERNEL_DRIFT_H
#define ADIT_TUNNEL_KERNEL_DRIFT_H

struct profile;
struct wgstate;
struct wgstate_judge;

/* Of the profile's preshared keys, for the reading; lent as long as the profile is. */
struct wgstate_judge kernel_drift_judge(const struct profile *profile);

/* TUNNEL_DRIFT_*, without endpoints: those move by themselves.  `state` was read with
 * the judge, and is sorted here.  A ListenPort left out means any.
 */
unsigned int kernel_drift_find(struct wgstate *state, const struct profile *profile);

#endif
