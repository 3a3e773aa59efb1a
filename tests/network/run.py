"""run.py HANDOVER [CASE…]: transfers between machines whose cables, addresses and server come and go.

Each case has a network of its own (see lan.py), and all run side by side. Exits with 77 where no network can be made.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lan import SERVER, Lan, can_be_made, sh

HANDOVER = os.path.abspath(sys.argv[1])
SIZE = 24 << 20  # 13 s at 16 Mbit/s
# How long a transfer may stand still after what it can go on without has gone: 5 s, and the steps of what is measured.
STANDSTILL = 6.5
README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


class Process:
    """A command on a machine, whose events are read as they come."""

    def __init__(self, place, machine, *args, home):
        env = {name: value for name, value in os.environ.items() if not name.startswith("HANDOVER_")}
        env.update(HOME=str(place.folder / home), XDG_STATE_HOME=str(place.folder / home))
        command = place.lan.inside(machine) + [HANDOVER, *map(str, args)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=place.folder
        )
        self.events, self.times, self.errors = [], [], b""
        self.threads = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for thread in self.threads:
            thread.start()
        place.processes.append(self)

    def _read(self):
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "said", "text": line.decode(errors="replace")}
            self.times.append(time.monotonic())
            self.events.append(event)

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def wait_for(self, is_it, patience=60):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for event in list(self.events):
                if is_it(event):
                    return event
            if self.process.poll() is not None and not self.threads[0].is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"it did not come to that: {self.tail()}")

    def ended(self, patience=150):
        self.process.wait(patience)
        for thread in self.threads:
            thread.join(10)
        assert self.process.returncode == 0, f"exit code {self.process.returncode}: {self.tail()}"
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def tail(self):
        return f"{[event for event in self.events if event['event'] != 'progress'][-8:]} {self.errors[-300:]!r}"

    def count(self, name):
        return sum(event["event"] == name for event in self.events)

    def ways(self):
        return [event["direct"] for event in self.events if event["event"] == "path"]

    def standstill(self, since):
        """The longest time without a byte, from that moment on."""
        last, bytes_there, longest = None, -1, 0.0
        for moment, event in zip(self.times, self.events):
            if event["event"] == "progress" and event["bytes"] > bytes_there or event["event"] == "done":
                if last is not None and moment > since:
                    longest = max(longest, moment - max(last, since))
                last, bytes_there = moment, event.get("bytes", bytes_there)
        return longest


class Place:
    """A network, a server in it, and a file to send."""

    def __init__(self, name, **lan):
        self.lan = Lan(f"h{os.getpid() % 10000:04}{len(CASES)}{list(CASES).index(name):x}", **lan)
        self.folder = Path(tempfile.mkdtemp(prefix="handover-net-"))
        self.processes, self.server = [], None
        self.file = self.folder / "file.bin"
        self.file.write_bytes(os.urandom(SIZE))

    def __enter__(self):
        self.lan.__enter__()
        self.serve()
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.process.poll() is None:
                process.kill()
        self.lan.__exit__()
        sh(f"rm -rf {self.folder}")

    def serve(self, *args):
        flags = ["--data", self.folder / "data", "--guests", "allow", "--announce", "on", *args]
        self.server = Process(self, "s", "serve", "--bind", "[::]:5000", *flags, home="server")
        self.server.wait_for(lambda event: "is listening on" in event.get("text", ""))

    def send(self, *args):
        return Process(self, "a", "send", self.file, "--json", "--server", SERVER, *args, home="a")

    def receive(self, code, *args):
        flags = ["--to", self.folder / "in", "--yes", "--json", "--server", SERVER]
        return Process(self, "b", "receive", code, *flags, *args, home="b")

    def begin(self, is_direct=True):
        """Both ends of a transfer, once content flows, and directly."""
        sender = self.send()
        receiver = self.receive(code_of(sender))
        if is_direct:
            for end in (sender, receiver):
                end.wait_for(lambda event: event == {"event": "path", "direct": True})
        receiver.wait_for(lambda event: event["event"] == "progress" and event["bytes"] > 1 << 20)
        return sender, receiver

    def finish(self, sender, receiver, since=None, within=STANDSTILL):
        receiver.ended(), sender.ended()
        assert (self.folder / "in/file.bin").read_bytes() == self.file.read_bytes(), "what came is not what was sent"
        if since is not None:
            still = receiver.standstill(since)
            assert still <= within, f"it stood still for {still:.1f} s"


def code_of(sender):
    return sender.wait_for(lambda event: event["event"] == "code")["code"]


def found():
    """Nobody names the server: it is found, and once, though it has IPv4 and IPv6."""
    with Place("found") as place:
        time.sleep(2)
        command = [*place.lan.inside("a"), HANDOVER, "send", place.file, "--json", "--no-qr"]
        for _ in range(5):
            env = dict(os.environ, HOME=str(place.folder / "a"), XDG_STATE_HOME=str(place.folder / "a"))
            end = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
            try:
                first = end.stdout.readline()
                # A new code, or the one of the run before, which was killed.
                assert b'"code":"' in first, (first, end.kill(), end.stderr.read())
            finally:
                end.kill()
                end.wait()
        place.finish(*place.begin())


def isolated():
    with Place("isolated") as place:
        place.lan.isolate()
        sender, receiver = place.begin(is_direct=False)
        place.finish(sender, receiver)
        assert True not in sender.ways() + receiver.ways(), "there is no direct way"


def small_packets():
    with Place("small_packets", mtu=1280) as place:
        place.finish(*place.begin())


def direct_dies():
    with Place("direct_dies") as place:
        sender, receiver = place.begin()
        place.lan.isolate()
        place.finish(sender, receiver, time.monotonic())
        assert sender.ways()[-1] is False and receiver.ways()[-1] is False, "both tell of the way that is in use"


def address_changes():
    with Place("address_changes") as place:
        sender, receiver = place.begin()
        place.lan.readdress("b", 3, 33)
        place.finish(sender, receiver, time.monotonic())


def cable(seconds):
    def case():
        with Place(f"cable_{seconds}") as place:
            sender, receiver = place.begin()
            place.lan.cable("b", False)
            since = time.monotonic()
            time.sleep(seconds)
            place.lan.cable("b", True)
            place.finish(sender, receiver, since, seconds + STANDSTILL)

    return case


def server_dies():
    with Place("server_dies") as place:
        sender, receiver = place.begin()
        place.server.kill()
        since = time.monotonic()
        place.finish(sender, receiver, since, 2)
        assert sender.ways() == receiver.ways() == [True], "it goes on as it was"


def server_restarts():
    """The server is started anew, and then it is needed: the direct way dies."""
    with Place("server_restarts") as place:
        sender, receiver = place.begin()
        place.server.kill()
        place.serve()
        time.sleep(1)
        place.lan.isolate()
        place.finish(sender, receiver, time.monotonic())


def server_restarts_relayed():
    with Place("server_restarts_relayed") as place:
        place.lan.isolate()
        sender, receiver = place.begin(is_direct=False)
        place.server.kill()
        place.serve()
        place.finish(sender, receiver, time.monotonic())


def receiver_is_killed():
    with Place("receiver_is_killed") as place:
        sender, receiver = place.begin()
        code = code_of(sender)
        receiver.kill()
        place.finish(sender, place.receive(code))


def sender_is_killed():
    with Place("sender_is_killed") as place:
        sender, receiver = place.begin()
        sender.kill()
        place.finish(place.send(), receiver)


def pipe_behind_nginx():
    """With what the README tells people to write, a pipe waits for longer than nginx would."""
    block = re.search(r"```nginx\n(.*?)```", README, re.S).group(1)
    head, rest = block.split("\n\n", 1)
    with Place("pipe_behind_nginx") as place:
        temporary = "".join(
            f"{kind}_temp_path {place.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = f"""daemon off; pid {place.folder}/nginx.pid; error_log stderr; events {{}}
            http {{ access_log off; {temporary} {head} server {{ listen 8080; {rest} }} }}"""
        (place.folder / "nginx.conf").write_text(config)
        place.server.kill()
        place.serve("--public-url", "http://192.168.77.1:8080", "--trusted-proxies", "127.0.0.1")
        nginx = subprocess.Popen(
            [*place.lan.inside("s"), "nginx", "-c", place.folder / "nginx.conf"], stderr=subprocess.PIPE
        )
        try:
            time.sleep(1)
            assert nginx.poll() is None, nginx.stderr.read()
            url = "http://192.168.77.1:8080/pipe"
            text, curl = place.folder / "text", ["curl", "-sSf", "--max-time", "120"]
            text.write_text("hi")
            first = [
                subprocess.Popen([*place.lan.inside("a"), *curl, "-T", text, f"{url}/a"], stdout=subprocess.PIPE),
                subprocess.Popen([*place.lan.inside("b"), *curl, f"{url}/b"], stdout=subprocess.PIPE),
            ]
            time.sleep(65)  # nginx's own patience is 60
            assert [one.poll() for one in first] == [None, None], [one.stdout.read() for one in first]
            got = subprocess.run([*place.lan.inside("b"), *curl, f"{url}/a"], capture_output=True)
            put = subprocess.run([*place.lan.inside("a"), *curl, "-T", text, f"{url}/b"], capture_output=True)
            assert (got.stdout, put.returncode) == (b"hi", 0), (got, put)
            assert [one.wait(10) for one in first] == [0, 0] and first[1].stdout.read() == b"hi"
        finally:
            nginx.terminate()
            nginx.wait()


CASES = {
    case.__name__: case
    for case in (
        found,
        isolated,
        small_packets,
        direct_dies,
        address_changes,
        server_dies,
        server_restarts,
        server_restarts_relayed,
        receiver_is_killed,
        sender_is_killed,
        pipe_behind_nginx,
    )
}
CASES |= {f"cable_{seconds}": cable(seconds) for seconds in (5, 15, 70)}


def main():
    if not can_be_made():
        print("no network namespaces can be made here: that needs root and iproute2")
        sys.exit(77)
    names, failed = sys.argv[2:] or list(CASES), []
    with ThreadPoolExecutor(len(names)) as pool:
        running = {name: pool.submit(CASES[name]) for name in names}
        for name, case in running.items():
            try:
                case.result()
                print(f"{name}: ok", flush=True)
            except Exception as error:  # each case is told, whatever went wrong with it
                failed.append(name)
                print(f"{name}: FAILED: {type(error).__name__}: {error}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
