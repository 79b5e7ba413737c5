/* Declared flows: the values of Forward=, Allow= and Accept=.
 *
 *     Forward  [ADDRESS or INTERFACE/]PROTO:PORTS[->PORTS], also PROTO:PORT:PORT
 *     Allow    PREFIX [PROTO:PORTS]
 *     Accept   PROTO:PORTS
 *
 * PROTO is tcp or udp; PORTS is PORT or PORT-PORT; a port is a number or a name
 * of services(5).
 */
#ifndef ADIT_CONFIG_FLOW_H
#define ADIT_CONFIG_FLOW_H

#include "config/profile.h"
#include "config/value.h"

/* As value.h's functions.  The place of *ret is not written. */
bool flow_forward(const char *text, size_t len, const struct value_services *services,
		  struct fault *fault, struct profile_forward *ret);
bool flow_allow(const char *text, size_t len, const struct value_services *services,
		struct fault *fault, struct profile_allow *ret);
bool flow_accept(const char *text, size_t len, const struct value_services *services,
		 struct fault *fault, struct profile_accept *ret);

/* Both would listen at one place. */
bool flow_forwards_collide(const struct profile_forward *a, const struct profile_forward *b);

#endif
