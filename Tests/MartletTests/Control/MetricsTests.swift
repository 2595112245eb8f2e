#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Metrics", .timeLimit(.minutes(1)))
  struct MetricsTests {
    /// A sample as the text format has it.
    private struct Sample: Equatable {
      var name: String
      var labels: [String: String]
      var value: Double
    }

    /// Reads the text format 0.0.4 strictly: each family with HELP, TYPE, then its samples, and each once.
    private static func parse(_ text: String) throws -> [String: (type: String, samples: [Sample])] {
      var families: [String: (type: String, samples: [Sample])] = [:]
      var current = ""
      var hasHelp = ""
      #expect(text.hasSuffix("\n"))
      for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
        if line.hasPrefix("# HELP ") {
          hasHelp = String(line.split(separator: " ")[2])
          #expect(families[hasHelp] == nil, "\(hasHelp) comes twice")
          continue
        }
        if line.hasPrefix("# TYPE ") {
          let words = line.split(separator: " ").map(String.init)
          try #require(
            words.count == 4 && words[2] == hasHelp && ["counter", "gauge"].contains(words[3]), "\(line)")
          current = words[2]
          families[current] = (words[3], [])
          continue
        }
        let sample = try sample(line)
        #expect(sample.name == current, "\(line)")
        #expect(
          families[current]?.samples.contains { $0.labels == sample.labels } == false, "\(line) comes twice")
        families[current]?.samples.append(sample)
      }
      return families
    }

    private static func sample(_ line: Substring) throws -> Sample {
      let pattern = /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([0-9.eE+-]+)/
      let match = try #require(line.wholeMatch(of: pattern), "\(line)")
      var labels: [String: String] = [:]
      for part in (match.2 ?? "").split(separator: ",") {
        let label = try #require(part.wholeMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/))
        labels[String(label.1)] = String(label.2)
      }
      return Sample(name: String(match.1), labels: labels, value: try #require(Double(match.3)))
    }

    /// One request by hand.
    private static func ask(_ port: UInt16, _ octets: [UInt8]) throws -> String {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let descriptor = FileDescriptor(rawValue: fd)
      defer { try? descriptor.close() }
      let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      try #require(isConnected)
      _ = octets.withUnsafeBytes {
        send(fd, $0.baseAddress, $0.count, Int32(truncatingIfNeeded: MSG_NOSIGNAL))
      }
      var answer: [UInt8] = []
      while true {
        var watched = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        try #require(poll(&watched, 1, 20_000) > 0, "nothing came in time")
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = read(fd, &room, room.count)
        guard count > 0 else { return String(decoding: answer, as: UTF8.self) }
        answer += room[..<count]
      }
    }

    private static let request = Array("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n".utf8)

    @Test("What Prometheus is told keeps its format, and is what the stack says of itself")
    func scrape() throws {
      let wire = MemoryLink.pair()
      let left = wire.left
      let loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)), links: LinkSet(left, addresses: [prefix("10.7.0.1/24")]),
        application: EchoService())
      let control = loop.control
      let endpoint = try MetricsEndpoint(try MetricsAddress(parsing: "127.0.0.1:0"), of: [control])
      defer { endpoint.close() }
      let thread = try SystemThread(name: "test-loop", LoopRunner(loop).run)
      defer {
        control.stop()
        thread.join()
      }
      let answer = try Self.ask(endpoint.address.port, Self.request)
      let parts = try #require(answer.firstRange(of: "\r\n\r\n"))
      let head = answer[..<parts.lowerBound]
      #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
      let families = try Self.parse(String(answer[parts.upperBound...]))
      #expect(families.keys.allSatisfy { $0.hasPrefix("martlet_") })
      #expect(families.allSatisfy { ($0.value.type == "counter") == $0.key.hasSuffix("_total") })
      #expect(families["martlet_sockets"]?.samples.count == TCPState.allCases.count)
      #expect(families["martlet_sockets"]?.samples.first { $0.labels == ["state": "LISTEN"] }?.value == 1)
      #expect(
        families["martlet_syn_flood"]?.samples == [
          Sample(name: "martlet_syn_flood", labels: ["listener": "*:7"], value: 0)
        ])
      #expect(families["martlet_memory_held_bytes"]?.samples.first?.value ?? 0 > 1_000)
      #expect(families["martlet_drops_total"]?.samples.count == DropReason.allCases.count)
      #expect(families["martlet_link_received_packets_total"]?.samples.first?.labels == ["link": "memory"])
      for name in [
        "tcp_ext_listen_overflows", "tcp_retrans_segs", "tcp_ext_delayed_acks", "ip_ext_in_ce_pkts",
      ] {
        #expect(families["martlet_\(name)_total"] != nil, "\(name)")
      }
    }

    @Test(
      "Other requests, and what is none, are answered so",
      arguments: [
        ("GET / HTTP/1.1\r\n\r\n", "404"), ("POST /metrics HTTP/1.1\r\n\r\n", "405"), ("frob\r\n\r\n", "400"),
        ("GET /metrics\r\n\r\n", "400"), ("HEAD /metrics HTTP/1.0\r\n\r\n", "503"),
        ("GET /metrics?x=1 HTTP/1.1\n\n", "503"), (String(repeating: "x", count: 9_000), "431"),
      ])
    func others(_ request: String, _ status: String) throws {
      // Nobody runs the loop.
      let endpoint = try MetricsEndpoint(
        MetricsAddress(address: .v4(IPv4Address(127, 0, 0, 1)), port: 0), of: [LoopControl()])
      defer { endpoint.close() }
      let answer = try Self.ask(endpoint.address.port, Array(request.utf8))
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
    }

    @Test("An address in use, and what is none, is refused with what to do")
    func addresses() throws {
      let first = try MetricsEndpoint(
        MetricsAddress(address: .v4(IPv4Address(127, 0, 0, 1)), port: 0), of: [LoopControl()])
      defer { first.close() }
      let error = #expect(throws: LinkError.self) { try MetricsEndpoint(first.address, of: [LoopControl()]) }
      #expect(try #require(error).message.contains("Choose another"))
      for text in ["", "9100", "localhost:9100", "127.0.0.1", "127.0.0.0/8:9100", ":9100", "127.0.0.1:99999"]
      {
        #expect(throws: FilterError.self) { try MetricsAddress(parsing: text) }
      }
      #expect(try MetricsAddress(parsing: "[::1]:9100").port == 9_100)
    }

    @Test(
      "Names",
      arguments: [
        ("TcpExtListenOverflows", "tcp_ext_listen_overflows"), ("IpReasmOKs", "ip_reasm_oks"),
        ("TcpExtTCPSpuriousRTOs", "tcp_ext_tcp_spurious_rtos"), ("TcpInSegs", "tcp_in_segs"),
        ("TcpExtPAWSEstab", "tcp_ext_paws_estab"),
      ])
    func names(_ linux: String, _ prometheus: String) { #expect(StackFigures.snakeCase(linux) == prometheus) }
  }

  /// Carries a loop to the thread that runs it.
  private final class LoopRunner: @unchecked Sendable {
    private var loop: StackLoop<MemoryLink, EchoService>?
    init(_ loop: consuming StackLoop<MemoryLink, EchoService>) { self.loop = consume loop }

    @Sendable func run() {
      guard var loop = loop.take() else { return }
      try? loop.run()
    }
  }
#endif
