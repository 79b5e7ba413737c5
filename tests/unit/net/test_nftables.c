/* Mirrors src/net/nftables.c */
#include "cmocka_all.h"

#include "emulated.h"
#include "namespace.h"
#include "net/fake.h"

#include "base/error.h"
#include "net/nft.h"
#include "net/nftables.h"
#include "net/nlsock.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/wait.h>

static struct nlsock *sock;
static struct error err;

static int setup(void **state)
{
	int r = namespace_setup(state);

	memset(&err, 0, sizeof(err));
	return r == 0 && !namespace_reason ? nftables_open(&sock, &err) : r;
}

static int teardown(void **state)
{
	(void)state;
	nlsock_close(sock);
	sock = NULL;
	return 0;
}

static const char table[] = "table inet adit {\n"
			    "	counter one { }\n"
			    "	counter two { }\n"
			    "	set ports { type inet_service; elements = { 1, 2 }; }\n"
			    "	chain out {\n"
			    "		type filter hook output priority 300; policy drop;\n"
			    "		oifname \"lo\" accept\n"
			    "		counter name \"one\" drop\n"
			    "	}\n"
			    "}\n";

static void load(const char *text)
{
	if (nft_apply(text, &err) < 0)
		fail_msg("%s", err.what);
}

static struct nftables_image read_image(void)
{
	struct nftables_image image = {0};

	if (nftables_read(sock, "adit", &image, &err) < 0)
		fail_msg("%s", err.what);
	return image;
}

