/* The configuration socket's place: /var/run/wireguard/NAME.sock, where wg(8) and
 * wg-quick(8) look for it.
 *
 * Who removes the file ends the device, as it does with wireguard-go.
 */
#ifndef ADIT_DEVICE_SOCKET_H
#define ADIT_DEVICE_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

struct error;

#define SOCKET_DIRECTORY "/var/run/wireguard"

struct socket_file {
	int fd;	   /* listens, non-blocking; -1: none */
	int watch; /* readable when something happened to the file; -1: none is watched */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "": the socket has no file */
	dev_t device;						/* the file's, to know it again */
	ino_t inode;
};

#define SOCKET_FILE_NONE ((struct socket_file){.fd = -1, .watch = -1})

/* Makes the directory (0755) and, readable by its owner alone, the socket.  One
 * that nobody listens on is replaced.  -EADDRINUSE: somebody does.
 */
int socket_file_make(const char *directory, const char *name, struct socket_file *ret,
		     struct error *err);
/* One that somebody else made, and that is ours from now on, also on failure. */
int socket_file_adopt(int fd, struct socket_file *ret, struct error *err);

/* After socket_file.watch was readable: the file is not ours any more. */
bool socket_file_is_gone(const struct socket_file *file);

/* Removes the file, if it is still the one. */
void socket_file_remove(struct socket_file *file);
/* In a process that is not to remove it. */
void socket_file_close(struct socket_file *file);

#endif
