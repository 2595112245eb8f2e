#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import Synchronization
  import Testing

  @Suite("Hosts on an Ethernet in memory", .timeLimit(.minutes(1)))
  struct EthernetHostTests {
    private static let left = MACAddress(bits: 0x02_00_00_00_00_01)
    private static let right = MACAddress(bits: 0x02_00_00_00_00_02)

    @Test(
      "A connection is wanted before anybody knows whether the address is ours alone: it waits, and opens")
    func waits() async throws {
      var wire = try MemoryLink.crossThreadPair()
      wire.left.medium = .ethernet(EthernetMedium(hardwareAddress: Self.left))
      wire.right.medium = .ethernet(EthernetMedium(hardwareAddress: Self.right, checksAddresses: false))
      let leftEnd = wire.left
      let rightEnd = wire.right
      let left = try Host(LinkSet(leftEnd, addresses: [prefix("fd00:7::1/64")]), logger: quiet)
      let right = try Host(LinkSet(rightEnd, addresses: [prefix("fd00:7::2/64")]), logger: quiet)
      let listener = try await right.listen(on: 7)
      #expect(try await right.addresses().contains(prefix("fd00:7::2/64")))
      async let accepted = listener.accept()
      let connection = try await left.connect(to: "fd00:7::2", port: 7)
      #expect(connection.local.address == prefix("fd00:7::1/64").address)
      #expect(try await left.addresses().contains(prefix("fd00:7::1/64")))
      // Of the other family there is none, and nobody is asked for one.
      let error = await #expect(throws: HostError.self) { try await left.connect(to: "10.7.0.2", port: 7) }
      #expect(error?.code == .unreachable)
      try await accepted.abort()
      connection.abort()
      await left.shutdown()
      await right.shutdown()
    }

    @Test("Whoever waits for an address that does not come can be cancelled, and a host can be shut down")
    func givesUp() async throws {
      let wire = try MemoryLink.crossThreadPair()
      var end = wire.left
      end.medium = .ethernet(EthernetMedium(hardwareAddress: Self.left, dhcp: DHCPConfiguration()))
      let host = try Host(LinkSet(end, addresses: []), logger: quiet)
      let cancelled = Task { try await host.connect(to: "10.7.0.2", port: 7) }
      // It is there once it has been asked.
      _ = try await host.addresses()
      cancelled.cancel()
      let first = await #expect(throws: HostError.self) { try await cancelled.value }
      #expect(first?.code == .cancelled)
      let stopped = Task { try await host.connect(to: "10.7.0.2", port: 7) }
      _ = try await host.addresses()
      await host.shutdown()
      let second = await #expect(throws: HostError.self) { try await stopped.value }
      #expect(second?.code == .stopped)
    }

    @Test("A connection waits for the address that a DHCP server lends, and shutting down gives it back")
    func lease() async throws {
      var wire = try MemoryLink.crossThreadPair()
      wire.left.medium = .ethernet(
        EthernetMedium(hardwareAddress: Self.left, checksAddresses: false, dhcp: DHCPConfiguration()))
      let end = wire.left
      let lender = Lender(wire.right)
      let lending = Task.detached { await lender.run() }
      let host = try Host(LinkSet(end, addresses: []), logger: quiet)
      let wanted = Task { try await host.connect(to: "10.7.0.9", port: 7) }
      await lender.waits { $0.asker != nil }
      #expect(try await host.addresses() == [IPPrefix(.v4(Lender.lent), length: 24)])
      #expect(lender.heard.asker == Lender.lent)
      await host.shutdown()
      await #expect(throws: HostError.self) { try await wanted.value }
      await lender.waits { $0.kinds.last == .release }
      // On a busy machine the answer may come after the question was said again.
      let kinds = lender.heard.kinds.reduce(into: [DHCPMessageType]()) { if $0.last != $1 { $0.append($1) } }
      #expect(kinds.first == .discover && kinds.suffix(2) == [.request, .release])
      lending.cancel()
    }
  }

  /// A DHCP server on the far end of a wire that lends one address, and hears who asks for neighbours.
  private final class Lender: Sendable {
    struct Heard {
      var kinds: [DHCPMessageType] = []
      /// Who looks for a neighbour.
      var asker: IPv4Address?
    }

    static let lent = IPv4Address(10, 7, 0, 77)
    private static let own = IPv4Address(10, 7, 0, 250)
    private static let hardware = MACAddress(bits: 0x02_00_00_00_00_fa)

    private struct State: ~Copyable {
      var link: MemoryLink
      var heard = Heard()
    }

    private let state: Mutex<State>

    var heard: Heard { state.withLock { $0.heard } }

    init(_ link: consuming MemoryLink) {
      state = Mutex(State(link: link))
    }

    func run() async {
      while !Task.isCancelled {
        turn()
        await Task.yield()
      }
    }

    func waits(_ isThere: (Heard) -> Bool) async {
      while !isThere(heard) { await Task.yield() }
    }

    private func turn() {
      state.withLock { state in
        var questions: [DHCPMessage] = []
        var heard = state.heard
        _ = try? state.link.receive(limit: 64, now: SystemClock.now) { frame, _ in
          let packet = frame.extracting(EthernetHeader.encodedCount..<frame.byteCount)
          if let arp = ARPPacket(parsing: packet) {
            if arp.operation == .request { heard.asker = arp.senderProtocol }
          } else if let ip = IPv4HeaderView(validating: packet), ip.proto == .udp,
            let udp = UDPHeaderView(validating: ip.payload), let question = DHCPMessage(parsing: udp.payload),
            let kind = question.options.messageType
          {
            heard.kinds.append(kind)
            questions.append(question)
          }
        }
        state.heard = heard
        for question in questions {
          guard let answer = Self.answer(to: question) else { continue }
          var isSent = false
          _ = try? state.link.send(limit: 2, now: SystemClock.now) { out in
            guard !isSent else { return nil }
            isSent = true
            return OutgoingPacket(count: Self.write(answer, into: &out))
          }
        }
      }
    }

    private static func answer(to question: DHCPMessage) -> DHCPMessage? {
      var answer = DHCPMessage(op: .reply, xid: question.xid, chaddr: question.chaddr)
      switch question.options.messageType {
      case .discover: answer.options.messageType = .offer
      case .request: answer.options.messageType = .ack
      default: return nil
      }
      answer.yiaddr = lent
      answer.options.serverIdentifier = own
      answer.options.subnetMask = IPv4Address(255, 255, 255, 0)
      answer.options.leaseTime = 3_600
      return answer
    }

    /// Returns the octets of the frame.
    private static func write(_ answer: DHCPMessage, into out: inout MutableRawSpan) -> Int {
      let datagram = UDPHeader.encodedCount + answer.encodedCount
      let packet = IPv4Header.encodedCount + datagram
      EthernetHeader(destination: answer.chaddr, source: hardware, etherType: .ipv4).write(into: &out, at: 0)
      IPv4Header(
        totalCount: UInt16(packet), proto: .udp, source: own, destination: lent
      ).write(into: &out, at: EthernetHeader.encodedCount)
      let start = EthernetHeader.encodedCount + IPv4Header.encodedCount
      UDPHeader(sourcePort: 67, destinationPort: 68, totalCount: UInt16(datagram)).write(
        into: &out, at: start)
      // RFC 768: a field of zero is no checksum.
      out.store16be(0, at: start + 6)
      answer.write(into: &out, at: start + UDPHeader.encodedCount)
      return EthernetHeader.encodedCount + packet
    }
  }
#endif
