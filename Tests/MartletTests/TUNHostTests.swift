#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("A host against this machine's kernel", .needsTUN, .timeLimit(.minutes(1)))
  struct TUNHostTests {
    @Test("The kernel's socket connects to us, and gets back all it sends", arguments: [false, true])
    func kernelConnects(v6: Bool) async throws {
      let namespace = try NetworkNamespace.anonymous()
      let own = prefix(v6 ? "fd00:7::1/64" : "10.7.0.1/24")
      let link = try TUNLink(
        TUNConfiguration(name: "mt0", kernelAddresses: [try own.nextFreeAddress()]), in: namespace)
      let host = try Host(LinkSet(link, addresses: [own]), logger: quiet)
      let listener = try await host.listen(on: 7)
      let server = Task {
        let connection = try await listener.accept()
        while let octets = try await connection.read() { try await connection.write(octets) }
        try await connection.finish()
      }
      let socket = try namespace.perform { () throws(LinkError) in streamSocket(v6: v6) }
      let sent = pattern(1_000_000)
      let exchange = KernelExchange(socket, to: own.address, port: 7, sent: sent)
      let back = try await exchange.run()
      try await server.value
      #expect(back == sent)
      await host.shutdown()
    }

    @Test("We connect to the kernel's listener, out of a namespace, and read what its program writes")
    func weConnect() async throws {
      let namespace = try NetworkNamespace.anonymous()
      let own = prefix("10.7.0.1/24")
      let kernel = try own.nextFreeAddress()
      let link = try TUNLink(TUNConfiguration(name: "mt0", kernelAddresses: [kernel]), in: namespace)
      let host = try Host(LinkSet(link, addresses: [own]), logger: quiet)
      let listening = try namespace.perform { () throws(LinkError) -> Int32 in
        let socket = streamSocket(v6: false)
        withAddress(kernel.address, port: 8080) { bind(socket, $0, $1) }
        listen(socket, 8)
        return socket
      }
      defer { close(listening) }
      let connection = try await host.connect(to: Endpoint(address: kernel.address, port: 8080))
      let accepted = accept(listening, nil, nil)
      #expect(accepted >= 0)
      #expect(write(accepted, [UInt8]("hello".utf8), 5) == 5)
      close(accepted)
      #expect(try await readAll(connection) == [UInt8]("hello".utf8))
      connection.close()
      await host.shutdown()
    }

    @Test("Two interfaces at once, one stack")
    func twoInterfaces() async throws {
      let namespace = try NetworkNamespace.anonymous()
      let first = prefix("10.7.0.1/24")
      let second = prefix("10.8.0.1/24")
      var links = LinkSet<TUNLink>()
      for own in [first, second] {
        let link = try TUNLink(
          TUNConfiguration(name: "mt%d", kernelAddresses: [try own.nextFreeAddress()]), in: namespace)
        try links.add(link, addresses: [own])
      }
      let host = try Host(links, logger: quiet)
      let listener = try await host.listen(on: 7)
      let server = Task {
        for try await connection in listener {
          while let octets = try await connection.read() { try await connection.write(octets) }
          try await connection.finish()
        }
      }
      for own in [first, second] {
        let socket = try namespace.perform { () throws(LinkError) in streamSocket(v6: false) }
        let back = try await KernelExchange(socket, to: own.address, port: 7, sent: pattern(10_000)).run()
        #expect(back == pattern(10_000))
      }
      listener.close()
      try await server.value
      await host.shutdown()
    }

    @Test(
      "A device that is taken away stops the host, and those who wait are told",
      .enabled("needs the program ip") { Machine.hasProgram("ip") })
    func deviceGone() async throws {
      let namespace = try NetworkNamespace.anonymous()
      let link = try TUNLink(TUNConfiguration(name: "mt0"), in: namespace)
      let host = try Host(LinkSet(link, addresses: [prefix("10.7.0.1/24")]), logger: quiet)
      let listener = try await host.listen(on: 7)
      let waiting = Task { try await listener.accept() }
      var removal = try namespace.start(["ip", "link", "delete", "mt0"])
      #expect(removal.wait() == 0)
      let error = await #expect(throws: HostError.self) { try await waiting.value }
      #expect(error?.code == .stopped)
      await host.shutdown()
    }

    @Test(
      "A device that is taken away is made again where that is asked for, and the host goes on",
      .enabled("needs the program ip") { Machine.hasProgram("ip") })
    func deviceBack() async throws {
      let namespace = try NetworkNamespace.anonymous()
      let own = prefix("10.7.0.1/24")
      let terms = TUNConfiguration(name: "mt0", kernelAddresses: [try own.nextFreeAddress()])
      let (changes, told) = AsyncStream.makeStream(of: LinkError?.self)
      let home = Shared(namespace)
      let link = try ReconnectingLink(
        try TUNLink(terms, in: home.namespace), pause: .milliseconds(5), onChange: { told.yield($0) },
        again: { () throws(LinkError) in try TUNLink(terms, in: home.namespace) })
      let host = try Host(LinkSet(link, addresses: [own]), logger: quiet)
      let listener = try await host.listen(on: 7)
      let server = Task {
        for try await connection in listener {
          while let octets = try await connection.read() { try await connection.write(octets) }
          try await connection.finish()
        }
      }
      var change = changes.makeAsyncIterator()
      for _ in 0..<3 {
        let socket = try home.namespace.perform { () throws(LinkError) in streamSocket(v6: false) }
        let back = try await KernelExchange(socket, to: own.address, port: 7, sent: pattern(10_000)).run()
        #expect(back == pattern(10_000))
        var removal = try home.namespace.start(["ip", "link", "delete", "mt0"])
        #expect(removal.wait() == 0)
        #expect(try #require(await change.next())?.code == .deviceGone)
        #expect(try #require(await change.next()) == nil)
      }
      listener.close()
      try await server.value
      await host.shutdown()
    }
  }

  /// A namespace for more than one to use.
  private final class Shared: Sendable {
    let namespace: NetworkNamespace

    init(_ namespace: consuming NetworkNamespace) { self.namespace = namespace }
  }

  private func streamSocket(v6: Bool) -> Int32 {
    socket(v6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  }

  @discardableResult
  private func withAddress(
    _ address: IPAddress, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    if case .v4(let v4) = address {
      var native = sockaddr_in()
      native.sin_family = sa_family_t(AF_INET)
      native.sin_port = port.bigEndian
      native.sin_addr.s_addr = v4.bits.bigEndian
      return withUnsafeBytes(of: &native) { body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, 16) }
    }
    var native = sockaddr_in6()
    native.sin6_family = sa_family_t(AF_INET6)
    native.sin6_port = port.bigEndian
    inet_pton(AF_INET6, address.description, &native.sin6_addr)
    return withUnsafeBytes(of: &native) { body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, 28) }
  }

  /// A blocking kernel socket that sends everything, finishes, and reads everything: on two
  /// threads of its own, so that no task waits in the kernel.
  private struct KernelExchange: Sendable {
    let socket: Int32
    let address: IPAddress
    let port: UInt16
    let sent: [UInt8]

    init(_ socket: Int32, to address: IPAddress, port: UInt16, sent: [UInt8]) {
      self.socket = socket
      self.address = address
      self.port = port
      self.sent = sent
    }

    func run() async throws -> [UInt8] {
      await withCheckedContinuation { continuation in
        do throws(LinkError) {
          try SystemThread(name: "exchange") { continuation.resume(returning: exchange()) }.detach()
        } catch {
          continuation.resume(returning: [])
        }
      }
    }

    private func exchange() -> [UInt8] {
      defer { close(socket) }
      // Long: the server is a task, and a busy machine lets it wait.
      var limit = timeval(tv_sec: 120, tv_usec: 0)
      setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      guard withAddress(address, port: port, { connect(socket, $0, $1) }) == 0 else { return [] }
      let writer = try? SystemThread(name: "writer") {
        var at = 0
        while at < sent.count {
          let count = sent[at...].withUnsafeBytes { write(socket, $0.baseAddress, $0.count) }
          guard count > 0 else { break }
          at += count
        }
        Glibc.shutdown(socket, Int32(SHUT_WR))
      }
      var back: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = read(socket, &chunk, chunk.count)
        guard count > 0 else { break }
        back += chunk[..<count]
      }
      writer?.join()
      return back
    }
  }
#endif
