/* Mirrors src/tunnel/tunnel.c */
#include "cmocka_all.h"

#include "base/error.h"
#include "base/text.h"
#include "config/profile.h"
#include "tunnel/tunnel.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Stand for tunnel/userspace.c and tunnel/kernel.c. */
static struct tunnel opened = {.backend = &tunnel_backend_userspace};
static struct tunnel opened_kernel = {.backend = &tunnel_backend_kernel};
static int kernel_code; /* what its probe returns */
static const char *last_call;
static int events;

static int fake_open(const struct tunnel_config *config, struct tunnel **ret, struct error *err)
{
	(void)config;
	(void)err;
	last_call = "open";
	*ret = &opened;
	return 0;
}

static int fake_set_config(struct tunnel *tunnel, const struct tunnel_config *config,
			   struct error *err)
{
	(void)tunnel;
	(void)config;
	(void)err;
	last_call = "set_config";
	return -EPROTO;
}

static int fake_set_endpoint(struct tunnel *tunnel, const uint8_t public_key[32],
			     const union endpoint *endpoint, struct error *err)
{
	(void)tunnel;
	(void)public_key;
	(void)endpoint;
	(void)err;
	last_call = "set_endpoint";
	return -EPROTO;
}

static int fake_forget_sources(struct tunnel *tunnel, struct error *err)
{
	(void)tunnel;
	(void)err;
	last_call = "forget_sources";
	return -EPROTO;
}

static int fake_read_stats(struct tunnel *tunnel, struct tunnel_stats *ret, struct error *err)
{
	(void)tunnel;
	(void)ret;
	(void)err;
	last_call = "read_stats";
	return -EPROTO;
}

static pid_t fake_pid(const struct tunnel *tunnel)
{
	(void)tunnel;
	return 7;
}

static int fake_pidfd(const struct tunnel *tunnel)
{
	(void)tunnel;
	return 8;
}

static int fake_events_fd(const struct tunnel *tunnel)
{
	(void)tunnel;
	return events;
}

static void fake_close(struct tunnel *tunnel)
{
	(void)tunnel;
	last_call = "close";
}

static int fake_probe(struct error *err)
{
	(void)err;
	return 0;
}

static int fake_probe_kernel(struct error *err)
{
	return kernel_code < 0 ? error_set(err, -kernel_code, "no WireGuard") : 0;
}

static int fake_open_kernel(const struct tunnel_config *config, struct tunnel **ret,
			    struct error *err)
{
	(void)config;
	(void)err;
	*ret = &opened_kernel;
	return 0;
}

static int fake_find_drift(struct tunnel *tunnel, const struct tunnel_config *config,
			   struct error *err)
{
	(void)tunnel;
	(void)config;
	(void)err;
	return TUNNEL_DRIFT_MARK | TUNNEL_DRIFT_KEY;
}

const struct tunnel_backend tunnel_backend_kernel = {
	.name = "kernel",
	.probe = fake_probe_kernel,
	.open = fake_open_kernel,
	.find_drift = fake_find_drift,
};

const struct tunnel_backend tunnel_backend_userspace = {
	.name = "userspace",
	.probe = fake_probe,
	.open = fake_open,
	.set_config = fake_set_config,
	.set_endpoint = fake_set_endpoint,
	.forget_sources = fake_forget_sources,
	.read_stats = fake_read_stats,
	.pid = fake_pid,
	.pidfd = fake_pidfd,
	.events_fd = fake_events_fd,
	.close = fake_close,
};

static int open_with(enum profile_backend backend, struct tunnel **ret, struct error *err)
{
	static struct profile profile;
	const struct tunnel_config config = {.profile = &profile};

	profile.backend = backend;
	return tunnel_open(&config, ret, err);
}

static void test_the_backend_is_chosen_by_the_profile(void **state)
{
	struct tunnel *tunnel = NULL;
	struct error err;

	(void)state;
	assert_int_equal(open_with(BACKEND_AUTO, &tunnel, &err), 0);
	assert_ptr_equal(tunnel, &opened);
	assert_int_equal(open_with(BACKEND_USERSPACE, &tunnel, &err), 0);
	assert_ptr_equal(tunnel, &opened);
	assert_int_equal(open_with(BACKEND_KERNEL, &tunnel, &err), 0);
	assert_ptr_equal(tunnel, &opened_kernel);
}

