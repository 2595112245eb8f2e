#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import Testing

  @Suite("UDP sockets of two hosts on a wire in memory", .timeLimit(.minutes(1)))
  struct DatagramSocketTests {
    @Test(
      "Datagrams come one by one, whole, with where they are from; answers go back",
      arguments: ["10.7.0.2", "fd00:7::2"])
    func echo(address: String) async throws {
      try await withTwoHosts { left, right in
        let server = try await right.datagramSocket(on: LocalEndpoint(port: 7))
        async let served: Void = {
          for try await datagram in server {
            try await server.send(datagram.octets, to: datagram.remote)
            if datagram.octets.isEmpty { return }
          }
        }()
        let client = try await left.datagramSocket(connectedTo: endpoint(address, 7))
        #expect(client.local.port != 0)
        // The largest is cut on its way and put together again.
        for count in [1, 1_472, 20_000, 65_507, 0] {
          try await client.send(pattern(count))
          let back = try await client.receive()
          #expect(back.octets == pattern(count))
          #expect(back.remote == endpoint(address, 7))
          #expect(back.destination == client.local.address)
        }
        try await served
      }
    }

    @Test("What nobody wants comes back as an error, once, and what cannot be sent is refused")
    func errors() async throws {
      try await withTwoHosts { left, _ in
        let client = try await left.datagramSocket(connectedTo: endpoint("10.7.0.2", 9))
        try await client.send([1])
        let refused = await #expect(throws: HostError.self) { try await client.receive() }
        #expect(refused?.code == .refused)
        let open = try await left.datagramSocket()
        #expect(await code { try await open.send([1]) } == .badAddress)
        #expect(await code { try await open.send([1], to: endpoint("10.99.0.1", 7)) } == .unreachable)
        #expect(
          await code { try await open.send(pattern(65_508), to: endpoint("10.7.0.2", 7)) } == .badAddress)
        #expect(await code { _ = try await left.datagramSocket(on: open.local) } == .addressInUse)
        let foreign = LocalEndpoint(address: endpoint("10.9.9.9", 0).address, port: 7)
        #expect(await code { _ = try await left.datagramSocket(on: foreign) } == .badAddress)
      }
    }

    @Test("More than a link takes at once leaves as there is room, in its order")
    func waits() async throws {
      try await withTwoHosts { left, right in
        let server = try await right.datagramSocket(on: LocalEndpoint(port: 7))
        let client = try await left.datagramSocket(connectedTo: endpoint("10.7.0.2", 7))
        // 6 MB of datagrams are more than any queue on their way holds; the receiver lets the next come.
        var seen = 0
        for round in 0..<100 {
          async let sent: Void = {
            for n in 0..<4 { try await client.send([UInt8(round), UInt8(n)] + pattern(15_000)) }
          }()
          for n in 0..<4 {
            let datagram = try await server.receive()
            #expect(datagram.octets[...1] == [UInt8(round), UInt8(n)])
            seen += 1
          }
          try await sent
        }
        #expect(seen == 400)
      }
    }

    @Test("Whoever waits ends when he is cancelled, when the socket is closed and when the host is shut down")
    func ends() async throws {
      try await withTwoHosts { left, _ in
        let socket = try await left.datagramSocket(on: LocalEndpoint(port: 7))
        let cancelled = Task { () throws(HostError) -> Datagram in try await socket.receive() }
        _ = try await left.addresses()
        cancelled.cancel()
        #expect(await code { _ = try await cancelled.value } == .cancelled)
        let loop = Task {
          var count = 0
          for try await _ in socket { count += 1 }
          return count
        }
        _ = try await left.addresses()
        socket.close()
        #expect(try await loop.value == 0)
        #expect(await code { try await socket.send([1], to: endpoint("10.7.0.2", 7)) } == .closed)
        // The port is free again.
        let second = try await left.datagramSocket(on: LocalEndpoint(port: 7))
        let stopped = Task { () throws(HostError) -> Datagram in try await second.receive() }
        _ = try await left.addresses()
        await left.shutdown()
        #expect(await code { _ = try await stopped.value } == .stopped)
      }
    }

    @Test("A group is heard from when it is joined until it is left", arguments: ["224.0.1.99", "ff05::99"])
    func groups(group: String) async throws {
      try await withTwoHosts { left, right in
        let wire = try #require(right.interface(named: "memory"))
        #expect(right.interface(named: "eth0") == nil)
        let server = try await right.datagramSocket(on: LocalEndpoint(port: 7))
        let to = endpoint(group, 7)
        try await server.join(to.address, on: wire)
        #expect(await code { try await server.join(to.address, on: wire) } == .addressInUse)
        let client = try await left.datagramSocket()
        try await client.send([1], to: to, on: left.interface(named: "memory"))
        let heard = try await server.receive()
        #expect(heard.octets == [1] && heard.destination == to.address && heard.interface == wire)
        try await server.leave(to.address, on: wire)
        #expect(await code { try await server.leave(to.address, on: wire) } == .badAddress)
        let local = endpoint(group.contains(":") ? "fd00:7::2" : "10.7.0.2", 7)
        try await client.send([2], to: to, on: left.interface(named: "memory"))
        try await client.send([3], to: local)
        #expect(try await server.receive().octets == [3])
      }
    }

    @Test("Of thousands that are cancelled at once each one ends")
    func cancelled() async throws {
      try await withTwoHosts { left, _ in
        for _ in 0..<5 {
          let socket = try await left.datagramSocket()
          let listener = try await left.listen(on: 0)
          var tasks: [Task<Void, Never>] = []
          for n in 0..<2_000 {
            tasks.append(
              Task {
                if n % 2 == 0 { _ = try? await socket.receive() } else { _ = try? await listener.accept() }
              })
          }
          _ = try await left.addresses()
          let all = tasks
          await withTaskGroup(of: Void.self) { group in
            for half in 0..<2 {
              group.addTask { for k in stride(from: half, to: all.count, by: 2) { all[k].cancel() } }
            }
          }
          for task in tasks { await task.value }
        }
      }
    }
  }

  /// Nil: it did not throw.
  private func code(_ body: () async throws -> Void) async -> HostError.Code? {
    do {
      try await body()
      return nil
    } catch {
      return (error as? HostError)?.code
    }
  }
#endif
