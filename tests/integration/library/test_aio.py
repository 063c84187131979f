"""Nodes in asyncio programs: each test runs a loop of its own, as such a program does."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.interface import Method

from kadtwisted import (
    BootstrapFailed,
    CannotListen,
    ConfigurationError,
    Health,
    INode,
    InvalidKey,
    Node,
    NodeKey,
    NodeSettings,
    NodeStopped,
    NotFound,
    aio,
)
from tests.leaks import Before

LOCAL = NodeSettings(interfaces=("127.0.0.1",))


def address_of(node: aio.AsyncNode) -> str:
    (link,) = node.status().links
    return str(link.listening)


class OpenNodeTests(SynchronousTestCase):
    def test_two_nodes_on_one_loop(self) -> None:
        async def main() -> None:
            async with (
                aio.open_node(LOCAL) as first,
                aio.open_node(LOCAL, bootstrap=address_of(first)) as second,
            ):
                joined = await second.joined()
                self.assertEqual([each.node_id for each in joined.answered], [first.node_id])
                receipt = await second.put("name", b"value", lifetime=60.0)
                self.assertEqual(receipt.remote_acks, 1)
                self.assertEqual(await second.complete(receipt), receipt)
                self.assertEqual((await first.get("name", mode="first")).value, b"value")
                self.assertEqual(
                    (await first.ping(address_of(second))).contact.node_id, second.node_id
                )
                self.assertEqual(len((await first.find_node(second.node_id)).contacts), 1)
                self.assertEqual(len((await first.records(None, 10)).records), 1)
                await first.self_check()
                await first.delete("name")
                with self.assertRaises(NotFound):
                    await second.get("name")

        asyncio.run(main())

    def test_one_loop_after_another_leaves_nothing(self) -> None:
        async def main() -> None:
            async with aio.open_node(LOCAL) as node:
                # A name is resolved in a thread, and nobody else is there.
                await node.bootstrap([f"localhost:{address_of(node).rpartition(':')[2]}"])

        def run() -> None:
            with self.assertRaises(BootstrapFailed):
                asyncio.run(main())

        run()
        before = Before()
        for _ in range(3):
            run()
        self.assertEqual(before.left(), [])

    def test_a_state_directory_lasts(self) -> None:
        path = tempfile.mkdtemp()  # short: a socket lies in it
        self.addCleanup(shutil.rmtree, path)

        async def main(value: bytes | None) -> tuple[int, bytes]:
            async with aio.open_node(LOCAL, state_dir=path) as node:
                if value is not None:
                    await node.put("name", value, keep=True)
                found = (await node.get("name")).value
                assert found is not None
                return node.node_id, found

        once = asyncio.run(main(b"value"))
        self.assertEqual(asyncio.run(main(None)), once)

    def test_the_loop_goes_on_after_the_block(self) -> None:
        async def main() -> str:
            async with aio.open_node(LOCAL) as node:
                pass
            with self.assertRaises(NodeStopped):
                await node.get("name")
            await asyncio.sleep(0)
            return "done"

        self.assertEqual(asyncio.run(main()), "done")

    def test_a_failure_in_the_block_stops_the_node(self) -> None:
        nodes = []

        async def main() -> None:
            async with aio.open_node(LOCAL) as node:
                nodes.append(node)
                raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, asyncio.run, main())
        self.assertEqual(nodes[0].health(), Health.STOPPED)

    def test_what_cannot_work_raises(self) -> None:
        async def main() -> None:
            with self.assertRaises(ConfigurationError):
                async with aio.open_node(LOCAL, storage="no such storage"):
                    pass
            async with aio.open_node(LOCAL) as node:
                port = int(address_of(node).rpartition(":")[2])
                with self.assertRaises(CannotListen):
                    async with aio.open_node(NodeSettings(port=port, interfaces=("127.0.0.1",))):
                        pass
                with self.assertRaises(InvalidKey):
                    await node.get(b"too short")

        asyncio.run(main())


class CancellingTests(SynchronousTestCase):
    def test_a_cancelled_task_cancels_the_operation(self) -> None:
        cancelled: list[Deferred[Any]] = []

        async def main() -> None:
            waiting: Deferred[None] = Deferred(cancelled.append)
            task = asyncio.create_task(aio.wait(waiting))
            await asyncio.sleep(0)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            self.assertEqual(cancelled, [waiting])

        asyncio.run(main())

    def test_a_timeout(self) -> None:
        async def main() -> None:
            async with aio.open_node(LOCAL) as node:
                with self.assertRaises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await node.ping("127.0.0.1:9")  # nobody answers there
                self.assertEqual(node.status().counters.get("faults", 0), 0)

        asyncio.run(main())

    def test_a_task_that_is_cancelled_in_the_block_still_stops_the_node(self) -> None:
        async def main() -> None:
            entered: asyncio.Future[aio.OpenNode] = asyncio.get_running_loop().create_future()

            async def stay() -> None:
                async with aio.open_node(LOCAL) as node:
                    entered.set_result(node)
                    await asyncio.sleep(3600)

            task = asyncio.create_task(stay())
            node = await entered
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            self.assertEqual(node.health(), Health.STOPPED)

        asyncio.run(main())


class CompletenessTests(SynchronousTestCase):
    def test_every_operation_of_a_node_is_there_with_the_same_arguments(self) -> None:
        own = {"start", "stop"}  # open_node does both
        for name in set(INode.names()) - own:
            promised = INode[name]
            if not isinstance(promised, Method):
                self.assertIn(f"self.{name} = ", inspect.getsource(aio.AsyncNode))
                continue
            here = inspect.signature(getattr(aio.AsyncNode, name))
            there = inspect.signature(getattr(Node, name))
            self.assertEqual(
                [(each.name, each.kind, each.default) for each in here.parameters.values()],
                [(each.name, each.kind, each.default) for each in there.parameters.values()],
                name,
            )
            waits = "Deferred" in str(there.return_annotation)
            self.assertEqual(inspect.iscoroutinefunction(getattr(aio.AsyncNode, name)), waits, name)


class ProgramTests(SynchronousTestCase):
    """Programs as people write them, each in a process of its own."""

    def run_program(self, text: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error::ResourceWarning", "-c", text],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def test_with_the_asyncio_reactor_installed(self) -> None:
        said = self.run_program(
            "import asyncio, os\n"
            "from twisted.internet import asyncioreactor\n"
            "loop = asyncio.new_event_loop()\n"
            "asyncioreactor.install(loop)\n"
            "from twisted.internet import reactor\n"
            "from twisted.internet.task import react\n"
            "from twisted.internet.defer import Deferred\n"
            "from kadtwisted import Node, NodeKey, NodeSettings, aio\n"
            "async def in_asyncio(node):\n"
            "    await aio.AsyncNode(node).put('name', b'value')\n"
            "    async with aio.open_node(NodeSettings(interfaces=('127.0.0.1',))) as second:\n"
            "        port = node.status().links[0].listening.port\n"
            "        await second.bootstrap([f'127.0.0.1:{port}'])\n"
            "        return (await second.get('name')).value\n"
            "async def main(reactor):\n"
            "    settings = NodeSettings(interfaces=('127.0.0.1',))\n"
            "    node = Node(reactor, settings, NodeKey.generate(os.urandom))\n"
            "    await node.start()\n"
            "    task = asyncio.ensure_future(in_asyncio(node), loop=loop)\n"
            "    print(await Deferred.fromFuture(task))\n"
            "    await node.stop()\n"
            "react(main)\n"
        )
        self.assertEqual(said, "b'value'\n")

    def test_a_loop_that_runs_already_as_in_a_notebook(self) -> None:
        # A notebook enters and leaves by hand, in cells that are run one after another.
        said = self.run_program(
            "import asyncio\n"
            "from kadtwisted import NodeSettings, aio\n"
            "loop = asyncio.new_event_loop()\n"
            "cell = loop.run_until_complete\n"
            "opening = aio.open_node(NodeSettings(interfaces=('127.0.0.1',)))\n"
            "node = cell(opening.__aenter__())\n"
            "cell(node.put('name', b'value'))\n"
            "print(cell(node.get('name')).value)\n"
            "cell(opening.__aexit__(None, None, None))\n"
            "loop.close()\n"
        )
        self.assertEqual(said, "b'value'\n")

    def test_the_loop_in_a_thread_and_ctrl_c(self) -> None:
        said = self.run_program(
            "import asyncio, os, signal, threading\n"
            "from kadtwisted import NodeSettings, aio\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # whoever started this
            "async def main():\n"
            "    async with aio.open_node(NodeSettings(interfaces=('127.0.0.1',))) as node:\n"
            "        await node.put('name', b'value')\n"
            "        return (await node.get('name')).value\n"
            "thread = threading.Thread(target=lambda: print(asyncio.run(main())))\n"
            "thread.start(); thread.join()\n"
            "async def interrupted():\n"
            "    async with aio.open_node(NodeSettings(interfaces=('127.0.0.1',))):\n"
            "        os.kill(os.getpid(), signal.SIGINT)\n"
            "        await asyncio.sleep(30)\n"
            "try:\n"
            "    asyncio.run(interrupted())\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted')\n"
        )
        self.assertEqual(said, "b'value'\ninterrupted\n")


class WatchTests(SynchronousTestCase):
    def test_changes_are_awaited(self) -> None:
        async def main() -> list[object]:
            told: list[object] = []
            async with (
                aio.open_node(LOCAL) as first,
                aio.open_node(LOCAL, bootstrap=address_of(first)) as second,
            ):
                await second.joined()
                async with second.watch("name") as watch:
                    told.append((await watch.next()).value)
                    for value in (b"one", b"two"):
                        await first.put("name", value, lifetime=60.0)
                        told.append((await anext(watch)).value)
                with self.assertRaises(StopAsyncIteration):
                    await anext(watch)
                ended = first.watch("name")
                await ended.next()
                called: list[object] = []
                second.watch("name", callback=called.append)
            with self.assertRaises(NodeStopped):
                async for _ in ended:
                    pass
            return told

        self.assertEqual(asyncio.run(main()), [None, b"one", b"two"])


class AsyncNodeTests(SynchronousTestCase):
    def test_a_node_on_asyncioreactor(self) -> None:
        async def main() -> None:
            reactor = AsyncioSelectorReactor(asyncio.get_running_loop())
            reactor.startRunning(installSignalHandlers=False)
            node = Node(reactor, LOCAL, NodeKey.generate(os.urandom))
            await aio.wait(node.start())
            wrapped = aio.AsyncNode(node)
            await wrapped.put("name", b"value")
            self.assertEqual((await wrapped.get("name")).value, b"value")
            self.assertEqual(wrapped.node_id, node.node_id)
            self.assertEqual(repr(wrapped), f"<AsyncNode {node.node_id:040x}>")
            self.assertEqual(wrapped.routing(), node.routing())
            await aio.wait(node.stop())
            reactor.removeReader(reactor.waker)
            reactor.waker.connectionLost(None)

        asyncio.run(main())