static void test_a_chosen_backend_goes_before_the_profiles(void **state)
{
	static struct profile profile = {.backend = BACKEND_AUTO};
	const struct tunnel_config config = {
		.profile = &profile,
		.backend = &tunnel_backend_kernel,
	};
	struct tunnel *tunnel = NULL;

	(void)state;
	assert_int_equal(tunnel_open(&config, &tunnel, NULL), 0);
	assert_ptr_equal(tunnel, &opened_kernel);
}

static const struct tunnel_backend *choose(enum profile_backend wanted)
{
	static struct profile profile;
	const struct tunnel_backend *backend = NULL;

	profile.backend = wanted;
	assert_int_equal(tunnel_choose(&profile, &backend, NULL), 0);
	return backend;
}

static void test_auto_is_the_kernels_where_that_can_be(void **state)
{
	(void)state;
	kernel_code = 0;
	assert_ptr_equal(choose(BACKEND_AUTO), &tunnel_backend_kernel);
	assert_ptr_equal(choose(BACKEND_KERNEL), &tunnel_backend_kernel);
	assert_ptr_equal(choose(BACKEND_USERSPACE), &tunnel_backend_userspace);
	kernel_code = -EPERM;
	assert_ptr_equal(choose(BACKEND_AUTO), &tunnel_backend_userspace);
	assert_ptr_equal(choose(BACKEND_USERSPACE), &tunnel_backend_userspace);
}

static void test_a_kernel_backend_that_cannot_be_is_told(void **state)
{
	static struct profile profile = {.backend = BACKEND_KERNEL};
	const struct tunnel_backend *backend = NULL;
	struct error err;

	(void)state;
	kernel_code = -EOPNOTSUPP;
	assert_int_equal(tunnel_choose(&profile, &backend, &err), -EOPNOTSUPP);
	assert_string_equal(err.what, "no WireGuard");
	assert_null(backend);
}

static void test_every_call_goes_to_the_backend(void **state)
{
	const union endpoint endpoint = {0};
	const uint8_t key[32] = {0};
	struct tunnel_stats stats;

	(void)state;
	assert_int_equal(tunnel_set_config(&opened, NULL, NULL), -EPROTO);
	assert_string_equal(last_call, "set_config");
	assert_int_equal(tunnel_set_endpoint(&opened, key, &endpoint, NULL), -EPROTO);
	assert_string_equal(last_call, "set_endpoint");
	assert_int_equal(tunnel_forget_sources(&opened, NULL), -EPROTO);
	assert_string_equal(last_call, "forget_sources");
	assert_int_equal(tunnel_read_stats(&opened, &stats, NULL), -EPROTO);
	assert_string_equal(last_call, "read_stats");
	assert_int_equal(tunnel_pid(&opened), 7);
	assert_int_equal(tunnel_pidfd(&opened), 8);
	tunnel_close(&opened);
	assert_string_equal(last_call, "close");
	last_call = NULL;
	tunnel_close(NULL);
	assert_null(last_call);
}

static void test_an_event_is_taken_once(void **state)
{
	const uint64_t one = 1;
	uint64_t count;

	(void)state;
	events = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(write(events, &one, sizeof(one)), sizeof(one));
	assert_int_equal(write(events, &one, sizeof(one)), sizeof(one));
	tunnel_take_event(&opened);
	assert_int_equal(read(events, &count, sizeof(count)), -1);
	tunnel_take_event(&opened);
	(void)close(events);
}

static void test_drift_is_told_in_words_where_a_tunnel_can_drift(void **state)
{
	char buffer[64];
	struct text text;
	int drift = tunnel_find_drift(&opened_kernel, NULL, NULL);

	(void)state;
	text_init(&text, buffer, sizeof(buffer));
	tunnel_print_drift((unsigned int)drift, &text);
	assert_string_equal(buffer, "the private key, the mark");
	assert_int_equal(tunnel_find_drift(&opened, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_backend_is_chosen_by_the_profile),
		cmocka_unit_test(test_a_chosen_backend_goes_before_the_profiles),
		cmocka_unit_test(test_auto_is_the_kernels_where_that_can_be),
		cmocka_unit_test(test_a_kernel_backend_that_cannot_be_is_told),
		cmocka_unit_test(test_every_call_goes_to_the_backend),
		cmocka_unit_test(test_an_event_is_taken_once),
		cmocka_unit_test(test_drift_is_told_in_words_where_a_tunnel_can_drift),
	};

	return cmocka_run_group_tests_name("tunnel/tunnel", tests, NULL, NULL);
}
