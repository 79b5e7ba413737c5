#include "supervise/public_key.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/secret.h"
#include "wireguard/crypto.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child.  The key comes by the socket: secret_new() memory is zeroes here. */
__attribute__((noreturn)) static void derive_and_exit(int socket)
{
	AUTO_WIPE struct secret_key private_key;
	uint8_t public_key[32];
	struct crypto *crypto;
	int status = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)secret_protect_process();
	crypto = crypto_new_x25519();
	if (crypto && fd_read_exact(socket, private_key.byte, sizeof(private_key.byte)) == 0 &&
	    crypto_x25519_public(crypto, public_key, private_key.byte))
		status = fd_write_all(socket, public_key, sizeof(public_key)) < 0;
	secret_wipe(&private_key, sizeof(private_key));
	crypto_free(crypto);
	_exit(status);
}

int public_key_derive(const uint8_t private_key[32], uint8_t ret[32], struct error *err)
{
	int socket;
	pid_t pid = fd_fork(SOCK_STREAM, &socket, err);
	int r;

	if (pid < 0)
		return pid;
	if (pid == 0)
		derive_and_exit(socket);
	r = fd_send(socket, private_key, 32, NULL, 0);
	if (r == 0)
		r = fd_read_exact(socket, ret, 32);
	(void)close(socket);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r < 0 ? error_errno(err, -r, "cannot derive the public key") : 0;
}
