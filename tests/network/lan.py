"""A local network of network namespaces on this machine: a server and two people on one bridge. Needs root and iproute2.

    PREFIXs 192.168.77.1, fd77::1   the server        PREFIXa .2   who sends        PREFIXb .3   who receives
"""

import os
import subprocess

SERVER = "http://192.168.77.1:5000"


def sh(command, check=True):
    return subprocess.run(command, shell=True, check=check, capture_output=True, text=True).stdout


class Lan:
    """Made with `with`; removed at its end, whatever happens."""

    def __init__(self, prefix, mtu=1500, rate="16mbit"):
        self.prefix, self.mtu, self.rate = prefix, mtu, rate

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        x = self.prefix
        for name in "nsab":
            sh(f"ip netns add {x}{name} && ip -n {x}{name} link set lo up")
        sh(f"ip -n {x}n link add br0 type bridge mcast_snooping 0 && ip -n {x}n link set br0 up mtu {self.mtu}")
        for number, name in enumerate("sab", 1):
            sh(f"ip link add eth0 netns {x}{name} mtu {self.mtu} type veth peer name p{name} netns {x}n mtu {self.mtu}")
            sh(f"ip -n {x}n link set p{name} master br0 up")
            sh(f"ip -n {x}{name} link set eth0 up && ip -n {x}{name} addr add fd77::{number}/64 dev eth0 nodad")
            sh(f"ip -n {x}{name} addr add 192.168.77.{number}/24 dev eth0")
            self._routes(name)
        # A line on which a transfer takes long enough to be disturbed.
        sh(f"ip netns exec {x}a tc qdisc add dev eth0 root tbf rate {self.rate} burst 32k latency 50ms")

    def _routes(self, name):
        sh(f"ip -n {self.prefix}{name} route replace 224.0.0.0/4 dev eth0", check=False)
        sh(f"ip -n {self.prefix}{name} route replace default via 192.168.77.254 dev eth0", check=False)

    def __exit__(self, *_):
        for name in "nsab":
            sh(f"ip netns del {self.prefix}{name}", check=False)

    def inside(self, name):
        """What a command begins with that runs on a machine."""
        return ["ip", "netns", "exec", self.prefix + name]

    def readdress(self, name, old, new):
        """As from Wi-Fi to a cable: one address goes, another comes."""
        machine = self.prefix + name
        sh(f"ip -n {machine} addr del 192.168.77.{old}/24 dev eth0 && ip -n {machine} addr add 192.168.77.{new}/24 dev eth0")
        self._routes(name)

    def cable(self, name, is_in):
        sh(f"ip -n {self.prefix}n link set p{name} {'up' if is_in else 'down'}")
        if is_in:
            self._routes(name)

    def isolate(self):
        """Guests of a network that keeps them apart reach the server, and not each other."""
        for name in "ab":
            sh(f"ip -n {self.prefix}n link set p{name} type bridge_slave isolated on")


def can_be_made():
    """Whether this machine lets us make such networks."""
    if os.geteuid() != 0:
        return False
    probe = f"hx{os.getpid() % 100000}"
    try:
        return subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
    finally:
        subprocess.run(["ip", "netns", "del", probe], capture_output=True)
