#include "supervise/names.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "config/profile.h"
#include "confine/options.h"
#include "confine/resolver.h"
#include "supervise/hidden.h"
#include "supervise/place.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_file(const char *path, const struct text *text, struct error *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	int r;

	if (text->is_truncated)
		return error_set(err, ENOSPC, "the text of '%s' is too long", path);
	if (fd < 0)
		return error_errno(err, errno, "cannot write '%s'", path);
	/* on a full file system it is to fail before anything is written over */
	if (text->len > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)text->len) < 0 &&
	    errno != EOPNOTSUPP)
		return error_errno(err, errno, "cannot write '%s'", path);
	r = fd_write_all(fd, text->at, text->len);
	/* readable inside, whoever reads, also where our umask is strict */
	if (r == 0 && (ftruncate(fd, (off_t)text->len) < 0 || fchmod(fd, 0644) < 0))
		r = -errno;
	return r < 0 ? error_errno(err, -r, "cannot write '%s'", path) : 0;
}

void names_print_resolv_conf(const struct profile *profile, struct text *ret)
{
	const char *search[PROFILE_SEARCH_MAX];
	struct confine_options options = {
		.dns = profile ? profile->dns : NULL,
		.n_dns = profile ? profile->n_dns : 0,
		.search = search,
		.n_search = profile ? profile->n_search : 0,
	};

	for (size_t i = 0; i < options.n_search; i++)
		search[i] = profile->search[i];
	resolver_write_resolv_conf(&options, ret);
}

/* NULL: without a configuration. */
static int write_resolv_conf(const struct place *place, const struct profile *profile,
			     struct error *err)
{
	char buffer[NAMES_FILE_MAX];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	names_print_resolv_conf(profile, &text);
	return write_file(place->resolv_conf, &text, err);
}

static int write_nsswitch(const struct place *place, struct error *err)
{
	char host[NAMES_FILE_MAX];
	char buffer[NAMES_FILE_MAX];
	struct text text;
	int r = fd_read_file("/etc/nsswitch.conf", host, sizeof(host));

	text_init(&text, buffer, sizeof(buffer));
	resolver_write_nsswitch(r < 0 ? NULL : host, &text);
	return write_file(place->nsswitch, &text, err);
}

int names_ensure(const struct place *place, struct error *err)
{
	int r = 0;

	if (access(place->resolv_conf, F_OK) < 0)
		r = write_resolv_conf(place, NULL, err);
	if (r == 0 && access(place->nsswitch, F_OK) < 0)
		r = write_nsswitch(place, err);
	return r;
}

static int write_hidden(const struct place *place, const struct profile *profile, struct error *err)
{
	struct hidden hidden = {0};
	int r = hidden_add_profile(&hidden, profile);

	r = r < 0 ? error_set(err, ENOMEM, "out of memory") : hidden_save(&hidden, place, err);
	hidden_done(&hidden);
	return r;
}

int names_write(const struct place *place, const struct profile *profile, struct error *err)
{
	int r = write_hidden(place, profile, err);

	if (r == 0)
		r = write_resolv_conf(place, profile, err);
	return r == 0 ? write_nsswitch(place, err) : r;
}
