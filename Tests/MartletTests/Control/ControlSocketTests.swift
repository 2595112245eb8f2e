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

  @Suite("The control socket", .timeLimit(.minutes(1)))
  struct ControlSocketTests {
    private static func listen(_ stack: inout NetworkStack, _ now: Instant) {
      _ = try? stack.listen(on: LocalEndpoint(port: 80))
      _ = try? stack.openDatagram(on: LocalEndpoint(port: 7))
    }

    /// So many connections that nobody answers.
    private static func connect(_ count: Int) -> @Sendable (inout NetworkStack, Instant) -> Void {
      { stack, now in
        for n in 0..<count {
          let remote = Endpoint(address: .v4(IPv4Address(10, 7, 0, 2)), port: UInt16(1_000 + n))
          _ = try? stack.connect(to: remote, now: now)
        }
      }
    }

    @Test("Answers about a stack whose loop sleeps, and ends each with a line that says so")
    func answers() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let asker = try Asker(loop.path)
      let version = try asker.answer(to: "version")
      #expect(
        version.count == 2 && version[0].contains(#""protocol":1"#)
          && version[0].contains(#""pid":\#(getpid())"#))
      #expect(version.last == #"{"type":"end"}"#)
      let listeners = try asker.answer(to: "listeners")
      #expect(listeners.count == 2 && listeners[0].contains(#""local":"*:80""#))
      #expect(try asker.answer(to: "listeners sport = :81").count == 1)
      #expect(try asker.answer(to: "datagrams").first?.contains(#""local":"*:7""#) == true)
      #expect(try asker.answer(to: "counters").first?.contains(#""TcpActiveOpens":0"#) == true)
      #expect(try asker.answer(to: "memory").first?.contains(#""held":"#) == true)
      #expect(try asker.answer(to: "limits").count == StackLimit.allCases.count + 1)
      #expect(try asker.answer(to: "help").count > 10)
    }

    @Test("A table of thousands comes whole, each flow once")
    func wholeTable() throws {
      let loop = try ControlledLoop(start: Self.connect(3_000))
      let asker = try Asker(loop.path)
      let lines = try asker.answer(to: "connections")
      #expect(lines.count == 3_001)
      #expect(Set(lines).count == 3_001)
      #expect(lines.dropLast().allSatisfy { $0.contains(#""state":"SYN-SENT""#) })
      let some = try asker.answer(to: "connections state syn-sent dport < :1010")
      #expect(some.count == 11)
      #expect(try asker.answer(to: "connections state established").count == 1)
    }

    @Test("Requests that come together are answered in their order, whatever ends the last line")
    func pipelined() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let asker = try Asker(loop.path)
      try asker.say(Array("help\r\nfrob\nversion".utf8))
      shutdown(asker.descriptor.rawValue, Int32(SHUT_WR))
      var lines: [String] = []
      while let line = try asker.line() { lines.append(line) }
      #expect(lines.filter { $0.hasPrefix(#"{"type":"end"}"#) }.count == 2)
      #expect(lines.filter { $0.hasPrefix(#"{"type":"error","message":"There is no request"#) }.count == 1)
      #expect(lines.last == #"{"type":"end"}"# && lines[lines.count - 2].contains("version"))
    }

    @Test("A mistake is told and the next request answered; a line too long ends the conversation")
    func mistakes() throws {
      let loop = try ControlledLoop({ $0.requestLimit = 200 }, start: Self.listen)
      let asker = try Asker(loop.path)
      #expect(try asker.answer(to: "connections sport = :http").last?.contains("no port") == true)
      #expect(try asker.answer(to: String(repeating: "x", count: 150)).last?.contains("no request") == true)
      #expect(try asker.answer(to: "version").count == 2)
      #expect(
        try asker.answer(to: String(repeating: "x", count: 300)).last?.contains("200 octets at most") == true)
      #expect(try asker.line() == nil)
      // Also where no end of the line ever comes.
      let other = try Asker(loop.path)
      try other.say([UInt8](repeating: 0x41, count: 250))
      #expect(try other.line()?.contains("200 octets at most") == true)
      #expect(try other.line() == nil)
    }

    @Test("Garbage is answered or cut off, and others are served", arguments: 0..<20)
    func garbage(_ seed: UInt64) throws {
      let loop = try ControlledLoop(start: Self.listen)
      let asker = try Asker(loop.path)
      var random = seed &* 0x9e37_79b9_7f4a_7c15 | 1
      var octets: [UInt8] = []
      for _ in 0..<3_000 {
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        octets.append(UInt8(truncatingIfNeeded: random >> 32))
      }
      // It may be cut off while it speaks.
      try? asker.say(octets)
      shutdown(asker.descriptor.rawValue, Int32(SHUT_WR))
      while let line = try asker.line() { #expect(line.hasPrefix(#"{"type":"error""#)) }
      #expect(try Asker(loop.path).answer(to: "version").count == 2)
    }

    @Test("So many clients at a time, and one more is told so; who goes makes room")
    func manyClients() throws {
      let loop = try ControlledLoop({ $0.clientLimit = 3 }, start: Self.listen)
      var askers: [Asker] = []
      for _ in 0..<3 {
        askers.append(try Asker(loop.path))
        #expect(try askers.last?.answer(to: "version").count == 2)
      }
      let late = try Asker(loop.path)
      #expect(try late.line()?.contains("3 clients are being answered already") == true)
      #expect(try late.line() == nil)
      #expect(try askers[0].answer(to: "version").count == 2)
      askers.removeFirst()
      // Its thread lets go of it in its own time.
      var hasRoom = false
      for _ in 0..<1_000 where !hasRoom {
        let next = try Asker(loop.path)
        hasRoom = (try? next.answer(to: "version").count) == 2
        if !hasRoom { usleep(1_000) }
      }
      #expect(hasRoom)
    }

    @Test("A client that does not read is cut off, and meanwhile others are served")
    func slowClient() throws {
      let loop = try ControlledLoop({ $0.patienceSeconds = 1 }, start: Self.connect(4_000))
      let slow = try Asker(loop.path)
      // Some megabytes, which no socket's buffer takes.
      for _ in 0..<8 { try slow.say("connections") }
      let quick = try Asker(loop.path)
      #expect(try quick.answer(to: "version").count == 2)
      // What has been sent can still be read, and then it is over: long before all eight answers.
      var watched = pollfd(fd: slow.descriptor.rawValue, events: 0, revents: 0)
      #expect(poll(&watched, 1, 20_000) > 0, "it was not cut off")
      #expect(try quick.answer(to: "counters").count == 2)
      var ends = 0
      while let line = try slow.line() {
        if line == #"{"type":"end"}"# { ends += 1 }
      }
      #expect(ends < 8)
    }

    @Test("The owner alone may ask, unless a group is named")
    func permissions() throws {
      let loop = try ControlledLoop(start: Self.listen)
      var status = stat()
      #expect(lstat(loop.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
      #expect(status.st_mode & S_IFMT == S_IFSOCK)
      let shared = try ControlledLoop({ $0.group = getgid() }, start: Self.listen)
      #expect(
        lstat(shared.path, &status) == 0 && status.st_mode & 0o777 == 0o660 && status.st_gid == getgid())
    }

    @Test("A socket at which somebody answers is left alone; a dead one, and nothing else, is replaced")
    func takingOver() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let other = try LoopControl()
      let error = #expect(throws: LinkError.self) {
        try ControlSocket(ControlSocketConfiguration(path: loop.path), of: [other])
      }
      let complaint = try #require(error)
      #expect(complaint.code == .addressInUse && complaint.message.contains("answers"))
      #expect(try Asker(loop.path).answer(to: "version").count == 2)

      let path = ControlledLoop.freshPath()
      // Somebody who has died leaves it behind.
      let dead = try UnixSocket.listen(at: path, group: nil)
      try dead.close()
      #expect(access(path, F_OK) == 0)
      #expect(throws: LinkError.self) { try Asker(path) }
      let second = try ControlSocket(ControlSocketConfiguration(path: path), of: [other])
      #expect(try Asker(path).descriptor.rawValue >= 0)
      second.close()
      #expect(access(path, F_OK) != 0, "it was left behind")

      let file = try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create], permissions: [.ownerReadWrite])
      try file.close()
      defer { unlink(path) }
      let refused = #expect(throws: LinkError.self) {
        try ControlSocket(ControlSocketConfiguration(path: path), of: [other])
      }
      #expect(try #require(refused).message.contains("no socket"))
      #expect(access(path, F_OK) == 0)
    }

    @Test("What has taken its place is not removed with it")
    func anothersSocket() throws {
      let path = ControlledLoop.freshPath()
      let first = try ControlSocket(ControlSocketConfiguration(path: path), of: [LoopControl()])
      unlink(path)
      let second = try ControlSocket(ControlSocketConfiguration(path: path), of: [LoopControl()])
      first.close()
      #expect(access(path, F_OK) == 0)
      second.close()
      #expect(access(path, F_OK) != 0)
      first.close()
    }

    @Test("A path that no socket can have is refused with its length")
    func longPath() throws {
      let path = "/tmp/" + String(repeating: "x", count: 200)
      let error = #expect(throws: LinkError.self) {
        try ControlSocket(ControlSocketConfiguration(path: path), of: [LoopControl()])
      }
      let complaint = try #require(error)
      #expect(complaint.code == .badName && complaint.message.contains("octets"))
    }

    @Test("Closing cuts clients off, also one who follows records")
    func closing() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let idle = try Asker(loop.path)
      #expect(try idle.answer(to: "set recorder 100").count == 2)
      let following = try Asker(loop.path)
      try following.say("records follow")
      #expect(try idle.answer(to: "version").count == 2)
      loop.stop()
      #expect(try idle.line() == nil)
      while try following.line() != nil {}
      #expect(access(loop.path, F_OK) != 0)
    }

    @Test("A host has one, too, and both go")
    func ofHost() async throws {
      try await withTwoHosts { left, right in
        let path = ControlledLoop.freshPath()
        let socket = try left.openControlSocket(ControlSocketConfiguration(path: path))
        let listener = try await left.listen(on: 80)
        let connection = try await right.connect(to: "10.7.0.1", port: 80)
        let lines = try Asker(path).answer(to: "connections state established sport = :80")
        #expect(lines.count == 2 && lines[0].contains(#""remote":"10.7.0.2:"#), "\(lines)")
        connection.close()
        listener.close()
        socket.close()
        #expect(access(path, F_OK) != 0)
      }
    }

    @Test("A loop that nobody runs does not answer, and that is said")
    func deadLoop() throws {
      let path = ControlledLoop.freshPath()
      let socket = try ControlSocket(ControlSocketConfiguration(path: path), of: [LoopControl()])
      defer { socket.close() }
      let asker = try Asker(path)
      #expect(try asker.answer(to: "counters").last?.contains("does not answer") == true)
      #expect(try asker.answer(to: "help").count > 10)
    }

    @Test("Limits move, and what makes no sense does not")
    func limits() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let asker = try Asker(loop.path)
      #expect(
        try asker.answer(to: "set half-open 77").first == #"{"type":"limit","name":"half-open","value":77}"#)
      #expect(try asker.answer(to: "limits").contains(#"{"type":"limit","name":"half-open","value":77}"#))
      #expect(try asker.answer(to: "set memory-budget 5").last?.contains("cannot be 5") == true)
      let changed = try asker.answer(to: "set listener :80 half-open 9")
      #expect(changed.first?.contains(#""half_open_limit":9"#) == true)
      #expect(try asker.answer(to: "set listener *:81 half-open 9").last?.contains("Nobody listens") == true)
      #expect(
        try asker.answer(to: "set listener :80 syn-cookies off").first?.contains(#""syn_cookies":"off""#)
          == true)
    }

    @Test("Connections are reset by filter, and told")
    func resets() throws {
      let loop = try ControlledLoop(start: Self.connect(600))
      let asker = try Asker(loop.path)
      #expect(try asker.answer(to: "reset dport < :1500").count == 501)
      #expect(try asker.answer(to: "connections exclude closed").count == 101)
      #expect(try asker.answer(to: "reset").last?.contains("Which?") == true)
      #expect(try asker.answer(to: "reset state all").count == 101)
      #expect(try asker.answer(to: "connections exclude closed").count == 1)
    }

    @Test("Records come as they are written, and who has seen enough says so")
    func records() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let asker = try Asker(loop.path)
      #expect(try asker.answer(to: "records").last?.contains("recorder is off") == true)
      #expect(try asker.answer(to: "set recorder 16").count == 2)
      let following = try Asker(loop.path)
      try following.say("records since 0 follow")
      #expect(try asker.answer(to: "records").count == 1)
      // An open of our own to an address of our own, over the loopback interface: both ends write records.
      loop.control.visit { stack, _, now in
        _ = try? stack.connect(to: endpoint("10.7.0.1", 80), now: now)
      }
      let first = try #require(try following.line())
      #expect(first.hasPrefix(#"{"type":"record""#) && first.contains(#""rule":"transition""#), "\(first)")
      #expect(first.contains(#""local":"10.7.0.1"#), "\(first)")
      try following.say("enough")
      var last = first
      while last != #"{"type":"end"}"# { last = try #require(try following.line()) }
      // What was said is a request like others.
      #expect(try following.line()?.contains("no request") == true)
    }

    @Test("A recorder that overwrites what was to be read says how much")
    func lostRecords() throws {
      let loop = try ControlledLoop(start: Self.listen)
      let asker = try Asker(loop.path)
      #expect(try asker.answer(to: "set recorder 4").count == 2)
      loop.control.visit { stack, _, now in
        for _ in 0..<40 { _ = try? stack.connect(to: endpoint("10.7.0.1", 80), now: now) }
      }
      // Each has a record at least, and four are kept, some of which may be names.
      var lines: [String] = []
      for _ in 0..<1_000 where lines.count < 3 {
        lines = try asker.answer(to: "records since 1")
        if lines.count < 3 { usleep(2_000) }
      }
      try #require((3...6).contains(lines.count), "\(lines)")
      #expect(lines[0].hasPrefix(#"{"type":"lost","records":"#))
      #expect(lines[1..<lines.count - 1].allSatisfy { $0.hasPrefix(#"{"type":"record""#) })
    }
  }
#endif
