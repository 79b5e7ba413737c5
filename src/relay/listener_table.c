#include "relay/listener_table.h"

#include "base/error.h"
#include "relay/bindings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct change {
	struct listener_spec spec;
	size_t place; /* where it is already; the table's max: nowhere */
	int fd;	      /* fresh; -1: none */
};

struct listener_change {
	size_t n;
	struct change at[];
};

int listener_table_init(struct listener_table *table, size_t max)
{
	*table = (struct listener_table){.at = calloc(max, sizeof(table->at[0])), .max = max};
	if (!table->at)
		return -ENOMEM;
	for (size_t i = 0; i < max; i++)
		table->at[i].fd = -1;
	return 0;
}

void listener_table_done(struct listener_table *table)
{
	for (size_t i = 0; table->at && i < table->max; i++)
		if (table->at[i].fd >= 0)
			(void)close(table->at[i].fd);
	free(table->at);
	*table = (struct listener_table){0};
}

static size_t find_place(const struct listener_table *table, const struct listener_spec *spec)
{
	size_t i = 0;

	while (i < table->max &&
	       (table->at[i].fd < 0 || !listener_is_same_place(&table->at[i].spec, spec)))
		i++;
	return i;
}

void listener_change_free(struct listener_change *change)
{
	for (size_t i = 0; change && i < change->n; i++)
		if (change->at[i].fd >= 0)
			(void)close(change->at[i].fd);
	free(change);
}

/* err: untouched where one went wrong before. */
static int open_fresh(struct change *change, struct error *err)
{
	struct error own = {0};
	int r = listener_open(&change->spec, &change->fd, &own);

	if (r < 0 && err && err->code == 0)
		*err = own;
	return r;
}

int listener_table_prepare(const struct listener_table *table, const struct bindings *bindings,
			   enum listener_scope scope, struct listener_change **ret,
			   struct error *err)
{
	struct listener_change *change =
		calloc(1, sizeof(*change) + bindings->n_specs * sizeof(change->at[0]));

	if (err)
		err->code = 0;
	if (!change)
		return error_set(err, ENOMEM, "out of memory for listening sockets");
	for (; change->n < bindings->n_specs; change->n++) {
		struct change *one = &change->at[change->n];
		int r = 0;

		*one = (struct change){.spec = bindings->spec[change->n], .fd = -1};
		one->place = find_place(table, &one->spec);
		if (one->place == table->max)
			r = open_fresh(one, err);
		if (r < 0 && scope == LISTENER_ALL) {
			listener_change_free(change);
			return r;
		}
	}
	*ret = change;
	return 0;
}

static bool is_kept(const struct listener_change *change, size_t place)
{
	for (size_t i = 0; i < change->n; i++)
		if (change->at[i].place == place)
			return true;
	return false;
}

static bool means_the_same(const struct listener_spec *a, const struct listener_spec *b)
{
	return a->link == b->link && a->slot == b->slot && a->inside_port == b->inside_port &&
	       a->has_proxy_header == b->has_proxy_header;
}

/* Where the change's socket stands in the end; the table's max: nowhere. */
static size_t put(struct listener_table *table, struct change *one)
{
	size_t place = one->place;

	if (place < table->max || one->fd < 0)
		return place;
	for (place = 0; place < table->max && table->at[place].fd >= 0; place++)
		continue;
	if (place < table->max) {
		table->at[place].fd = one->fd;
		one->fd = -1;
	}
	return place;
}

void listener_table_commit(struct listener_table *table, struct listener_change *change,
			   listener_changed changed, void *context)
{
	for (size_t i = 0; i < table->max; i++) {
		if (table->at[i].fd < 0 || is_kept(change, i))
			continue;
		changed(context, (uint32_t)i, false);
		(void)close(table->at[i].fd);
		table->at[i].fd = -1;
	}
	for (size_t i = 0; i < change->n; i++) {
		struct change *one = &change->at[i];
		bool is_fresh = one->fd >= 0;
		size_t place = put(table, one);

		if (place == table->max)
			continue;
		if (is_fresh || !means_the_same(&table->at[place].spec, &one->spec)) {
			table->at[place].spec = one->spec;
			changed(context, (uint32_t)place, true);
		}
	}
	listener_change_free(change);
}