static bool is_equal(const struct nftables_image *a, const struct nftables_image *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Whether the text changes what is read of the table. */
static bool is_noticed(const char *change)
{
	struct nftables_image before = read_image();
	struct nftables_image after;
	bool is_same;

	load(change);
	after = read_image();
	is_same = is_equal(&before, &after);
	free(before.bytes);
	free(after.bytes);
	return !is_same;
}

static void test_no_table_is_no_image(void **state)
{
	struct nftables_image image = {0};

	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	assert_int_equal(nftables_read(sock, "adit", &image, &err), -ENOENT);
	assert_string_equal(err.what, "cannot read table 'inet adit': No such file or directory");
	load("table ip adit { }");
	load("table inet adit2 { }");
	assert_int_equal(nftables_read(sock, "adit", &image, NULL), -ENOENT);
	assert_null(image.bytes);
}

static void test_a_table_left_alone_reads_the_same(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	load(table);
	assert_false(is_noticed("table inet other { counter one { }; chain c { accept; }; }"));
	assert_false(is_noticed("flush table inet other"));
	assert_false(is_noticed("table ip adit { chain out { drop; }; }"));
}

/* A packet counted by the table is not somebody's change of it. */
static void test_what_counters_count_is_no_change(void **state)
{
	struct nftables_image before;
	struct nftables_image after;

	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	load("table inet adit { counter one { packets 1 bytes 100 }; }");
	before = read_image();
	load("reset counters table inet adit");
	after = read_image();
	assert_true(is_equal(&before, &after));
	free(before.bytes);
	free(after.bytes);
}

static void test_every_change_of_the_table_is_noticed(void **state)
{
	static const char *const changes[] = {
		"add rule inet adit out accept",
		"insert rule inet adit out accept",
		"flush chain inet adit out",
		"chain inet adit out { policy accept; }",
		"add chain inet adit other",
		"add counter inet adit three",
		"add set inet adit s { type ipv4_addr; }",
		"add table inet adit { flags dormant; }",
	};

	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	load(table);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (!is_noticed(changes[i]))
			fail_msg("not noticed: %s", changes[i]);
}

static void test_the_same_table_made_anew_is_another(void **state)
{
	char text[sizeof(table) + 64];

	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	load(table);
	(void)snprintf(text, sizeof(text), "delete table inet adit\n%s", table);
	assert_true(is_noticed(text));
}

static int keep(void *context, const struct nftables_counter *counter)
{
	char *text = context;

	(void)snprintf(text + strlen(text), 256 - strlen(text), "%s %llu %llu\n", counter->name,
		       (unsigned long long)counter->packets, (unsigned long long)counter->bytes);
	return 0;
}

static void test_counters_are_read_by_name_and_no_other_tables(void **state)
{
	char text[256] = "";

	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	assert_int_equal(nftables_counters(sock, "adit", keep, text, &err), 0);
	assert_string_equal(text, "");
	load("table inet other { counter three { packets 5 bytes 6 }; }");
	load("table inet adit { counter one { packets 7 bytes 4294967296 }; counter two { }; "
	     "quota q { 10 bytes }; }");
	assert_int_equal(nftables_counters(sock, "adit", keep, text, &err), 0);
	assert_string_equal(text, "one 7 4294967296\ntwo 0 0\n");
}

static int refuse(void *context, const struct nftables_counter *counter)
{
	(void)context;
	(void)counter;
	return -EIO;
}

static void test_the_callers_refusal_ends_the_list(void **state)
{
	(void)state;
	NAMESPACE_OR_SKIP();
	skip_if_emulated("nf_tables");
	load("table inet adit { counter one { }; }");
	assert_int_equal(nftables_counters(sock, "adit", refuse, NULL, &err), -EIO);
	assert_string_equal(err.what,
			    "cannot read the counters of table 'inet adit': Input/output error");
}

/* A table of a made-up kernel, `len` bytes of its attributes at a time. */
static void send_table(struct fake *fake, size_t len)
{
	static const char bytes[FAKE_MESSAGE_MAX];
	struct nlmsghdr *header = fake_begin(fake, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, 1);
	struct nfgenmsg *family = fake_header(fake, sizeof(*family));

	family->nfgen_family = NFPROTO_INET;
	mnl_attr_put_strz(header, NFTA_TABLE_NAME, "adit");
	mnl_attr_put(header, NFTA_TABLE_USERDATA, len, bytes);
	fake_send(fake);
}

static void test_a_table_without_end_is_refused(void **state)
{
	struct nftables_image image = {0};
	struct fake fake;
	pid_t kernel;

	(void)state;
	assert_true(fake_open(&fake));
	kernel = fork();
	if (kernel == 0) {
		(void)close(nlsock_fd(fake.sock));
		for (int i = 0; i <= NFTABLES_IMAGE_MAX / 900; i++)
			send_table(&fake, 900);
		_exit(0);
	}
	assert_int_equal(nftables_read(fake.sock, "adit", &image, &err), -EFBIG);
	assert_null(image.bytes);
	fake_close(&fake);
	assert_int_equal(waitpid(kernel, NULL, 0), kernel);
}

static void test_a_list_that_changed_meanwhile_is_to_be_asked_for_again(void **state)
{
	struct nftables_image image = {0};
	struct fake fake;

	(void)state;
	assert_true(fake_open(&fake));
	send_table(&fake, 4);
	fake_end(&fake, 1, 0);
	fake_begin(&fake, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, 2)->nlmsg_flags =
		NLM_F_DUMP_INTR;
	(void)fake_header(&fake, sizeof(struct nfgenmsg));
	fake_send(&fake);
	assert_int_equal(nftables_read(fake.sock, "adit", &image, &err), -EINTR);
	assert_null(image.bytes);
	fake_close(&fake);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_no_table_is_no_image),
		EACH(test_a_table_left_alone_reads_the_same),
		EACH(test_what_counters_count_is_no_change),
		EACH(test_every_change_of_the_table_is_noticed),
		EACH(test_the_same_table_made_anew_is_another),
		EACH(test_counters_are_read_by_name_and_no_other_tables),
		EACH(test_the_callers_refusal_ends_the_list),
		cmocka_unit_test(test_a_table_without_end_is_refused),
		cmocka_unit_test(test_a_list_that_changed_meanwhile_is_to_be_asked_for_again),
	};

	return cmocka_run_group_tests_name("net/nftables", tests, namespace_group_setup, NULL);
}
