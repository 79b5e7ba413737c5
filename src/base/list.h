/* A list whose links stand in what it lists: nothing is allocated, and any element
 * is taken out without a search.  Zeroed is empty; the elements are their
 * owners'.
 */
#ifndef ADIT_BASE_LIST_H
#define ADIT_BASE_LIST_H

#include <stddef.h>

struct list_node {
	struct list_node *next; /* NULL: the last */
	struct list_node *previous;
};

struct list {
	struct list_node *first; /* NULL: empty */
	struct list_node *last;
};

/* The element that `node` is the `member` of; NULL of NULL. */
#define LIST_ELEMENT(node, type, member) ((type *)list_element((node), offsetof(type, member)))

static inline void *list_element(struct list_node *node, size_t offset)
{
	return node ? (char *)node - offset : NULL;
}

static inline void list_put_first(struct list *list, struct list_node *node)
{
	*node = (struct list_node){.next = list->first};
	if (list->first)
		list->first->previous = node;
	else
		list->last = node;
	list->first = node;
}

static inline void list_put_last(struct list *list, struct list_node *node)
{
	*node = (struct list_node){.previous = list->last};
	if (list->last)
		list->last->next = node;
	else
		list->first = node;
	list->last = node;
}

/* It is on the list. */
static inline void list_remove(struct list *list, struct list_node *node)
{
	if (node->previous)
		node->previous->next = node->next;
	else
		list->first = node->next;
	if (node->next)
		node->next->previous = node->previous;
	else
		list->last = node->previous;
	*node = (struct list_node){.next = NULL};
}

#endif
