#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import Testing

  @Suite("Two hosts on a wire in memory", .timeLimit(.minutes(1)))
  struct HostTests {
    @Test(
      "What is written comes back, and both ends see the other's end of stream",
      arguments: ["10.7.0.2", "fd00:7::2"])
    func echo(address: String) async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        async let served: Void = {
          let connection = try await listener.accept()
          while let octets = try await connection.read() { try await connection.write(octets) }
          try await connection.finish()
        }()
        let connection = try await left.connect(to: address, port: 7)
        #expect(connection.remote.port == 7)
        let sent = pattern(100_000)
        async let written: Void = {
          try await connection.write(sent)
          try await connection.finish()
        }()
        let back = try await readAll(connection)
        #expect(back == sent)
        try await written
        try await served
        connection.close()
      }
    }

    @Test("The example of Host's documentation")
    func example() async throws {
      try await withTwoHosts { left, host in
        async let service: Void = host.withListener(on: 7) { listener in
          for try await connection in listener {
            while let octets = try await connection.read() { try await connection.write(octets) }
            try await connection.finish()
            break
          }
        }
        // The listener may not be there yet: a refusal says so at once, and the next try comes after it.
        var answer: [UInt8] = []
        while answer.isEmpty {
          do {
            answer = try await left.withConnection(to: endpoint("10.7.0.2", 7)) { connection in
              try await connection.write([1, 2, 3])
              try await connection.finish()
              return try await readAll(connection)
            }
          } catch let error as HostError where error.code == .refused {}
        }
        #expect(answer == [1, 2, 3])
        try await service
      }
    }

    @Test("Nobody listens: refused, and the error says so")
    func refused() async throws {
      try await withTwoHosts { left, _ in
        let error = await #expect(throws: HostError.self) { try await left.connect(to: "10.7.0.2", port: 9) }
        #expect(error?.code == .refused)
        let bad = await #expect(throws: HostError.self) { try await left.connect(to: "10.7.0", port: 9) }
        #expect(bad?.code == .badAddress)
        #expect(bad?.message.contains("192.0.2.1") == true)
        let far = await #expect(throws: HostError.self) { try await left.connect(to: "192.0.2.1", port: 9) }
        #expect(far?.code == .unreachable)
      }
    }

    @Test("A port is listened on once; another is found for port 0")
    func listenErrors() async throws {
      try await withTwoHosts { _, right in
        let listener = try await right.listen(on: 80)
        #expect(listener.local.port == 80)
        let error = await #expect(throws: HostError.self) { try await right.listen(on: 80) }
        #expect(error?.code == .addressInUse)
        let any = try await right.listen(on: 0)
        #expect(any.local.port != 0)
        let foreign = LocalEndpoint(address: prefix("192.0.2.1/32").address, port: 81)
        let wrong = await #expect(throws: HostError.self) { try await right.listen(on: foreign) }
        #expect(wrong?.code == .badAddress)
        listener.close()
        _ = try await right.listen(on: 80)
      }
    }

    @Test("A writer waits for a reader that does not read, and nothing is lost")
    func backPressure() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        async let accepted = listener.accept()
        let connection = try await left.connect(to: "10.7.0.2", port: 7)
        let peer = try await accepted
        let sent = pattern(4 << 20)
        let writer = Task {
          try await connection.write(sent)
          try await connection.finish()
        }
        // The peer reads nothing yet: the queues on the way are bounded, so the write must wait.
        var isStuck = false
        while !isStuck {
          let tcp = try await connection.status().tcp
          isStuck = tcp.notsentBytes > 0 && tcp.unacked == 0 && tcp.sndWnd < UInt32(tcp.sndMss)
          await Task.yield()
        }
        #expect(try await readAll(peer) == sent)
        try await writer.value
      }
    }

    @Test("Each half closes by itself: what comes after our FIN is still read")
    func halfClose() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        async let accepted = listener.accept()
        let connection = try await left.connect(to: "10.7.0.2", port: 7)
        let peer = try await accepted
        try await connection.finish()
        #expect(try await peer.read() == nil)
        try await peer.write([1, 2, 3])
        #expect(try await connection.read() == [1, 2, 3])
        let error = await #expect(throws: HostError.self) { try await connection.write([4]) }
        #expect(error?.code == .closed)
        try await peer.finish()
        #expect(try await connection.read() == nil)
      }
    }

    @Test("An abort reaches the peer as a reset; the aborted handle says closed")
    func abort() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        async let accepted = listener.accept()
        let connection = try await left.connect(to: "10.7.0.2", port: 7)
        let peer = try await accepted
        connection.abort()
        let reset = await #expect(throws: HostError.self) { try await peer.read() }
        #expect(reset?.code == .reset)
        let closed = await #expect(throws: HostError.self) { try await connection.read() }
        #expect(closed?.code == .closed)
      }
    }

    @Test("A cancelled read loses nothing; a cancelled accept ends the sequence")
    func cancellation() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        async let accepted = listener.accept()
        let connection = try await left.connect(to: "10.7.0.2", port: 7)
        let peer = try await accepted

        let reader = Task { try await peer.read() }
        reader.cancel()
        let error = await #expect(throws: HostError.self) { try await reader.value }
        #expect(error?.code == .cancelled)
        try await connection.write([1, 2, 3])
        #expect(try await peer.read() == [1, 2, 3])

        let sequence = Task {
          var count = 0
          for try await _ in listener { count += 1 }
          return count
        }
        sequence.cancel()
        #expect(try await sequence.value == 0)
      }
    }

    @Test("A cancelled connect gives up: nothing answers at that address")
    func cancelledConnect() async throws {
      try await withTwoHosts { left, _ in
        let attempt = Task { try await left.connect(to: "10.7.0.99", port: 7) }
        while try await left.counters().tcp.activeOpens == 0 { await Task.yield() }
        attempt.cancel()
        let error = await #expect(throws: HostError.self) { try await attempt.value }
        #expect(error?.code == .cancelled)
      }
    }

    @Test("A host that stops wakes everybody who waits")
    func shutdown() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        async let accepted = listener.accept()
        let connection = try await left.connect(to: "10.7.0.2", port: 7)
        _ = try await accepted
        let reader = Task { try await connection.read() }
        await left.shutdown()
        let error = await #expect(throws: HostError.self) { try await reader.value }
        #expect(error?.code == .stopped)
        let later = await #expect(throws: HostError.self) { try await left.listen(on: 1) }
        #expect(later?.code == .stopped)
      }
    }

    @Test("A hundred connections at once")
    func many() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        let server = Task {
          try await withThrowingTaskGroup(of: Void.self) { group in
            for try await connection in listener {
              group.addTask {
                while let octets = try await connection.read() { try await connection.write(octets) }
                try await connection.finish()
              }
            }
            try await group.waitForAll()
          }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
          for i in 0..<100 {
            group.addTask {
              let connection = try await left.connect(to: "10.7.0.2", port: 7)
              let message = [UInt8](repeating: UInt8(i), count: 1 + i * 50)
              try await connection.write(message)
              try await connection.finish()
              return try await readAll(connection) == message
            }
          }
          for try await isEqual in group { #expect(isEqual) }
        }
        listener.close()
        try await server.value
      }
    }

    @Test("An address that no host can have is refused with its name")
    func badAddress() throws {
      let error = #expect(throws: LinkError.self) {
        let wire = try MemoryLink.crossThreadPair()
        let end = wire.left
        _ = try Host(LinkSet(end, addresses: [prefix("224.0.0.1/24")]), logger: quiet)
      }
      #expect(error?.code == .badAddress)
      #expect(error?.message.contains("224.0.0.1/24") == true)
    }
  }
#endif
