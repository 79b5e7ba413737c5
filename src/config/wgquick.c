#include "config/wgquick.h"

static const struct wgquick_answer answers[WGQUICK_GROUPS] = {
	[WGQUICK_HOOK] = {REPORT_WARNING,
			  "never run: adit executes nothing from a configuration, and blocks what "
			  "bypasses the tunnel by itself",
			  NULL},
	[WGQUICK_TABLE] = {REPORT_WARNING,
			   "not obeyed: inside, the routes are the peers' AllowedIPs by the tunnel "
			   "and unreachable for the rest",
			   NULL},
	[WGQUICK_SAVE] = {REPORT_WARNING, "not obeyed: adit never writes to a configuration", NULL},
	[WGQUICK_APPS] = {REPORT_WARNING,
			  "not obeyed: behind the tunnel is the command that adit starts, and "
			  "nothing else",
			  NULL},
	[WGQUICK_AMNEZIA] = {REPORT_ERROR,
			     "a key of AmneziaWG, a protocol that adit and WireGuard do not speak",
			     "ask the provider for a plain WireGuard file"},
};

static const struct {
	const char *name;
	enum wgquick_group group;
} names[] = {
	{"PreUp", WGQUICK_HOOK},
	{"PostUp", WGQUICK_HOOK},
	{"PreDown", WGQUICK_HOOK},
	{"PostDown", WGQUICK_HOOK},
	{"Table", WGQUICK_TABLE},
	{"SaveConfig", WGQUICK_SAVE},
	{"ExcludedApplications", WGQUICK_APPS},
	{"IncludedApplications", WGQUICK_APPS},
	{"Jc", WGQUICK_AMNEZIA},
	{"Jmin", WGQUICK_AMNEZIA},
	{"Jmax", WGQUICK_AMNEZIA},
	{"J1", WGQUICK_AMNEZIA},
	{"J2", WGQUICK_AMNEZIA},
	{"J3", WGQUICK_AMNEZIA},
	{"Itime", WGQUICK_AMNEZIA},
	{"S1", WGQUICK_AMNEZIA},
	{"S2", WGQUICK_AMNEZIA},
	{"S3", WGQUICK_AMNEZIA},
	{"S4", WGQUICK_AMNEZIA},
	{"H1", WGQUICK_AMNEZIA},
	{"H2", WGQUICK_AMNEZIA},
	{"H3", WGQUICK_AMNEZIA},
	{"H4", WGQUICK_AMNEZIA},
	{"I1", WGQUICK_AMNEZIA},
	{"I2", WGQUICK_AMNEZIA},
	{"I3", WGQUICK_AMNEZIA},
	{"I4", WGQUICK_AMNEZIA},
	{"I5", WGQUICK_AMNEZIA},
	{"AdvancedSecurity", WGQUICK_AMNEZIA},
};

enum wgquick_group wgquick_find(struct slice name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (lexer_equal(name, names[i].name))
			return names[i].group;
	return WGQUICK_GROUPS;
}

const struct wgquick_answer *wgquick_answer(enum wgquick_group group)
{
	return &answers[group];
}
