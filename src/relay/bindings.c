#include "relay/bindings.h"

#include "base/error.h"
#include "relay/host_view.h"

#include <errno.h>
#include <stdlib.h>

struct derivation {
	const struct bindings_options *options;
	const struct host_view *host;
	struct bindings bindings;
	size_t size; /* specs there is room for */
};

void bindings_done(struct bindings *bindings)
{
	free(bindings->spec);
	*bindings = (struct bindings){0};
}

static int add_spec(struct derivation *derivation, const struct listener_spec *spec)
{
	struct bindings *bindings = &derivation->bindings;

	if (bindings->n_specs == derivation->options->max)
		return -EMFILE;
	if (bindings->n_specs == derivation->size) {
		size_t size = derivation->size ? 2 * derivation->size : 64;
		void *larger = reallocarray(bindings->spec, size, sizeof(*spec));

		if (!larger)
			return -ENOMEM;
		bindings->spec = larger;
		derivation->size = size;
	}
	bindings->spec[bindings->n_specs++] = *spec;
	return 0;
}

/* As many links as forwards at most. */
static uint32_t place_of_link(struct bindings *bindings, uint32_t index)
{
	uint32_t i = 0;

	while (i < bindings->n_links && bindings->link[i] != index)
		i++;
	if (i == bindings->n_links)
		bindings->link[bindings->n_links++] = index;
	return i;
}

static int add_address(struct derivation *derivation, size_t which,
		       const struct link_address *address)
{
	const struct relay_forward *forward = &derivation->options->forward[which];
	struct listener_spec spec = {
		.protocol = forward->protocol,
		.device = address->index,
		.link = place_of_link(&derivation->bindings, address->index),
		.slot = derivation->options->slot[which],
		.has_proxy_header =
			derivation->options->has_proxy_header && forward->protocol == RELAY_TCP,
	};
	unsigned int n = (unsigned int)(forward->outside.last - forward->outside.first) + 1;
	int r = 0;

	for (unsigned int i = 0; r == 0 && i < n; i++) {
		spec.at = endpoint_make(&address->address.address,
					(uint16_t)(forward->outside.first + i));
		if (spec.at.any.sa_family == AF_INET6 &&
		    IN6_IS_ADDR_LINKLOCAL(&spec.at.v6.sin6_addr))
			spec.at.v6.sin6_scope_id = address->index;
		spec.inside_port = (uint16_t)(forward->inside.first + i);
		r = add_spec(derivation, &spec);
	}
	return r;
}

static int add_link(struct derivation *derivation, size_t which, const struct link_info *link)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < derivation->host->n_addresses; i++)
		if (derivation->host->address[i].index == link->index)
			r = add_address(derivation, which, &derivation->host->address[i]);
	return r;
}

static int add_forward(struct derivation *derivation, size_t which)
{
	const struct relay_forward *forward = &derivation->options->forward[which];
	const struct link_address *address;
	const struct link_info *link;

	if (forward->has_address) {
		address = host_view_owner(derivation->host, &forward->address);
		return address ? add_address(derivation, which, address) : 0;
	}
	link = host_view_find(derivation->host, forward->interface);
	return link ? add_link(derivation, which, link) : 0;
}

int bindings_derive(const struct bindings_options *options, const struct host_view *host,
		    struct bindings *ret, struct error *err)
{
	struct derivation derivation = {.options = options, .host = host};
	int r = 0;

	for (size_t i = 0; r == 0 && i < options->n_forwards; i++)
		r = add_forward(&derivation, i);
	if (r == 0) {
		*ret = derivation.bindings;
		return 0;
	}
	bindings_done(&derivation.bindings);
	if (r == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory for the forwards' sockets");
	(void)error_set(err, EMFILE, "the forwarded ports take more than %zu sockets",
			options->max);
	error_hint(err, "raise LimitNOFILE= of the unit, or forward fewer ports");
	return r;
}
