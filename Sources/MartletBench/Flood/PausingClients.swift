import ArgumentParser
import MartletWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if os(Linux)
  /// Clients with the kernel's TCP that stay: all of them ask an echo service for an octet, pause, and ask again.
  struct PausingClients: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "pausing",
      abstract: "Keeps connections to an echo service through the kernel, and asks on each after pauses.")

    @Argument(help: "Address.") var address: String
    @Argument(help: "Port.") var port: UInt16
    @Argument(help: "Connections.") var count: Int
    @Option(help: "Requests on each.") var requests = 3
    @Option(help: "Seconds between them.") var pause = 4
    @Option(help: "Seconds that one request may take.") var patience = 10

    func validate() throws {
      guard (1...20_000).contains(count), requests > 0, (0...60).contains(pause), patience > 0 else {
        throw ValidationError("COUNT must be 1 to 20000, the others positive, PAUSE 60 at most")
      }
      guard IPAddress(address) != nil else { throw ValidationError("ADDRESS must be an IP address") }
    }

    func run() throws {
      guard let target = IPAddress(address) else { return }
      signal(SIGPIPE, SIG_IGN)
      var clients = StayingClients(SocketAddress(target, port: port), UInt64(patience) * 1_000_000_000)
      clients.open(count)
      var answered: [Int] = []
      for n in 0..<requests {
        if n > 0 { clients.rest(UInt64(pause) * 1_000_000_000) }
        answered.append(clients.ask())
      }
      var line = ResultLine()
      line.add("connections", count)
      line.add("connected", clients.connected)
      line.add("answered", answered.reduce(0, +))
      line.add("of", count * requests)
      line.add("reset", clients.reset)
      line.print()
    }
  }

  private struct StayingClients {
    private let target: SocketAddress
    private let limit: UInt64
    /// -1: it failed.
    private var sockets: [Int32] = []
    private(set) var connected = 0
    /// Ended by the other side, or by an error.
    private(set) var reset = 0

    init(_ target: SocketAddress, _ limit: UInt64) {
      self.target = target
      self.limit = limit
    }

    /// Connects, a few hundred at a time: what a listener lets wait is bounded.
    mutating func open(_ count: Int) {
      while sockets.count < count {
        let first = sockets.count
        for _ in 0..<min(200, count - first) { sockets.append(begin()) }
        connected += settle(first..<sockets.count, POLLOUT) { Self.error(of: $0) == 0 }
      }
    }

    private func begin() -> Int32 {
      let fd = socket(target.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      let result = target.withUnsafe { connect(fd, $0, $1) }
      if result == 0 || errno == EINPROGRESS { return fd }
      close(fd)
      return -1
    }

    /// Sends an octet on each connection, and returns on how many it came back.
    mutating func ask() -> Int {
      var octet: UInt8 = 0x55
      for fd in sockets where fd >= 0 { _ = write(fd, &octet, 1) }
      return settle(sockets.indices, POLLIN) { fd in
        var octet: UInt8 = 0
        return read(fd, &octet, 1) == 1
      }
    }

    /// Lets time pass; nobody may end a connection meanwhile.
    mutating func rest(_ pause: UInt64) {
      let end = Clock.read(CLOCK_MONOTONIC) + pause
      while Clock.read(CLOCK_MONOTONIC) < end { poll(nil, 0, 100) }
      _ = settle(sockets.indices, Self.hangUp, patience: 0) { _ in false }
    }

    /// Waits until each is ready, and returns how many `isGood` calls good. Whoever is not, or is late, is closed.
    private mutating func settle(
      _ range: Range<Int>, _ event: Int32, patience: UInt64? = nil, _ isGood: (Int32) -> Bool
    ) -> Int {
      let end = Clock.read(CLOCK_MONOTONIC) + (patience ?? limit)
      var waiting = range.filter { sockets[$0] >= 0 }
      var good = 0
      repeat {
        var polled = waiting.map { pollfd(fd: sockets[$0], events: Int16(event), revents: 0) }
        poll(&polled, nfds_t(polled.count), patience == 0 ? 0 : 100)
        var rest: [Int] = []
        for (i, entry) in zip(waiting, polled) {
          if entry.revents == 0 {
            rest.append(i)
          } else if isGood(entry.fd) {
            good += 1
          } else {
            fail(i)
          }
        }
        waiting = rest
      } while !waiting.isEmpty && Clock.read(CLOCK_MONOTONIC) < end
      if patience != 0 { for i in waiting { fail(i) } }
      return good
    }

    private mutating func fail(_ i: Int) {
      close(sockets[i])
      sockets[i] = -1
      reset += 1
    }

    /// POLLRDHUP, which glibc shows to GNU programs only.
    private static var hangUp: Int32 { 0x2000 }

    private static func error(of fd: Int32) -> Int32 {
      var (error, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size)
      return error
    }
  }
#endif
