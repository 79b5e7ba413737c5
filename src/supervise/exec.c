#include "supervise/exec.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "config/config.h"
#include "confine/confine.h"
#include "confine/user.h"
#include "supervise/hidden.h"
#include "supervise/place.h"
#include "supervise/seal.h"
#include "supervise/session.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct exec {
	const struct exec_options *options;
	struct session session;
	struct place place;
	struct inside inside;
	struct hidden hidden;
	struct error *err;
};

static int go(void *context)
{
	struct exec *exec = context;

	return session_go(&exec->session);
}

static int refuse_network(void *context, const struct confine_event *event)
{
	const struct exec *exec = context;

	for (size_t i = 0; i < event->n_fds; i++)
		(void)close(event->fd[i]);
	return error_set(exec->err, EPROTO, "process 1 made a network");
}

static const struct session_ops session_ops = {.take_network = refuse_network, .ready = go};

static int find_namespace(struct exec *exec)
{
	int r = place_find(exec->options->name, &exec->place, exec->err);

	if (r == 0)
		r = seal_open(&exec->place, &exec->inside, exec->err);
	if (r != -ENOENT)
		return r;
	(void)error_set(exec->err, ENOENT, "'%s' is not up", exec->place.name);
	if (geteuid() != 0 && access(exec->place.netns, F_OK) == 0)
		error_hint(exec->err, "'%s' is root's: sudo adit exec %s", exec->place.netns,
			   exec->place.name);
	else
		error_hint(exec->err, "adit up %s", exec->place.name);
	return -ENOENT;
}

/* A namespace that was only sealed has no list, but may have a configuration. */
static int read_configuration(struct exec *exec)
{
	AUTO(profile) struct profile *profile = NULL;
	char path[PROFILE_PATH_LEN] = "";
	int r = config_load_named(exec->place.name, path, &profile, exec->err);

	if (r == 0 && profile)
		r = hidden_add_profile(&exec->hidden, profile);
	if (r == 0)
		return 0;
	(void)error_set(exec->err, -r, "cannot tell which files of '%s' hold keys", path);
	error_hint(exec->err, "the file has errors; adit up %s names them", exec->place.name);
	return r;
}

/* The others' keys are none of the command's business either. */
static int add_others(struct exec *exec)
{
	char **names;
	int n = place_names(&names, exec->err);
	int r = n < 0 ? n : 0;

	for (int i = 0; r == 0 && i < n; i++) {
		struct place other;

		if (strcmp(names[i], exec->place.name) == 0)
			continue;
		r = place_find(names[i], &other, exec->err);
		if (r == 0)
			r = hidden_load(&exec->hidden, &other, exec->err);
		if (r == -ENOENT) /* only sealed, or gone by now */
			r = 0;
	}
	if (n >= 0)
		place_names_free(names, n);
	return r;
}

static int find_hidden(struct exec *exec)
{
	int r = hidden_load(&exec->hidden, &exec->place, exec->err);

	if (r == -ENOENT)
		r = read_configuration(exec);
	return r < 0 ? r : add_others(exec);
}

/* Until process 1 is made: that needs root once more. */
static int step_down(struct exec *exec)
{
	struct user user;
	int r = session_choose_user(exec->options->user, exec->options->confine.as_root, &user,
				    exec->err);

	return r <= 0 ? r : user_step_down(&user, exec->err);
}

static int start(struct exec *exec)
{
	struct confine_options confine = exec->options->confine;
	struct confine_entry entry = {
		.userns = exec->inside.userns,
		.netns = exec->inside.netns,
		.resolv_conf = exec->place.resolv_conf,
		.nsswitch = exec->place.nsswitch,
	};
	int r;

	hidden_resolve(&exec->hidden);
	confine.entry = &entry;
	confine.hidden_file = (const char *const *)exec->hidden.path;
	confine.n_hidden_files = exec->hidden.n_paths;
	confine.signals = &exec->session.found;
	r = confine_start(&confine, &exec->session.confine, exec->err);
	return r < 0 ? r : user_step_down_for_good(exec->err);
}

static int live(struct exec *exec)
{
	int r = session_open(&exec->session);

	if (r == 0)
		r = find_namespace(exec);
	if (r == 0)
		r = find_hidden(exec);
	if (r == 0)
		r = step_down(exec);
	if (r == 0)
		r = session_judge(exec->options->confine.argv, exec->err);
	if (r == 0)
		r = start(exec);
	seal_close(&exec->inside);
	return r < 0 ? r : session_run(&exec->session);
}

int exec_command(const struct exec_options *options, int *ret_status, struct error *err)
{
	struct exec exec = {
		.options = options,
		.session = {.ops = &session_ops, .err = err},
		.inside = {.netns = -1, .userns = -1},
		.err = err,
	};
	int r;

	exec.session.context = &exec;
	session_init(&exec.session);
	r = live(&exec);
	session_end(&exec.session);
	session_done(&exec.session);
	hidden_done(&exec.hidden);
	if (r == 0)
		*ret_status = exec.session.status;
	return r;
}
