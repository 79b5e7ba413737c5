/* `adit demo`: an internet, a provider and a leak test on this machine alone.
 *
 * What a newcomer sees in 20 seconds: the address that a web server sees
 * without and with a tunnel; a download that is cut off in the middle; the
 * leaks that people fear, tried meanwhile; and how many of those packets were
 * seen on the uplink.
 */
#ifndef ADIT_DEMO_DEMO_H
#define ADIT_DEMO_DEMO_H

#include <stdbool.h>

struct error;

struct demo_options {
	bool is_broken; /* over a plain default route, where traffic leaks */
	bool has_color;
};

enum demo_result {
	DEMO_TIGHT,   /* nothing leaked */
	DEMO_LEAKED,  /* something did */
	DEMO_INVALID, /* the test could not have seen it */
};

int demo_run(const struct demo_options *options, enum demo_result *ret, struct error *err);

#endif
