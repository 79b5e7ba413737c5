"""A small internet out of network namespaces, and what watches it for leaks.

How the parts fit is in tests/system/README.md.  Only the standard library, and
the tools of Debian's packages (iproute2, nftables, wireguard-go, wg), are used.
"""

UID = GID = 1001  # the ordinary user whose commands are confined
USER = "alice"
HOME = "/home/alice"
