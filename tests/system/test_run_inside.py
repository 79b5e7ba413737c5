"""What a command sees and may do: the same person in the same place, on a network it cannot change."""

import json
import os
import socket
import stat

import pytest
from lab import GID, HOME, UID, adit, internet, named, provider
from lab.changes import NETWORK_CHANGES

UNSHARED_ROOT = ["unshare", "-Ur"]


@pytest.fixture(scope="module", params=["run", "exec"])
def conf(request, shared_net):
    with named.run_or_exec(shared_net, request.param) as one:
        yield one


def test_user_group_folder_and_umask_stay(shared_net, conf):
    os.makedirs(f"{HOME}/a folder", exist_ok=True)
    os.chown(f"{HOME}/a folder", UID, GID)
    said = adit.python(shared_net, conf, """
        import os
        print(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getcwd())
        open("made inside", "w")
        """, cwd=f"{HOME}/a folder")
    assert said.strip() == f"{UID} {UID} {GID} {GID} {HOME}/a folder"
    made = os.stat(f"{HOME}/a folder/made inside")
    assert (made.st_uid, made.st_gid) == (UID, GID)


def test_environment_stays_but_for_the_keys_to_the_outside(shared_net, conf):
    said = adit.python(shared_net, conf, "import os, json; print(json.dumps(dict(os.environ)))",
                       env={"COLOUR": "green", "SSH_AUTH_SOCK": "/tmp/agent",
                            "DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/of/the/host"})
    environ = json.loads(said)
    assert environ["COLOUR"] == "green" and environ["HOME"] == HOME
    assert environ.get("SSH_AUTH_SOCK") != "/tmp/agent"
    assert environ.get("DBUS_SESSION_BUS_ADDRESS") != "unix:abstract=/of/the/host"


def test_no_secret_is_in_environment_or_arguments(shared_net, conf):
    """Also not in those of adit's own processes."""
    key = shared_net.provider.client.private.encode()
    with adit.start(shared_net, conf, "sleep", "60") as run:
        run.wait_for_command()
        for pid in run.processes():
            for name in ("cmdline", "environ"):
                with open(f"/proc/{pid}/{name}", "rb") as f:
                    assert key not in f.read()


def test_data_plane_and_process_1_cannot_be_read_by_the_same_user_outside(shared_net, conf):
    """The session keys are in the one, the way into the namespaces is the other."""
    with adit.start(shared_net, conf, "sleep", "60") as run:
        run.wait_for_command()
        protected = [pid for pid in run.adits() if pid != run.pid]
        assert len(protected) >= (1 if isinstance(conf, named.Place) else 2)
        for pid in protected:
            peek = adit.as_user(["cat", f"/proc/{pid}/maps", f"/proc/{pid}/environ"])
            done = shared_net.host.run(*peek, check=False)
            assert done.stdout == "" and done.stderr.count("Permission denied") == 2, pid


@pytest.mark.parametrize("change", NETWORK_CHANGES, ids=" ".join)
def test_root_inside_cannot_change_the_network(shared_net, conf, change):
    status, _, err = adit.run(shared_net, conf, *UNSHARED_ROOT, *change)
    assert status not in (0, 125, 126, 127), err
    assert "not permitted" in err.lower() or "denied" in err.lower(), err


def test_user_inside_cannot_change_the_network_either(shared_net, conf):
    for change in NETWORK_CHANGES:
        assert adit.run(shared_net, conf, *change)[0] not in (0, 125, 126, 127)


def test_only_loopback_and_the_tunnel_are_there(shared_net, conf):
    said = adit.output(shared_net, conf, "ip", "-j", "-d", "link")
    kinds = {link["ifname"]: link.get("linkinfo", {}).get("info_kind", "loopback")
             for link in json.loads(said)}
    assert sorted(kinds.values()) == ["loopback", "tun"], kinds


def test_sys_and_proc_show_only_confined_links(shared_net, conf):
    links = json.loads(shared_net.host.output("ip", "-j", "link", "show", internet.UPLINK))
    uplink = links[0]["address"]
    said = adit.output(shared_net, conf, "sh", "-c",
                       "ls /sys/class/net; cat /sys/class/net/*/address; cat /proc/net/dev; "
                       "cat /proc/net/arp /proc/net/route; ip neigh")
    assert internet.UPLINK not in said
    assert uplink not in said and internet.GATEWAY not in said


def test_processes_outside_are_neither_seen_nor_signalled(shared_net, conf):
    said = adit.python(shared_net, conf, """
        import os
        print(len([p for p in os.listdir("/proc") if p.isdigit()]))
        """)
    assert int(said.split()[0]) <= 4


def test_process_1_cannot_be_traced_read_or_entered(shared_net, conf):
    said = adit.output(shared_net, conf, "sh", "-c",
                       "ls -l /proc/1/ns/net; cat /proc/1/environ; ls /proc/1/fd /proc/1/root; "
                       "nsenter -t 1 -n true; unshare -Ur nsenter -t 1 -n true; "
                       "unshare -Ur nsenter -t 1 -U true; true", stderr=-2)
    assert said.lower().count("denied") + said.lower().count("not permitted") >= 6, said


