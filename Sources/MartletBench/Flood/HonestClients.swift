import ArgumentParser
import MartletWire

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

#if os(Linux)
  /// Clients with the kernel's TCP: each connects to an echo service, sends an octet, waits for it and closes.
  struct HonestClients: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "honest", abstract: "Connects to an echo service through the kernel, over and over.")

    @Argument(help: "Address.") var address: String
    @Argument(help: "Port.") var port: UInt16
    @Argument(help: "Connections in all.") var count: Int
    @Option(help: "How many at once.") var concurrency = 16
    @Option(help: "Seconds that one may take.") var patience = 10

    func validate() throws {
      guard count > 0, (1...500).contains(concurrency), patience > 0 else {
        throw ValidationError("COUNT must be positive, CONCURRENCY 1 to 500")
      }
      guard IPAddress(address) != nil else { throw ValidationError("ADDRESS must be an IP address") }
    }

    func run() throws {
      guard let target = IPAddress(address) else { return }
      signal(SIGPIPE, SIG_IGN)
      var clients = Clients(target, port, limit: UInt64(patience) * 1_000_000_000)
      let watch = Stopwatch()
      clients.run(count, concurrency)
      let elapsed = watch.stop()
      let connects = clients.connects.sorted()
      let echoes = clients.echoes.sorted()
      var line = ResultLine()
      line.add("succeeded", echoes.count)
      line.add("of", count)
      line.add("share", Double(echoes.count) * 100 / Double(count), 3)
      for (name, times) in [("connect", connects), ("echo", echoes)] {
        line.add("\(name)_median_ms", times.quantile(0.5), 3)
        line.add("\(name)_p99_ms", times.quantile(0.99), 3)
        line.add("\(name)_max_ms", times.quantile(1), 3)
      }
      line.add("timed_out", clients.timedOut)
      line.add("refused_or_reset", clients.refused)
      line.add("seconds", elapsed.wall)
      line.print()
    }
  }

  /// Connections that are under way.
  private struct Clients {
    /// Nanoseconds from the call of `connect` to its end, and to the echo.
    private(set) var connects: [UInt64] = []
    private(set) var echoes: [UInt64] = []
    private(set) var timedOut = 0
    private(set) var refused = 0

    private let target: SocketAddress
    private let limit: UInt64
    private var slots: [Slot] = []

    private struct Slot {
      var fd: Int32
      var started: UInt64
      var isConnected = false
    }

    init(_ address: IPAddress, _ port: UInt16, limit: UInt64) {
      target = SocketAddress(address, port: port)
      self.limit = limit
    }

    mutating func run(_ count: Int, _ concurrency: Int) {
      var begun = 0
      while begun < count || !slots.isEmpty {
        while begun < count, slots.count < concurrency {
          begin()
          begun += 1
        }
        var polled = slots.map {
          pollfd(fd: $0.fd, events: Int16($0.isConnected ? POLLIN : POLLOUT), revents: 0)
        }
        poll(&polled, nfds_t(polled.count), 100)
        let now = Clock.read(CLOCK_MONOTONIC)
        // From the end, since a slot that is done is removed.
        for i in polled.indices.reversed() {
          let isOver = polled[i].revents != 0 && advance(i, now)
          let isLate = !isOver && now - slots[i].started > limit
          if isLate { timedOut += 1 }
          if isOver || isLate { close(slots.remove(at: i).fd) }
        }
      }
    }

    private mutating func begin() {
      let fd = socket(target.family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
      let started = Clock.read(CLOCK_MONOTONIC)
      let result = target.withUnsafe { connect(fd, $0, $1) }
      guard result == 0 || errno == EINPROGRESS else {
        refused += 1
        close(fd)
        return
      }
      slots.append(Slot(fd: fd, started: started))
    }

    /// True: it is over, well or badly.
    private mutating func advance(_ i: Int, _ now: UInt64) -> Bool {
      var octet: UInt8 = 0x55
      if slots[i].isConnected {
        guard read(slots[i].fd, &octet, 1) == 1 else {
          refused += 1
          return true
        }
        echoes.append(now - slots[i].started)
        return true
      }
      var (error, size) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
      getsockopt(slots[i].fd, SOL_SOCKET, SO_ERROR, &error, &size)
      guard error == 0 else {
        if error == ETIMEDOUT { timedOut += 1 } else { refused += 1 }
        return true
      }
      connects.append(now - slots[i].started)
      slots[i].isConnected = true
      if write(slots[i].fd, &octet, 1) == 1 { return false }
      refused += 1
      return true
    }
  }

  extension [UInt64] {
    /// Of sorted nanoseconds, in milliseconds.
    fileprivate func quantile(_ share: Double) -> Double {
      guard !isEmpty else { return 0 }
      return Double(self[Swift.min(count - 1, Int(Double(count) * share))]) / 1e6
    }
  }
#endif
