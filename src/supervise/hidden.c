#include "supervise/hidden.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "config/profile.h"
#include "supervise/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hidden_add(struct hidden *hidden, const char *path)
{
	char **more = realloc(hidden->path, (hidden->n_paths + 1) * sizeof(*more));
	char *copy = strdup(path);

	if (more)
		hidden->path = more;
	if (!more || !copy) {
		free(copy);
		return -ENOMEM;
	}
	hidden->path[hidden->n_paths++] = copy;
	return 0;
}

int hidden_add_profile(struct hidden *hidden, const struct profile *profile)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < profile->n_files; i++)
		r = hidden_add(hidden, profile->file[i]);
	for (size_t i = 0; r == 0 && i < profile->n_key_files; i++)
		r = hidden_add(hidden, profile->key_file[i]);
	return r;
}

void hidden_resolve(struct hidden *hidden)
{
	size_t n = 0;

	for (size_t i = 0; i < hidden->n_paths; i++) {
		char *whole = realpath(hidden->path[i], NULL);

		free(hidden->path[i]);
		if (whole)
			hidden->path[n++] = whole;
	}
	hidden->n_paths = n;
}

void hidden_done(struct hidden *hidden)
{
	for (size_t i = 0; i < hidden->n_paths; i++)
		free(hidden->path[i]);
	free(hidden->path);
	*hidden = (struct hidden){0};
}

/* ---- in the place's folder ---- */

static int write_lines(int fd, const void *context)
{
	const struct hidden *hidden = context;
	int r = 0;

	for (size_t i = 0; r == 0 && i < hidden->n_paths; i++) {
		/* relative ones are to the folder of whoever wrote them */
		AUTO_FREE char *whole = realpath(hidden->path[i], NULL);
		const char *path = whole ? whole : hidden->path[i];

		r = fd_write_all(fd, path, strlen(path));
		if (r == 0)
			r = fd_write_all(fd, "\n", 1);
	}
	return r;
}

int hidden_save(const struct hidden *hidden, const struct place *place, struct error *err)
{
	return fd_replace_file(place->hidden, 0600, write_lines, hidden, err);
}

int hidden_load(struct hidden *hidden, const struct place *place, struct error *err)
{
	FILE *file = fopen(place->hidden, "re");
	char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return error_errno(err, errno, "cannot read '%s'", place->hidden);
	while (r == 0 && getline(&line, &size, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		r = hidden_add(hidden, line);
	}
	if (r == 0 && ferror(file))
		r = -EIO;
	free(line);
	(void)fclose(file);
	return r < 0 ? error_errno(err, -r, "cannot read '%s'", place->hidden) : 0;
}