def test_descriptors_above_2_are_closed(shared_net, conf):
    reader, writer = os.pipe()
    said = adit.python(shared_net, conf, """
        import os
        print(sorted(int(fd) for fd in os.listdir("/proc/self/fd")))
        """, pass_fds=[reader, writer])
    os.close(reader)
    os.close(writer)
    assert said.strip() in ("[0, 1, 2, 3]",)  # 3: the folder that is being listed


def test_kept_descriptor_is_there_and_no_other(shared_net, conf):
    reader, writer = os.pipe()
    other = os.dup(reader)
    said = adit.python(shared_net, conf, """
        import os, sys
        kept, other = map(int, sys.argv[1:])
        os.write(kept, b"through")
        try:
            os.fstat(other)
            print("open")
        except OSError:
            print("closed")
        """, writer, other, options=["--keep-fd", str(writer)], pass_fds=[writer, other])
    assert os.read(reader, 99) == b"through" and said == "closed\n"
    for fd in (reader, writer, other):
        os.close(fd)


SOCKETS_AS_STDIN = {
    "udp": (socket.AF_INET, socket.SOCK_DGRAM),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW),
    "packet": (socket.AF_PACKET, socket.SOCK_RAW),
}


@pytest.mark.parametrize("name", SOCKETS_AS_STDIN)
def test_network_socket_given_as_standard_input_is_refused(shared_net, conf, name):
    sock = shared_net.host.call(socket.socket, *SOCKETS_AS_STDIN[name])
    status, out, err = adit.run(shared_net, conf, "echo", "ran", stdin=sock.fileno())
    sock.close()
    assert (status, out) == (125, "") and "socket" in err.lower()


def test_connected_unix_stream_passes_as_standard_output(shared_net, conf):
    """As the journal gives it to services."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    status, _, _ = adit.run(shared_net, conf, "echo", "to the journal", stdout=theirs.fileno())
    theirs.close()
    assert status == 0 and ours.recv(99) == b"to the journal\n"
    ours.close()


def test_tun_device_is_not_there(shared_net, conf):
    said = adit.python(shared_net, conf, """
        import errno, os
        for path in ("/dev/net/tun",):
            try:
                os.open(path, os.O_RDWR)
                print("opened")
            except OSError as e:
                print(errno.errorcode[e.errno])
        """)
    assert said.strip() in ("ENOENT", "EACCES", "EPERM", "ENXIO")


def test_attaching_to_the_tunnel_is_refused_on_any_descriptor(shared_net, conf):
    said = adit.python(shared_net, conf, """
        import errno, fcntl, os, struct
        fd = os.open("/dev/null", os.O_RDWR)
        try:
            fcntl.ioctl(fd, 0x400454CA, struct.pack("16sH22x", b"wg0", 0x1001))
        except OSError as e:
            print(errno.errorcode[e.errno])
        """)
    assert said.strip() == "EPERM"  # the filter's; /dev/null itself would say ENOTTY


CALLS = """
    import ctypes, errno, sys
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    def call(*args):
        ctypes.set_errno(0)
        r = libc.syscall(*args)
        return errno.errorcode[ctypes.get_errno()] if r < 0 else "done"
"""


@pytest.mark.parametrize("family", ["AF_VSOCK", "AF_BLUETOOTH", "AF_RDS", "AF_TIPC", "AF_XDP",
                                    "AF_QIPCRTR", "AF_KCM", "AF_SMC"])
def test_socket_family_that_knows_no_namespace_is_refused(shared_net, conf, family):
    numbers = {"AF_VSOCK": 40, "AF_BLUETOOTH": 31, "AF_RDS": 21, "AF_TIPC": 30, "AF_XDP": 44,
               "AF_QIPCRTR": 42, "AF_KCM": 41, "AF_SMC": 43}
    said = adit.python(shared_net, conf, CALLS + f"""
    for kind in (1, 2, 3, 5):
        print(call(41, {numbers[family]}, kind, 0))
    print(call(53, {numbers[family]}, 1, 0, ctypes.create_string_buffer(8)))
    """)
    assert set(said.split()) <= {"EAFNOSUPPORT", "EPERM"}, said


def test_usual_socket_families_are_allowed(shared_net, conf):
    said = adit.python(shared_net, conf, """
        import socket
        for family, kind in ((socket.AF_INET, 1), (socket.AF_INET6, 2), (socket.AF_UNIX, 5),
                             (socket.AF_NETLINK, 3), (socket.AF_ALG, 5)):
            try:
                socket.socket(family, kind).close()
                print("fine")
            except OSError as e:
                print("fine" if e.errno in (97,) and family == socket.AF_ALG else e)
        """)
    assert said.split("\n")[:5] == ["fine"] * 5


def test_io_uring_is_as_if_the_kernel_had_none(shared_net, conf):
    said = adit.python(shared_net, conf, CALLS + """
    print(call(425, 8, ctypes.create_string_buffer(256)))
    """)
    assert said.strip() == "ENOSYS"


def test_io_uring_can_be_allowed(shared_net, conf):
    said = adit.python(shared_net, conf, CALLS + """
    print(call(425, 8, ctypes.create_string_buffer(256)))
    """, options=["--allow-io-uring"])
    assert said.strip() != "ENOSYS"


def test_key_calls_which_start_a_helper_outside_are_refused(shared_net, conf):
    """request_key(2) makes the kernel run its resolver as root in the machine's own network."""
    said = adit.python(shared_net, conf, CALLS + """
    name = ctypes.c_char_p(b"leak.inside.test")
    print(call(248, ctypes.c_char_p(b"user"), name, b"x", 1, -3))
    print(call(249, ctypes.c_char_p(b"dns_resolver"), name, b"", -3))
    print(call(250, 0, -3, 0))
    """)
    assert set(said.split()) <= {"EPERM", "ENOSYS", "EACCES"}, said


