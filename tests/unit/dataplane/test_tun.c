/* Mirrors src/dataplane/tun.c */
#include "cmocka_all.h"

#include "dataplane/tun.h"
#include "private_tun.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/syscall.h>

/* What the next call fails with, as a positive errno; 0: the truth. */
static int failure;

static bool fails(void)
{
	if (failure == 0)
		return false;
	errno = failure;
	failure = 0;
	return true;
}

/* These stand before the C library's. */
ssize_t readv(int fd, const struct iovec *iov, int n)
{
	return fails() ? -1 : syscall(SYS_readv, fd, iov, n);
}

ssize_t writev(int fd, const struct iovec *iov, int n)
{
	return fails() ? -1 : syscall(SYS_writev, fd, iov, n);
}

/* Sockets that keep messages apart stand for the device. */
static struct tun tun;
static int program;

static int start(void **state)
{
	int pair[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	tun.fd = pair[0];
	program = pair[1];
	return 0;
}

static int end(void **state)
{
	(void)state;
	(void)close(tun.fd);
	(void)close(program);
	return 0;
}

static void test_a_frame_is_read_behind_its_header(void **state)
{
	struct virtio_net_hdr sent = {.gso_size = 77};
	char text[] = "frame";
	struct iovec iov[] = {{&sent, sizeof(sent)}, {text, 5}};
	struct virtio_net_hdr header;
	uint8_t frame[100];

	(void)state;
	assert_int_equal(writev(program, iov, 2), sizeof(sent) + 5);
	assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), 5);
	assert_int_equal(header.gso_size, 77);
	assert_memory_equal(frame, "frame", 5);
}

static void test_nothing_that_waits_is_no_error(void **state)
{
	struct virtio_net_hdr header;
	uint8_t frame[100];

	(void)state;
	assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), 0);
}

static void test_less_than_a_header_is_an_error(void **state)
{
	struct virtio_net_hdr header;
	uint8_t frame[100];

	(void)state;
	assert_int_equal(write(program, "abc", 3), 3);
	assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), -EIO);
	tun.fd = 99;
	assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), -EBADF);
}

static void test_parts_are_written_as_one_frame(void **state)
{
	struct virtio_net_hdr header = {.gso_size = 5};
	char text[] = "abcd";
	struct iovec iov[] = {{&header, sizeof(header)}, {text, 2}, {text + 2, 2}};
	char bytes[100];

	(void)state;
	assert_int_equal(tun_write(&tun, iov, 3), 0);
	assert_int_equal(read(program, bytes, sizeof(bytes)), sizeof(header) + 4);
	assert_memory_equal(bytes + sizeof(header), "abcd", 4);
	(void)close(program);
	program = -1;
	assert_int_equal(tun_write(&(struct tun){.fd = 99}, iov, 3), -EBADF);
}

/* EAGAIN and EINTR are no errors of a read; of a write they cost the packet. */
static void test_every_error_is_told_and_the_next_frame_is_not_concerned(void **state)
{
	static const int codes[] = {EAGAIN, EINTR, EIO,	    EBADFD,   EINVAL,	  EFAULT,
				    ENOMEM, EPERM, ENOBUFS, EMSGSIZE, ENETUNREACH};
	struct virtio_net_hdr header = {0};
	char text[] = "frame";
	struct iovec iov[] = {{&header, sizeof(header)}, {text, 5}};
	uint8_t frame[100];

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		assert_int_equal(writev(program, iov, 2), sizeof(header) + 5);
		failure = codes[i];
		assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)),
				 i < 2 ? 0 : -codes[i]);
		assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), 5);
		failure = codes[i];
		assert_int_equal(tun_write(&tun, iov, 2), -codes[i]);
		assert_int_equal(tun_write(&tun, iov, 2), 0);
		assert_int_equal(read(program, frame, sizeof(frame)), sizeof(header) + 5);
	}
}

static void test_what_waits_is_thrown_away(void **state)
{
	static uint8_t frame[2000];
	struct virtio_net_hdr header;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(write(program, frame, sizeof(frame)), sizeof(frame));
	tun_discard(&tun);
	assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), 0);
	tun_discard(&(struct tun){.fd = 99});
}

static void test_what_is_no_device_is_refused(void **state)
{
	struct tun other;
	struct error err;

	(void)state;
	assert_true(tun_init(&other, tun.fd, &err) < 0);
	assert_non_null(strstr(err.what, "no descriptor of a tunnel device"));
}

/* A device that this program did not make, with these flags; -1: not here. */
static int open_foreign_tun(int flags)
{
	struct ifreq request = {.ifr_name = "tun1", .ifr_flags = (short)flags};
	int fd = has_private_netns ? open("/dev/net/tun", O_RDWR | O_CLOEXEC) : -1;

	if (fd >= 0 && ioctl(fd, TUNSETIFF, &request) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static void test_a_device_for_ethernet_frames_is_refused(void **state)
{
	int fd = open_foreign_tun(IFF_TAP | IFF_NO_PI);
	struct tun device;
	struct error err;

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(tun_init(&device, fd, &err), -EINVAL);
	(void)close(fd);
}

static void test_a_device_without_a_virtio_header_is_used_bare(void **state)
{
	int fd = open_foreign_tun(IFF_TUN | IFF_NO_PI);
	struct tun device;
	struct error err;

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(tun_init(&device, fd, &err), 0);
	assert_true(device.is_bare);
	assert_false(device.has_uso);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	(void)close(fd);
}

static void test_a_bare_frame_is_the_packet_alone(void **state)
{
	struct virtio_net_hdr header = {.gso_size = 5};
	char text[] = "abcd";
	struct iovec iov[] = {{&header, sizeof(header)}, {text, 4}};
	uint8_t frame[100];

	(void)state;
	tun.is_bare = true;
	assert_int_equal(tun_write(&tun, iov, 2), 0);
	assert_int_equal(read(program, frame, sizeof(frame)), 4);
	assert_int_equal(write(program, "xyz", 3), 3);
	assert_int_equal(tun_read(&tun, &header, frame, sizeof(frame)), 3);
	assert_int_equal(header.gso_size, 0);
	assert_memory_equal(frame, "xyz", 3);
	tun.is_bare = false;
}

static void test_a_device_gets_its_offloads_and_does_not_block(void **state)
{
	int fd = open_private_tun();
	struct virtio_net_hdr header;
	uint8_t frame[100];
	struct tun device;
	struct error err;
	int header_len = 0;

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(tun_init(&device, fd, &err), 0);
	assert_int_equal(ioctl(fd, TUNGETVNETHDRSZ, &header_len), 0);
	assert_int_equal(header_len, sizeof(struct virtio_net_hdr));
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(set_up("tun0"), 0);
	while (tun_read(&device, &header, frame, sizeof(frame)) > 0)
		continue;
	(void)close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_frame_is_read_behind_its_header),
		TEST(test_nothing_that_waits_is_no_error),
		TEST(test_less_than_a_header_is_an_error),
		TEST(test_parts_are_written_as_one_frame),
		TEST(test_every_error_is_told_and_the_next_frame_is_not_concerned),
		TEST(test_what_waits_is_thrown_away),
		TEST(test_what_is_no_device_is_refused),
		TEST(test_a_device_for_ethernet_frames_is_refused),
		TEST(test_a_device_without_a_virtio_header_is_used_bare),
		TEST(test_a_bare_frame_is_the_packet_alone),
		TEST(test_a_device_gets_its_offloads_and_does_not_block),
	};

	return cmocka_run_group_tests_name("dataplane/tun", tests, enter_private_netns, NULL);
}
