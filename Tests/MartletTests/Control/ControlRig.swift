#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import Synchronization
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A loop on a thread of its own with a control socket, and a client's end of the link.
  final class ControlledLoop {
    let socket: ControlSocket
    let path: String
    let control: LoopControl
    private let thread: SystemThread
    private let ended: Mutex<Bool>

    /// `start`: what the stack is to have.
    init(
      _ terms: (inout ControlSocketConfiguration) -> Void = { _ in },
      configuration: StackConfiguration = StackConfiguration(),
      start: @escaping @Sendable (inout NetworkStack, Instant) -> Void = { _, _ in }
    ) throws {
      let wire = try MemoryLink.crossThreadPair()
      let near = wire.left
      let control = try LoopControl()
      let box = Box(
        try StackLoop(
          stack: NetworkStack(configuration: configuration, seed: StackSeed(1)),
          links: LinkSet(near, addresses: [prefix("10.7.0.1/24"), prefix("fd00:7::1/64")]),
          application: Prepared(start: start), control: control))
      path = Self.freshPath()
      var wanted = ControlSocketConfiguration(path: path)
      terms(&wanted)
      socket = try ControlSocket(wanted, of: [control])
      thread = try SystemThread(name: "test-loop") { box.run() }
      self.control = control
      ended = Mutex(false)
    }

    static func freshPath() -> String { "/tmp/martlet-\(getpid())-\(UInt32.random(in: 0...(.max))).sock" }

    deinit { stop() }

    func stop() {
      let wasEnded = ended.withLock { flag in
        defer { flag = true }
        return flag
      }
      guard !wasEnded else { return }
      socket.close()
      control.stop()
      thread.join()
    }

    private final class Box: @unchecked Sendable {
      private var loop: StackLoop<MemoryLink, Prepared>?
      init(_ loop: consuming StackLoop<MemoryLink, Prepared>) { self.loop = consume loop }

      func run() {
        guard var loop = loop.take() else { return }
        try? loop.run()
      }
    }

    private struct Prepared: Application {
      let start: @Sendable (inout NetworkStack, Instant) -> Void

      mutating func start(stack: inout NetworkStack, now: Instant) { start(&stack, now) }
      mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {}
    }
  }

  /// A client by hand, that waits for seconds at most.
  final class Asker {
    let descriptor: FileDescriptor
    private var pending: [UInt8] = []

    init(_ path: String) throws { descriptor = try UnixSocket.connect(to: path) }

    deinit { try? descriptor.close() }

    /// Says all of it, unless nobody listens any more.
    func say(_ octets: [UInt8]) throws {
      var done = 0
      while done < octets.count {
        let count = octets.withUnsafeBytes { bytes in
          send(
            descriptor.rawValue, bytes.baseAddress.map { $0 + done }, bytes.count - done,
            Int32(truncatingIfNeeded: MSG_NOSIGNAL))
        }
        guard count > 0 else { throw Errno(rawValue: errno) }
        done += count
      }
    }

    func say(_ line: String) throws { try say(Array((line + "\n").utf8)) }

    /// What comes next; empty: the end. Nil: nothing came in time.
    func more(within seconds: Int32 = 20) -> [UInt8]? {
      var watched = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
      guard poll(&watched, 1, seconds * 1_000) > 0 else { return nil }
      var room = [UInt8](repeating: 0, count: 65_536)
      let count = read(descriptor.rawValue, &room, room.count)
      return count > 0 ? Array(room[..<count]) : []
    }

    /// The next line; nil: no more come.
    func line() throws -> String? {
      while true {
        if let feed = pending.firstIndex(of: 10) {
          defer { pending.removeFirst(feed + 1) }
          return String(decoding: pending[..<feed], as: UTF8.self)
        }
        let next = try #require(more(), "nothing came in time")
        if next.isEmpty { return nil }
        pending += next
      }
    }

    /// Lines up to the end of an answer, which is the last.
    func answer(to request: String) throws -> [String] {
      try say(request)
      var lines: [String] = []
      while let line = try line() {
        lines.append(line)
        if line == #"{"type":"end"}"# || line.hasPrefix(#"{"type":"error""#) { return lines }
      }
      return lines
    }
  }
#endif
