/* The sections that there are.  Their names and keys are key.h's. */
#ifndef ADIT_CONFIG_SECTION_H
#define ADIT_CONFIG_SECTION_H

enum section {
	SECTION_INTERFACE,
	SECTION_PEER,
	SECTION_NAMESPACE,
	SECTION_NAT,
	SECTION_LAN,
	SECTION_TUNNEL,
	SECTIONS,
};

enum { KEYS_MAX = 64 }; /* rows of key.h's table at most */

#endif
