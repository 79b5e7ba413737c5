"""What a command must not be able to do to the network it is in, as a user or as root of its own."""

NETWORK_CHANGES = [
    ["ip", "link", "set", "lo", "down"],
    ["ip", "link", "add", "d0", "type", "dummy"],
    ["ip", "address", "add", "10.9.9.9/24", "dev", "lo"],
    ["ip", "route", "add", "10.9.9.0/24", "dev", "lo"],
    ["ip", "route", "del", "default"],
    ["ip", "rule", "add", "from", "all", "lookup", "7"],
    ["nft", "flush", "ruleset"],
    ["nft", "add", "table", "inet", "x"],
    ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"],
    ["sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/accept_ra"],
]