def test_32_bit_and_x32_calls_are_no_way_around(shared_net, conf):
    """x32 numbers have bit 30; the i386 entry needs a compiler, and is tested with confine/."""
    said = adit.python(shared_net, conf, CALLS + """
    print(call(0x40000000 | 41, 40, 1, 0))
    """)
    assert said.strip() in ("ENOSYS", "EPERM", "EAFNOSUPPORT")


def test_no_new_privileges_can_be_had(shared_net, conf):
    said = adit.output(shared_net, conf, "grep", "NoNewPrivs", "/proc/self/status")
    assert said.split() == ["NoNewPrivs:", "1"]


@pytest.mark.parametrize("command", [
    ["bwrap", "--unshare-user", "--unshare-pid", "--proc", "/proc", "--dev-bind", "/", "/",
     "true"],
    ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"],
    ["unshare", "-Urn", "true"],
    ["unshare", "-Urmpf", "--mount-proc", "true"],
    ["tmux", "-L", "inside", "new-session", "-d", "true"],
    ["dbus-daemon", "--version"],
], ids=lambda command: " ".join(command[:3]))
def test_sandboxes_of_programs_work_inside(shared_net, conf, command):
    adit.output(shared_net, conf, *command)


def test_settings_that_listen_to_the_network_are_off(shared_net, conf):
    said = adit.output(shared_net, conf, "sh", "-c",
                       "cd /proc/sys/net; for l in default wg0; do cd ipv6/conf/$l; "
                       "cat accept_ra autoconf accept_redirects; cd ../../..; done; "
                       "cat ipv4/conf/all/accept_redirects ipv4/conf/all/send_redirects")
    assert set(said.split()) == {"0"}, said


def test_tmp_is_private_and_what_is_left_there_is_kept_and_named(shared_net, conf):
    with open("/tmp/of-the-host", "w") as f:
        f.write("readable")
    status, out, err = adit.run(shared_net, conf, "sh", "-c",
                                "cat /tmp/of-the-host; echo left >/tmp/result")
    assert (status, out) == (0, "readable")
    assert not os.path.exists("/tmp/result")
    kept = [word.strip("'.,:;") for word in err.split() if word.strip("'").startswith("/")]
    found = [os.path.join(where, name) for place in kept if os.path.isdir(place)
             for where, _, names in os.walk(place) for name in names]
    assert any(os.path.basename(path) == "result" for path in found), err


def test_tmp_can_be_shared(shared_net, conf):
    adit.output(shared_net, conf, "sh", "-c", "echo x >/tmp/shared-result", options=["--share-tmp"])
    assert stat.S_ISREG(os.stat("/tmp/shared-result").st_mode)


def test_the_files_with_keys_cannot_be_read_inside(shared_net):
    """Else a program could take the key along through the tunnel."""
    key = provider.Key().private
    beside = shared_net.provider.write_conf(f"{HOME}/keyfile.conf", private=key)
    with open(beside) as f:
        text = f.read().replace(f"PrivateKey = {key}", "")
    with open(f"{HOME}/key", "w") as f:
        f.write(key + "\n")
    with open(beside, "w") as f:
        f.write(text + f"\n[Namespace]\nPrivateKeyFile = {HOME}/key\n")
    for name in ("key", "keyfile.conf"):
        os.chmod(f"{HOME}/{name}", 0o600)
        os.chown(f"{HOME}/{name}", UID, GID)
    said = adit.output(shared_net, beside, "sh", "-c",
                       f"cat {HOME}/key {beside} 2>&1; echo over", options=["--no-wait"])
    assert key not in said and "over" in said
    assert said.count("No such device or address") == 2, said


def test_the_sound_server_is_named_when_it_is_let_in(shared_net, conf):
    os.makedirs("/run/user/1001/pulse", exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("/run/user/1001/pulse/native")
        os.chmod("/run/user/1001/pulse/native", 0o666)
        _, _, err = adit.run(shared_net, conf, "true")
        assert "PulseAudio" in err and "--no-sound" in err
        _, _, err = adit.run(shared_net, conf, "true", options=["--no-sound"])
        assert "PulseAudio" not in err
    os.unlink("/run/user/1001/pulse/native")
