#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import Testing

  @Suite("The end of a host", .timeLimit(.minutes(2)))
  struct HostEndTests {
    @Test("More connections than a batch has packets, and than answers may wait, are all told")
    func open() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        var ours: [Connection] = []
        var theirs: [Connection] = []
        for _ in 0..<700 {
          ours.append(try await left.connect(to: "10.7.0.2", port: 7))
          theirs.append(try await listener.accept())
        }
        await left.shutdown()
        var resets = 0
        for connection in theirs where await isReset(connection) { resets += 1 }
        #expect(resets == 700)
      }
    }

    @Test("Those that nobody has accepted are told")
    func unaccepted() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        var ours: [Connection] = []
        for _ in 0..<5 { ours.append(try await left.connect(to: "10.7.0.2", port: 7)) }
        await right.shutdown()
        for connection in ours { #expect(await isReset(connection)) }
        #expect(listener.local.port == 7)
      }
    }

    @Test("What was written before a connection was closed arrives")
    func closed() async throws {
      try await withTwoHosts { left, right in
        let listener = try await right.listen(on: 7)
        let ours = try await left.connect(to: "10.7.0.2", port: 7)
        let theirs = try await listener.accept()
        async let all = readAll(theirs)
        try await ours.write(pattern(200_000))
        ours.close()
        await left.shutdown()
        #expect(try await all == pattern(200_000))
      }
    }

    private func isReset(_ connection: Connection) async -> Bool {
      do {
        _ = try await connection.read()
        return false
      } catch {
        return error.code == .reset
      }
    }
  }
#endif
