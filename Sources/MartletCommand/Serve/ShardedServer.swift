#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP

  /// Servers that share the work of a TUN device, each on a thread of its own with a stack of its own.
  struct ShardedServer {
    typealias Link = SteeredLink<CommandLink>
    typealias Loop = StackLoop<Link, ServerApplication>

    private var threads: [ShardThread] = []
    private let board = ShardBoard()
    /// Of all loops, in their order.
    private(set) var controls: [LoopControl] = []
    private let journal: Journal

    init(journal: Journal) { self.journal = journal }

    /// Takes one in. The first has the signals.
    mutating func add(_ loop: consuming Loop, statusFile: String?, capture: CaptureFile?) {
      board.add(loop.control)
      controls.append(loop.control)
      let server = Server(
        loop, journal: journal, statusFile: statusFile, capture: capture, index: threads.count, board: board)
      threads.append(ShardThread(server))
    }

    /// Runs all of them, the first on this thread, until one ends: then all do. Throws why the first has failed that did.
    func run() throws -> ServerApplication.Totals {
      var running: [SystemThread] = []
      defer { for thread in running { thread.join() } }
      for (index, thread) in threads.enumerated().dropFirst() {
        do {
          running.append(try SystemThread(name: "martlet-shard-\(index)") { thread.run() })
        } catch {
          board.stop()
          throw error
        }
      }
      threads.first?.run()
      for thread in running { thread.join() }
      running = []
      return try threads.reduce(ServerApplication.Totals()) { try $0 + $1.totals() }
    }
  }

  /// Carries a server to the thread that runs it.
  ///
  /// Invariant: filled before that thread is started and emptied by it alone; what came of it is read after its end.
  private final class ShardThread: @unchecked Sendable {
    private var server: Server<ShardedServer.Link>?
    private var outcome: Result<ServerApplication.Totals, any Error>?

    init(_ server: consuming Server<ShardedServer.Link>) { self.server = consume server }

    func run() {
      guard let server = server.take() else { return }
      do { outcome = .success(try server.run()) } catch { outcome = .failure(error) }
    }

    func totals() throws -> ServerApplication.Totals {
      try outcome?.get() ?? ServerApplication.Totals()
    }
  }
#endif
