/* The kinds of steps, each in its own file: for apply.c's table. */
#ifndef ADIT_APPLY_STEPS_H
#define ADIT_APPLY_STEPS_H

struct step_ops;

extern const struct step_ops step_firewall_ops;
extern const struct step_ops step_sysctl_ops;
extern const struct step_ops step_rule_ops;
extern const struct step_ops step_link_ops;
extern const struct step_ops step_create_ops;
extern const struct step_ops step_veth_ops;
extern const struct step_ops step_tun_ops;
extern const struct step_ops step_wireguard_ops;
extern const struct step_ops step_alter_ops;
extern const struct step_ops step_address_ops;
extern const struct step_ops step_route_ops;

#endif
