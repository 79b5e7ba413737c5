# What of the kernel's netns.sh is another thing for a device in user space.  Each
# line that is taken out is named in README.md.

# the helpers are replaced after they were made
/^cleanup() {/i source "$COMPAT_PRELUDE"

# a TUN counts the packets inside, not the messages outside
/-stats link show dev wg0/{
n
s/.*/:/
}

# the MTU of the route inside is the kernel's secret
/ping -c 1 -W 1 -s 1269 /s/.*/:/

# what the kernel answers about its own link has another address
/Destination Host Unreachable/s/.*/:/
